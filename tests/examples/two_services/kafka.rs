//! Kafka: a topic for the entity, and a consumer group for the replica.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use versioned_core::consumer::{Consumer, Source};
use versioned_core::kafka::{KafkaConfig, KafkaConsumer, KafkaPublisher, topic};
use versioned_core::outbox::Publisher;

use super::Result;
use super::processes::Broker;

pub(crate) struct Kafka;

impl Broker for Kafka {
    const NAME: &str = "Kafka";

    async fn create(url: &str) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", url).create()?;
        // Three partitions, and as many replicas as the broker's default.
        let name = topic("events", "tickets");
        let topic = NewTopic::new(&name, 3, TopicReplication::Fixed(-1));
        for created in admin.create_topics([&topic], &AdminOptions::new()).await? {
            match created {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => return Err(format!("the topic {name}: {code}").into()),
            }
        }
        Ok(())
    }

    async fn publisher(url: &str) -> Result<impl Publisher> {
        Ok(KafkaPublisher::new(&KafkaConfig::new(url), "events")?)
    }

    async fn consumer(url: &str) -> Result<Consumer<impl Source>> {
        let topics = [topic("events", "tickets")];
        Ok(KafkaConsumer::subscribe(
            &KafkaConfig::new(url),
            "orders",
            topics,
        )?)
    }
}
