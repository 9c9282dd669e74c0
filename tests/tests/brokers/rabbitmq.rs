//! `RabbitMQ`, with a quorum queue.

use std::time::Duration;

use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use versioned_core::consumer::Consumer;
use versioned_core::format::Encode;
use versioned_core::outbox::Publisher;
use versioned_core::rabbitmq::{Queue, RabbitMq, RabbitMqConsumer, RabbitMqPublisher, Servers};
use versioned_tests::rabbitmq;

use crate::broker::Broker;

pub(crate) struct Rabbit {
    own: Option<rabbitmq::Broker>,
    url: String,
    /// Of the exchange, and of the queue.
    name: String,
}

crate::on!(Rabbit);

impl Rabbit {
    async fn of(own: Option<rabbitmq::Broker>) -> Self {
        let url = match &own {
            Some(own) => own.url(),
            None => rabbitmq::shared().to_owned(),
        };
        let broker = Self {
            own,
            url,
            name: rabbitmq::name(),
        };
        let (_connection, channel) = broker.client().await.unwrap();
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let (topic, table) = (ExchangeKind::Topic, FieldTable::default());
        let exchange = channel.exchange_declare(broker.name(), topic, durable, table);
        exchange.await.unwrap();
        broker.make().await;
        if let Some(own) = &broker.own {
            own.write_down();
        }
        broker
    }

    /// A connection of its own, because the server may have been killed.
    async fn client(&self) -> lapin::Result<(Connection, Channel)> {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    }

    fn name(&self) -> ShortString {
        self.name.as_str().into()
    }

    fn servers(&self) -> Servers {
        Servers::new([&self.url]).unwrap()
    }

    fn server(&self) -> &rabbitmq::Broker {
        self.own.as_ref().expect("a server of its own")
    }

    /// The number of messages that wait in the queue, without those in hand.
    async fn ready(&self) -> lapin::Result<u32> {
        let (_connection, channel) = self.client().await?;
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::durable()
        };
        let queue = channel.queue_declare(self.name(), passive, FieldTable::default());
        Ok(queue.await?.message_count())
    }
}

impl Broker for Rabbit {
    type Source = RabbitMq;

    async fn shared() -> Self {
        Self::of(None).await
    }

    async fn own() -> Self {
        Self::of(Some(rabbitmq::Broker::start())).await
    }

    async fn publisher(&self, form: impl Encode + 'static) -> impl Publisher + 'static {
        RabbitMqPublisher::new(self.servers(), &self.name).format(form)
    }

    async fn consumer(&self) -> Consumer<RabbitMq> {
        RabbitMqConsumer::new(self.servers(), Queue::existing(&self.name))
    }

    async fn send(&self, key: &str, body: &[u8]) {
        let (_connection, channel) = self.client().await.unwrap();
        let confirm = ConfirmSelectOptions::default();
        channel.confirm_select(confirm).await.unwrap();
        let key = format!("tickets.{key}").into();
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let sent = channel.basic_publish(self.name(), key, options, body, properties);
        assert!(sent.await.unwrap().await.unwrap().is_ack());
    }

    async fn is_done(&self) -> bool {
        if self.ready().await != Ok(0) {
            return false;
        }
        // Only the server's own tool tells how many are in hand.
        let arguments = ["list_queues", "name", "messages"];
        let queues = match &self.own {
            Some(own) => own.try_ctl(&arguments),
            None => rabbitmq::shared_ctl(&arguments).map_err(|error| format!("{error:?}")),
        };
        let Ok(queues) = queues else {
            // It is down, or not our own. For the latter, two seconds without a waiting message must be enough.
            tokio::time::sleep(Duration::from_secs(2)).await;
            return self.own.is_none() && self.ready().await == Ok(0);
        };
        let done = format!("{}\t0", self.name);
        queues.lines().any(|line| line == done)
    }

    fn kill(&self) {
        self.server().kill();
    }

    fn down(&self) {
        self.server().down();
    }

    fn up(&self) {
        self.server().up();
    }

    async fn delete(&self) {
        let (_connection, channel) = self.client().await.unwrap();
        let deleted = channel.queue_delete(self.name(), QueueDeleteOptions::default());
        deleted.await.unwrap();
    }

    async fn make(&self) {
        let (_connection, channel) = self.client().await.unwrap();
        let mut table = FieldTable::default();
        let quorum = AMQPValue::LongString("quorum".into());
        table.insert("x-queue-type".into(), quorum);
        let queue = channel.queue_declare(self.name(), QueueDeclareOptions::durable(), table);
        queue.await.unwrap();
        let (options, table) = (QueueBindOptions::default(), FieldTable::default());
        let name = self.name();
        let bound = channel.queue_bind(name.clone(), name, "tickets.*".into(), options, table);
        bound.await.unwrap();
    }
}
