//! The requests that are over, and whose messages may be on the way.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull;
use futures_util::stream::StreamExt as _;

use super::durable::Incarnation;

/// The requests that were over without an answer. The client ends each of them 6 s after it was
/// sent: what arrives later is redelivered after the `ack_wait` of the durable consumer.
#[derive(Default)]
pub(super) struct Late(Vec<(Box<pull::Batch>, Incarnation)>);

impl Late {
    /// Adds a request that was sent to this durable consumer. It ends if that is deleted.
    pub(super) fn add(&mut self, batch: Box<pull::Batch>, incarnation: Incarnation) {
        self.0.push((batch, incarnation));
    }

    /// The next message. Can be dropped and called again.
    pub(super) async fn next(&mut self) -> Arc<Message> {
        poll_fn(|context| {
            let mut arrived = Poll::Pending;
            self.0.retain_mut(|(batch, incarnation)| {
                if arrived.is_ready() {
                    return true;
                }
                if incarnation.is_over() {
                    return false;
                }
                match batch.poll_next_unpin(context) {
                    Poll::Ready(Some(Ok(message))) => {
                        arrived = Poll::Ready(Arc::new(message));
                        true
                    }
                    Poll::Ready(_) => false,
                    Poll::Pending => true,
                }
            });
            arrived
        })
        .await
    }
}
