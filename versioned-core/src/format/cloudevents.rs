//! CloudEvents 1.0.

mod attributes;
mod data;
mod envelope;
mod header;
mod read;
mod source;
mod types;
mod write;

#[cfg(test)]
mod tests;

use self::source::uri_reference;
use self::types::Types;
use super::DeletionVersion;
use crate::event::Op;

/// The media type of an event as one JSON object.
const STRUCTURED: &str = "application/cloudevents+json";
/// The extension that has the version, unless another is named.
const VERSION: &str = "version";

/// CloudEvents 1.0, written and read.
///
/// ```
/// use versioned_core::Op;
/// use versioned_core::format::{Binding, CloudEvents, Encode};
/// # use versioned_core::outbox::OutboxRow;
/// # let row = OutboxRow {
/// #     id: 1, entity: "tickets".into(), key: "7".into(), version: 2, op: "updated".into(),
/// #     payload: r#"{"entity":"tickets","key":"7","version":2,"op":"updated","at":"","data":{"id":7,"price":25}}"#.into(),
/// #     attempts: 0,
/// # };
///
/// let form = CloudEvents::new().source("/tickets-service");
/// let message = form.encode(&row, Binding::Nats)?; // a row of the outbox
/// let body: serde_json::Value = serde_json::from_slice(&message.body.unwrap()).unwrap();
/// assert_eq!(body["type"], "tickets.updated");
/// assert_eq!(body["source"], "/tickets-service");
/// assert_eq!(body["subject"], "7");
/// assert_eq!(body["version"], "2");
/// # Ok::<(), String>(())
/// ```
///
/// # Written
///
/// The `type` is `{entity}.{op}`, the `subject` is the key, and the extension `version` has the
/// version as text. A deletion has no data. An event is one JSON object, or headers and a body
/// ([`binary`](Self::binary)), and never both. Attributes are never null or empty, and there is no
/// `sequence`.
///
/// An event is rejected if its key is empty and it has no data, because the `subject` cannot be
/// empty.
///
/// # Read
///
/// Structured and binary events of each binding are read, with names in upper or lower case. Data
/// may be JSON, JSON in a string, or base64 of JSON. An event of another entity, or with a type
/// that does not end with an operation, is not for this replica.
///
/// An event is refused if it has no version, if it has no data and is not a deletion, if its data
/// is not a JSON object, or if its `specversion` is not 1. The key of a record is read from its
/// data, and the key of a deletion without data is the `subject`. The `id`, `sequence`, `time` and
/// `partitionkey` do not decide anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloudEvents {
    source: String,
    mode: Mode,
    structured_deletions: bool,
    ce_on_amqp: bool,
    types: Types,
    version: VersionAt,
    last_segment: bool,
    deletions: DeletionVersion,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Structured,
    Binary,
}

/// Where the version is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum VersionAt {
    Attribute(String),
    /// A JSON pointer into the data.
    Data(String),
}

impl Default for VersionAt {
    fn default() -> Self {
        Self::Attribute(VERSION.to_owned())
    }
}

impl VersionAt {
    /// Returns the extension that has the version of an event that is written.
    fn written(&self) -> &str {
        match self {
            Self::Attribute(name) => name,
            Self::Data(_) => VERSION,
        }
    }
}

impl CloudEvents {
    /// Returns the form with its defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the `source` of events that are written: a URI-reference that names the service. What a
    /// URI cannot hold is percent-encoded. The default is `/{entity}`.
    #[must_use]
    pub fn source(self, source: impl Into<String>) -> Self {
        let source = uri_reference(&source.into());
        Self { source, ..self }
    }

    /// Writes the attributes as headers, and the data as the body. By default an event is one JSON
    /// object, which all SDKs read on all brokers.
    ///
    /// The names begin with `ce-` on NATS and HTTP, `ce_` on Kafka and `cloudEvents_` on AMQP. On
    /// AMQP, the header `content-type` is for the property of this name. A deletion has no body,
    /// which is a tombstone on Kafka.
    #[must_use]
    pub fn binary(self) -> Self {
        Self {
            mode: Mode::Binary,
            ..self
        }
    }

    /// Writes events without data as one JSON object, also if others are [binary](Self::binary).
    /// The JavaScript SDK needs it on Kafka, where it cannot read a message without a body.
    #[must_use]
    pub fn structured_deletions(self) -> Self {
        Self {
            structured_deletions: true,
            ..self
        }
    }

    /// Writes headers on AMQP that begin with `ce-`, as readers of `RabbitMQ` expect them.
    /// The default is `cloudEvents_`. All spellings are read.
    #[must_use]
    pub fn ce_on_amqp(self) -> Self {
        Self {
            ce_on_amqp: true,
            ..self
        }
    }

    /// Sets the name that the replica's entity has in the types of events that are read:
    /// `com.shop.ticket.updated` has the entity `ticket`. The default is the entity of the replica.
    #[must_use]
    pub fn entity(mut self, entity: impl Into<String>) -> Self {
        self.types.entity = Some(entity.into());
        self
    }

    /// Reads only events whose type begins with this prefix, as `com.shop` in
    /// `com.shop.tickets.updated`. The prefix `""` is for types without one. By default any prefix
    /// is read.
    #[must_use]
    pub fn type_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.types.prefix = Some(prefix.into());
        self
    }

    /// Reads events of exactly this type as the operation, whatever their entity is.
    ///
    /// ```
    /// use versioned_core::Op;
    /// use versioned_core::format::CloudEvents;
    ///
    /// let form = CloudEvents::new()
    ///     .with_type("com.shop.TicketSold", Op::Updated)
    ///     .with_suffix("removed", Op::Deleted);
    /// # assert_ne!(form, CloudEvents::new());
    /// ```
    #[must_use]
    pub fn with_type(mut self, name: impl Into<String>, op: Op) -> Self {
        self.types.exact.push((name.into(), op));
        self
    }

    /// Reads types that end with this suffix as the operation, besides `created`, `updated`,
    /// `deleted` and `snapshot`. A version of the type after it, as in `tickets.deleted.v2`, is
    /// ignored.
    #[must_use]
    pub fn with_suffix(mut self, suffix: impl Into<String>, op: Op) -> Self {
        self.types.suffixes.push((suffix.into(), op));
        self
    }

    /// Sets the extension that has the version, which is `version` by default. Name `sequence` only
    /// if the producer counts it for each record.
    #[must_use]
    pub fn version_attribute(self, name: impl Into<String>) -> Self {
        let version = VersionAt::Attribute(name.into().to_ascii_lowercase());
        Self { version, ..self }
    }

    /// Reads the version from the data, at a JSON pointer such as `/version`. Events that are
    /// written have the extension `version`.
    #[must_use]
    pub fn version_in_data(self, pointer: impl Into<String>) -> Self {
        let version = VersionAt::Data(pointer.into());
        Self { version, ..self }
    }

    /// Reads the key of a deletion from the last segment of the subject: `7` of `/tickets/7`. The
    /// default is the whole subject.
    #[must_use]
    pub fn key_from_last_segment(self) -> Self {
        Self {
            last_segment: true,
            ..self
        }
    }

    /// Says what the version of a deletion means. The default is [`DeletionVersion::Next`].
    #[must_use]
    pub fn deletions(self, deletions: DeletionVersion) -> Self {
        Self { deletions, ..self }
    }
}
