//! NATS JetStream: a stream of all events, and a durable consumer for the replica.

use async_nats::jetstream::{self, stream};
use versioned_core::consumer::{Consumer, Source};
use versioned_core::nats::{JetStreamConsumer, JetStreamPublisher};
use versioned_core::outbox::Publisher;

use super::Result;
use super::processes::Broker;

pub(crate) struct Nats;

impl Broker for Nats {
    const NAME: &str = "JetStream";

    async fn create(url: &str) -> Result<()> {
        let config = stream::Config {
            name: "EVENTS".to_owned(),
            subjects: vec!["events.>".to_owned()],
            ..stream::Config::default()
        };
        connect(url).await?.get_or_create_stream(config).await?;
        Ok(())
    }

    async fn publisher(url: &str) -> Result<impl Publisher> {
        Ok(JetStreamPublisher::new(connect(url).await?, "events"))
    }

    async fn consumer(url: &str) -> Result<Consumer<impl Source>> {
        let stream = connect(url).await?.get_stream("EVENTS").await?;
        Ok(JetStreamConsumer::durable(&stream, "orders", "events.tickets.*").await?)
    }
}

async fn connect(url: &str) -> Result<jetstream::Context> {
    Ok(jetstream::new(async_nats::connect(url).await?))
}
