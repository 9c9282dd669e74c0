//! NATS JetStream.

use std::time::Duration;

use async_nats::jetstream::{self, Context, stream};
use versioned_core::consumer::Consumer;
use versioned_core::format::Encode;
use versioned_core::nats::{JetStream, JetStreamConsumer, JetStreamPublisher};
use versioned_core::outbox::Publisher;
use versioned_tests::nats;

use crate::broker::Broker;

pub(crate) struct Nats {
    server: nats::Broker,
    context: Context,
}

crate::on!(Nats);

impl Nats {
    async fn stream(&self) -> stream::Stream {
        let config = stream::Config {
            name: "EVENTS".to_owned(),
            subjects: vec!["events.>".to_owned()],
            ..stream::Config::default()
        };
        self.context.get_or_create_stream(config).await.unwrap()
    }
}

impl Broker for Nats {
    type Source = JetStream;

    async fn shared() -> Self {
        Self::own().await
    }

    async fn own() -> Self {
        let server = nats::Broker::start();
        let client = async_nats::connect(server.url()).await.unwrap();
        let mut context = jetstream::new(client);
        context.set_timeout(Duration::from_secs(1));
        let broker = Self { server, context };
        broker.stream().await;
        broker
    }

    async fn publisher(&self, form: impl Encode + 'static) -> impl Publisher + 'static {
        JetStreamPublisher::new(self.context.clone(), "events").format(form)
    }

    async fn consumer(&self) -> Consumer<JetStream> {
        let stream = self.stream().await;
        let consumer = JetStreamConsumer::durable(&stream, "orders", "events.tickets.*").await;
        consumer.unwrap().recreate()
    }

    async fn send(&self, key: &str, body: &[u8]) {
        let subject = format!("events.tickets.{key}");
        let sent = self.context.publish(subject, body.to_vec().into()).await;
        sent.unwrap().await.unwrap();
    }

    async fn is_done(&self) -> bool {
        let Ok(stream) = self.context.get_stream("EVENTS").await else {
            return false;
        };
        let Ok(info) = stream.consumer_info("orders").await else {
            return false;
        };
        info.num_ack_pending == 0 && nats::undelivered(&stream, &info).await == 0
    }

    fn kill(&self) {
        self.server.kill();
    }

    fn down(&self) {
        self.server.down();
    }

    fn up(&self) {
        self.server.up();
    }

    async fn delete(&self) {
        self.context.delete_stream("EVENTS").await.unwrap();
    }

    async fn make(&self) {
        self.stream().await;
    }
}
