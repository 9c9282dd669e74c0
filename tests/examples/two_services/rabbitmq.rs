//! `RabbitMQ`: an exchange for all events, and a quorum queue for the replica.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, ExchangeKind};
use versioned_core::consumer::{Consumer, Source};
use versioned_core::outbox::Publisher;
use versioned_core::rabbitmq::{Queue, RabbitMqConsumer, RabbitMqPublisher, Servers};

use super::Result;
use super::processes::Broker;

pub(crate) struct RabbitMq;

impl Broker for RabbitMq {
    const NAME: &str = "RabbitMQ";

    /// The exchange of the events, and the one of the dead letters with a queue. The consumer
    /// declares its own queue; until then, the events wait in the outbox.
    async fn create(url: &str) -> Result<()> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        for (name, kind) in [
            ("events", ExchangeKind::Topic),
            ("dead-letters", ExchangeKind::Fanout),
        ] {
            let durable = ExchangeDeclareOptions {
                durable: true,
                ..ExchangeDeclareOptions::default()
            };
            channel
                .exchange_declare(name.into(), kind, durable, FieldTable::default())
                .await?;
        }
        let (dead, table) = (|| "dead-letters".into(), FieldTable::default());
        channel
            .queue_declare(dead(), QueueDeclareOptions::durable(), table.clone())
            .await?;
        let options = QueueBindOptions::default();
        channel
            .queue_bind(dead(), dead(), "".into(), options, table)
            .await?;
        Ok(connection.close(200, "done".into()).await?)
    }

    async fn publisher(url: &str) -> Result<impl Publisher> {
        Ok(RabbitMqPublisher::new(Servers::new([url])?, "events"))
    }

    async fn consumer(url: &str) -> Result<Consumer<impl Source>> {
        let queue = Queue::declared("orders", "dead-letters").bound_to("events", "tickets.*");
        Ok(RabbitMqConsumer::new(Servers::new([url])?, queue))
    }
}
