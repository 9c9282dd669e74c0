//! The settings of a client of Kafka.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use rdkafka::ClientConfig;

/// The settings of a client of Kafka: the brokers, and properties of librdkafka.
///
/// ```
/// use versioned_core::kafka::KafkaConfig;
///
/// let config = KafkaConfig::new("kafka-1:9092,kafka-2:9092")
///     .set("security.protocol", "sasl_ssl")
///     .set("sasl.mechanism", "SCRAM-SHA-512");
/// ```
#[derive(Clone)]
pub struct KafkaConfig {
    properties: BTreeMap<String, String>,
}

impl KafkaConfig {
    /// Sets the brokers that are asked first, as `host:port`, separated by commas.
    pub fn new(servers: impl Into<String>) -> Self {
        let properties = BTreeMap::new();
        Self { properties }.set("bootstrap.servers", servers)
    }

    /// Sets a property of librdkafka, such as `sasl.username`. The list of them is the file
    /// `CONFIGURATION.md` of librdkafka.
    #[must_use]
    pub fn set(mut self, property: impl Into<String>, value: impl Into<String>) -> Self {
        let property = property.into();
        // Two names of one property would be set in any order.
        let name = match property.as_str() {
            "metadata.broker.list" => "bootstrap.servers",
            "delivery.timeout.ms" => "message.timeout.ms",
            "queue.buffering.max.ms" => "linger.ms",
            _ => &property,
        };
        self.properties.insert(name.to_owned(), value.into());
        self
    }

    /// Returns the configuration of a client, with these defaults and with what this crate sets
    /// itself.
    pub(super) fn client(
        &self,
        defaults: &[(&str, &str)],
        fixed: &[Fixed],
    ) -> Result<ClientConfig, KafkaConfigError> {
        let mut config = ClientConfig::new();
        let common = [
            ("log.connection.close", "false"),
            ("reconnect.backoff.max.ms", "1000"),
            ("allow.auto.create.topics", "false"),
        ];
        for (property, value) in common.iter().chain(defaults) {
            config.set(*property, *value);
        }
        for (property, value) in &self.properties {
            config.set(property, value);
        }
        for fixed in fixed {
            let own = self.properties.get(fixed.property).map(String::as_str);
            match fixed.value {
                Some(value) => {
                    if own.is_some_and(|own| own != value) {
                        return Err(fixed.error());
                    }
                    config.set(fixed.property, value);
                }
                None if own.is_some() => return Err(fixed.error()),
                None => {}
            }
        }
        Ok(config)
    }

    /// Returns a property in milliseconds.
    pub(super) fn millis(&self, property: &str) -> Option<u64> {
        self.properties.get(property)?.parse().ok()
    }
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values may be secrets.
        f.debug_set().entries(self.properties.keys()).finish()
    }
}

/// A property that this crate sets itself.
pub(super) struct Fixed {
    pub(super) property: &'static str,
    /// Its value. `None` if it must not be set.
    pub(super) value: Option<&'static str>,
    pub(super) reason: &'static str,
}

impl Fixed {
    fn error(&self) -> KafkaConfigError {
        KafkaConfigError::Property {
            property: self.property,
            reason: self.reason,
        }
    }
}

/// The reason why a client of Kafka could not be created.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KafkaConfigError {
    /// A property contradicts what this crate needs.
    Property {
        /// The name of the property.
        property: &'static str,
        /// What to do, and why.
        reason: &'static str,
    },
    /// librdkafka does not accept a property, or could not create the client.
    Client(String),
}

impl KafkaConfigError {
    pub(super) fn client(error: &rdkafka::error::KafkaError) -> Self {
        Self::Client(error.to_string())
    }
}

impl fmt::Display for KafkaConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Property { property, reason } => {
                write!(f, "change `{property}`: {reason}")
            }
            Self::Client(reason) => write!(f, "the client could not be created: {reason}"),
        }
    }
}

impl Error for KafkaConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: &[Fixed] = &[
        Fixed {
            property: "enable.auto.commit",
            value: Some("false"),
            reason: "set it to `false`",
        },
        Fixed {
            property: "transactional.id",
            value: None,
            reason: "remove it",
        },
    ];

    fn client(config: &KafkaConfig) -> Result<ClientConfig, KafkaConfigError> {
        config.client(&[("linger.ms", "1")], FIXED)
    }

    #[test]
    fn the_users_value_comes_before_the_default_and_not_before_a_fixed_one() {
        let config = KafkaConfig::new("a:1").set("queue.buffering.max.ms", "7");
        let own = client(&config).unwrap();
        assert_eq!(own.get("linger.ms"), Some("7"));
        assert_eq!(own.get("queue.buffering.max.ms"), None);
        assert_eq!(own.get("enable.auto.commit"), Some("false"));
        assert_eq!(own.get("bootstrap.servers"), Some("a:1"));
        for (property, value) in [("enable.auto.commit", "true"), ("transactional.id", "x")] {
            let error = client(&config.clone().set(property, value)).unwrap_err();
            assert!(
                matches!(error, KafkaConfigError::Property { property: p, .. } if p == property),
                "{error:?}"
            );
        }
        let same = config.set("enable.auto.commit", "false");
        assert!(client(&same).is_ok());
    }

    #[test]
    fn secrets_are_not_printed() {
        let config = KafkaConfig::new("a:1").set("sasl.password", "secret");
        assert_eq!(
            format!("{config:?}"),
            r#"{"bootstrap.servers", "sasl.password"}"#
        );
    }
}
