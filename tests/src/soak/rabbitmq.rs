//! The soak's way through `RabbitMQ`.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties, ExchangeKind};
use versioned_core::Result;
use versioned_core::rabbitmq::{Queue, RabbitMqConsumer, RabbitMqPublisher, Servers};

const EXCHANGE: &str = "events";
/// The exchange, and its queue.
const DEAD_LETTERS: &str = "dead-letters";
/// How long each answer of the server may take. The relay gives a batch 10 s.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Makes the exchanges, and the queue for dead letters. The consumers declare the other one.
///
/// # Panics
///
/// When that fails.
pub async fn prepare(url: &str) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await;
    let connection = connection.expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    for (name, kind) in [
        (EXCHANGE, ExchangeKind::Topic),
        (DEAD_LETTERS, ExchangeKind::Fanout),
    ] {
        let declared = channel.exchange_declare(name.into(), kind, durable, FieldTable::default());
        declared.await.expect("an exchange");
    }
    let mut table = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    table.insert("x-queue-type".into(), quorum);
    let (name, durable) = (DEAD_LETTERS, QueueDeclareOptions::durable());
    let declared = channel.queue_declare(name.into(), durable, table);
    declared.await.expect("a queue");
    let (options, table) = (QueueBindOptions::default(), FieldTable::default());
    let bound = channel.queue_bind(name.into(), name.into(), "".into(), options, table);
    bound.await.expect("a binding");
}

pub(super) fn publisher(url: &str) -> Result<RabbitMqPublisher> {
    let publisher = RabbitMqPublisher::new(Servers::new([url])?, EXCHANGE);
    Ok(publisher.timeout(TIMEOUT))
}

/// A consumer of a queue that it declares.
pub(super) fn consumer(url: &str) -> Result<RabbitMqConsumer> {
    let queue = Queue::declared("orders", DEAD_LETTERS).bound_to(EXCHANGE, "tickets.*");
    let consumer = RabbitMqConsumer::new(Servers::new([url])?, queue);
    Ok(consumer.timeout(TIMEOUT))
}
