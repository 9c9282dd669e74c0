//! What a consumer needs of a broker and of a replica.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::dead_letter::Redriven;
use crate::error::Result;
use crate::event::Event;
use crate::operation::replica::dead_letters::Passing;
use crate::operation::replica::dead_letters::keep::NewLetter;
use crate::outcome::Outcome;

/// What a broker sends.
pub(crate) enum Incoming<D> {
    Delivery(D),
    /// It delivers no more until some of so many messages are settled.
    Full(u64),
}

/// A message that a broker has delivered, and waits for an answer to.
pub(crate) trait Delivery: Send + 'static {
    type Body: Message;

    /// The message. The copy is cheap.
    fn body(&self) -> Self::Body;

    /// Answers the broker.
    fn settle(self, settlement: Settlement) -> BoxFuture<'static, ()>;

    /// Tells the broker that the message is still being processed.
    fn keep(&self) -> BoxFuture<'static, ()>;
}

/// What a broker has delivered.
pub(crate) trait Message: Send + 'static {
    /// The event, as JSON.
    fn bytes(&self) -> &[u8];

    /// The headers, one on each line.
    fn headers(&self) -> String;

    /// The topic or subject, for reports.
    fn subject(&self) -> &str;

    /// Its coordinates at the broker, which identify it.
    fn source(&self) -> String;
}

/// Applies events, and keeps those that cannot be applied.
pub(crate) trait Handler<T, B>: Send + Sync {
    /// Applies events, and returns their outcomes.
    fn handle(
        &self,
        events: Vec<Event<T>>,
        messages: Vec<B>,
    ) -> impl Future<Output = Result<Vec<Outcome>>> + Send;

    /// Keeps dead letters, all or none.
    fn keep(&self, letters: Vec<NewLetter>) -> impl Future<Output = Result<()>> + Send;

    /// Applies dead letters again. Returns where the next pass begins, or `None` if there is no place
    /// for dead letters.
    fn redrive(
        &self,
        pass: Passing,
    ) -> impl Future<Output = Result<Option<(Redriven, i64)>>> + Send;
}

/// The answer to a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settlement {
    Acknowledge,
    /// Deliver it again, after this time.
    Retry(Duration),
    /// Never deliver it again.
    Reject,
}
