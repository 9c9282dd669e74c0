//! Kafka, through `rdkafka`. Requires the feature `kafka`.

mod config;
mod producer;
mod publisher;
mod topics;

pub use self::config::{KafkaConfig, KafkaConfigError};
pub use self::publisher::KafkaPublisher;
pub use self::topics::topic;
