//! Kafka, through `rdkafka`. Requires the feature `kafka`.

mod client;
mod config;
mod consumer;
mod context;
mod ledger;
mod message;
mod producer;
mod publisher;
mod shared;
mod topics;

pub use self::config::{KafkaConfig, KafkaConfigError};
pub use self::consumer::{Kafka, KafkaConsumer};
pub use self::publisher::KafkaPublisher;
pub use self::topics::topic;
