//! The soak's way through Kafka. The URL is `kafka://` and the address.

use versioned_core::kafka::{KafkaConfig, KafkaConfigError, KafkaConsumer, KafkaPublisher, topic};

use crate::kafka::Shared;

const PREFIX: &str = "events";

/// Makes the topic. Its partitions are more than the consumers.
///
/// # Panics
///
/// When that fails.
pub async fn prepare(url: &str) {
    let client = Shared::at(address(url).to_owned());
    client.create_topic(&tickets(), 5, &[]).await;
}

fn tickets() -> String {
    topic(PREFIX, "tickets")
}

fn address(url: &str) -> &str {
    url.trim_start_matches("kafka://")
}

/// The relay gives a batch 10 s.
pub(super) fn publisher(url: &str) -> Result<KafkaPublisher, KafkaConfigError> {
    let config = KafkaConfig::new(address(url)).set("message.timeout.ms", "5000");
    KafkaPublisher::new(&config, PREFIX)
}

/// The partitions of one that is killed go to others after two seconds.
pub(super) fn consumer(url: &str) -> Result<KafkaConsumer, KafkaConfigError> {
    let config = KafkaConfig::new(address(url))
        .set("session.timeout.ms", "2000")
        .set("heartbeat.interval.ms", "200")
        .set("topic.metadata.refresh.interval.ms", "1000");
    KafkaConsumer::subscribe(&config, "orders", [tickets()])
}
