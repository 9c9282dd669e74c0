//! JetStream, and a consumer of it.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context, consumer::pull, stream};
use versioned_core::nats::JetStreamConsumer;
use versioned_tests::nats::{Broker, undelivered};
pub(crate) use versioned_tests::waiting::until;

use crate::messages::Sent;

pub(crate) async fn jetstream(broker: &Broker) -> Context {
    jetstream::new(async_nats::connect(broker.url()).await.unwrap())
}

/// A stream of these subjects.
pub(crate) async fn events(context: &Context, subjects: &[&str]) -> stream::Stream {
    let config = stream::Config {
        name: "EVENTS".to_owned(),
        subjects: subjects.iter().map(|&subject| subject.to_owned()).collect(),
        ..stream::Config::default()
    };
    context.create_stream(config).await.unwrap()
}

/// Publishes the messages in their order. NATS has no message without a body, and no key.
pub(crate) async fn publish<'s>(context: &Context, sent: impl IntoIterator<Item = &'s Sent>) {
    let mut stored = Vec::new();
    for sent in sent {
        let mut headers = HeaderMap::new();
        for (name, value) in &sent.headers {
            headers.append(name.as_str(), std::str::from_utf8(value).unwrap());
        }
        let body = sent.body.clone().unwrap_or_default();
        let publishing = context.publish_with_headers(sent.subject.clone(), headers, body.into());
        stored.push(publishing.await.unwrap());
    }
    for stored in stored {
        stored.await.unwrap();
    }
}

/// The durable consumer of this name, with all messages of the stream.
pub(crate) async fn durable(stream: &stream::Stream, name: &str) -> JetStreamConsumer {
    let fast = Duration::from_millis(20);
    let consumer = JetStreamConsumer::durable(stream, name, ">").await.unwrap();
    consumer.redelivery(fast, fast)
}

/// Waits until each message is acknowledged.
pub(crate) async fn all_done(stream: &stream::Stream, name: &str) {
    let mut consumer = stream.get_consumer::<pull::Config>(name).await.unwrap();
    until("nothing outstanding", async || {
        let info = consumer.info().await.unwrap();
        info.num_ack_pending == 0 && undelivered(stream, info).await == 0
    })
    .await;
}
