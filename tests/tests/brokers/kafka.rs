//! Kafka.

use versioned_core::consumer::Consumer;
use versioned_core::format::Encode;
use versioned_core::kafka::{self, KafkaConfig, KafkaConsumer, KafkaPublisher};
use versioned_core::outbox::Publisher;
use versioned_tests::kafka::{Broker as Server, Shared};

use crate::broker::Broker;

pub(crate) struct Kafka {
    /// A server of its own.
    server: Option<Server>,
    client: Shared,
    /// The prefix of the topics, and the group.
    prefix: String,
}

crate::on!(Kafka);

impl Kafka {
    async fn on(server: Option<Server>, client: Shared) -> Self {
        let prefix = client.name();
        let broker = Self {
            server,
            client,
            prefix,
        };
        broker.make().await;
        broker
    }

    fn topic(&self) -> String {
        kafka::topic(&self.prefix, "tickets")
    }

    fn config(&self) -> KafkaConfig {
        KafkaConfig::new(self.client.url())
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("a server of its own")
    }
}

impl Broker for Kafka {
    type Source = kafka::Kafka;

    async fn shared() -> Self {
        Self::on(None, Server::shared()).await
    }

    async fn own() -> Self {
        let server = Server::start();
        let client = server.client();
        Self::on(Some(server), client).await
    }

    async fn publisher(&self, form: impl Encode + 'static) -> impl Publisher + 'static {
        let config = self.config().set("message.timeout.ms", "5000");
        let publisher = KafkaPublisher::new(&config, &self.prefix);
        publisher.unwrap().format(form)
    }

    async fn consumer(&self) -> Consumer<kafka::Kafka> {
        let config = self
            .config()
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "500")
            .set("topic.metadata.refresh.interval.ms", "1000");
        let consumer = KafkaConsumer::subscribe(&config, &self.prefix, [self.topic()]);
        consumer.unwrap().ordered()
    }

    async fn send(&self, key: &str, body: &[u8]) {
        self.client.send(&self.topic(), key, body);
    }

    async fn is_done(&self) -> bool {
        let topic = self.topic();
        let mut partitions = self.client.watermarks(&topic).into_iter();
        partitions.all(|(partition, low, high)| {
            let committed = self.client.committed(&self.prefix, &topic, partition);
            low == high || committed == Some(high)
        })
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
        self.client.delete_topic(&self.topic()).await;
    }

    async fn make(&self) {
        self.client.create_topic(&self.topic(), 3, &[]).await;
    }
}
