//! The soak's way through NATS JetStream.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::{self, stream};
use versioned_core::nats::{JetStreamConsumer, JetStreamPublisher};

const STREAM: &str = "EVENTS";
/// All consumers share it.
const DURABLE: &str = "orders";

/// Makes the stream and the durable. What is published again after a second is a message again, and what a consumer took
/// with it is delivered again after three.
///
/// # Panics
///
/// When that fails.
pub async fn prepare(url: &str) {
    let stream = stream::Config {
        name: STREAM.to_owned(),
        subjects: vec!["events.>".to_owned()],
        duplicate_window: Duration::from_secs(1),
        ..stream::Config::default()
    };
    let durable = pull::Config {
        durable_name: Some(DURABLE.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(3),
        max_deliver: -1,
        max_ack_pending: -1,
        ..pull::Config::default()
    };
    let client = async_nats::connect(url).await.expect("a connection");
    let context = jetstream::new(client);
    let stream = context.create_stream(stream).await.expect("a stream");
    stream.create_consumer(durable).await.expect("a durable");
}

/// The stream, also where the broker is away at first.
async fn events(url: &str) -> (jetstream::Context, stream::Stream) {
    loop {
        if let Ok(client) = async_nats::connect(url).await {
            let mut context = jetstream::new(client);
            context.set_timeout(Duration::from_secs(2));
            if let Ok(stream) = context.get_stream(STREAM).await {
                return (context, stream);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(super) async fn publisher(url: &str) -> JetStreamPublisher {
    let (context, _) = events(url).await;
    JetStreamPublisher::new(context, "events")
}

pub(super) async fn consumer(url: &str) -> JetStreamConsumer {
    loop {
        let (_, stream) = events(url).await;
        let durable = JetStreamConsumer::durable(&stream, DURABLE, "events.tickets.*");
        if let Ok(consumer) = durable.await {
            return consumer;
        }
    }
}
