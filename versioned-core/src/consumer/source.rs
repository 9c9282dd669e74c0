//! What a consumer needs of a broker and of a replica.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::Stream;
use serde::de::DeserializeOwned;

use super::error::ConsumerError;
use super::report::Hook;
use crate::dead_letter::Redriven;
use crate::error;
use crate::event::Event;
use crate::format::{self, Binding, Decode, Read, Record, Refused, read_as, read_ours};
use crate::model::{DependentModel, Gap, name_of_replica};
use crate::operation::replica::dead_letters::Passing;
use crate::operation::replica::dead_letters::keep::NewLetter;
use crate::outcome::Outcome;
use crate::parked_record::ParkedRecord;

/// A broker that a [`Consumer`](super::Consumer) receives from. Implemented by this crate only.
pub trait Source: Send + Sync + 'static {
    /// A message that was delivered.
    #[doc(hidden)]
    type Delivery: Delivery;

    /// How the broker carries the attributes of an event.
    #[doc(hidden)]
    const BINDING: Binding;

    /// Whether the broker can deliver one message again, after a while.
    #[doc(hidden)]
    const REDELIVERS: bool;

    /// The largest number of messages that the broker lets a consumer have in hand.
    #[doc(hidden)]
    const MOST_IN_HAND: usize = usize::MAX;

    /// Returns an error if events would be lost, or if the consumer would stop for ever.
    ///
    /// `keeps` tells whether early events are kept elsewhere when they fill the room in hand.
    #[doc(hidden)]
    fn check(&self, gap: Gap, keeps: bool) -> Result<(), ConsumerError>;

    /// Returns the interval at which the broker must be told that messages are still being
    /// processed, if it must.
    #[doc(hidden)]
    fn keep_every(&self) -> Option<Duration> {
        None
    }

    /// Returns the default number of messages in hand, if it is another than for most brokers.
    #[doc(hidden)]
    fn in_hand(&self) -> Option<usize> {
        None
    }

    /// Returns the time that the deliveries get to end, if events in flight were given up at the
    /// shutdown. Zero if the broker needs no farewell.
    #[doc(hidden)]
    fn farewell(&self) -> Duration {
        Duration::ZERO
    }

    /// Returns the deliveries. They end some time after `closing` is set, and not before.
    #[doc(hidden)]
    fn deliveries<'s>(
        &'s self,
        intake: Intake<'s>,
    ) -> impl Stream<Item = Incoming<Self::Delivery>> + Send + 's;
}

/// What a source must know.
#[derive(Clone, Copy)]
pub struct Intake<'c> {
    /// The largest number of messages in hand.
    pub(crate) in_hand: usize,
    /// Hears of problems.
    pub(crate) report: &'c Hook,
    /// Whether the consumer is shutting down.
    pub(crate) closing: &'c AtomicBool,
}

impl fmt::Debug for Intake<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake")
            .field("in_hand", &self.in_hand)
            .finish_non_exhaustive()
    }
}

/// What a broker sends.
#[derive(Debug)]
pub enum Incoming<D> {
    /// A message.
    Delivery(D),
    /// It delivers no more until some of so many messages are settled.
    Full(u64),
    /// It never delivers to this consumer again.
    End(ConsumerError),
}

/// A message that a broker has delivered, and waits for an answer to.
pub trait Delivery: Send + 'static {
    /// The message.
    type Body: Message;

    /// The message. The copy is cheap.
    fn body(&self) -> Self::Body;

    /// Answers the broker.
    fn settle(self, settlement: Settlement) -> BoxFuture<'static, ()>;

    /// Tells the broker that the message is still being processed.
    fn keep(&self) -> BoxFuture<'static, ()>;
}

/// What a broker has delivered.
pub trait Message: Send + Sync + 'static {
    /// The body.
    fn bytes(&self) -> &[u8];

    /// Shows the message as a form sees it.
    fn with<R>(&self, read: impl FnOnce(&format::Message<'_>) -> R) -> R;

    /// Its coordinates at the broker, which identify it.
    fn source(&self) -> String;
}

/// Returns the letter of a message without a reason and without attempts, as one that only waits for
/// another letter has it.
pub(crate) fn letter(message: &impl Message, record: Option<(String, i64)>) -> NewLetter {
    NewLetter {
        record,
        source: message.source(),
        message: message.with(|message| message.into()),
        reason: String::new(),
        attempts: 0,
    }
}

/// Reads the messages of a broker.
pub(crate) struct Reader<T, B> {
    /// The entity of the replica.
    pub(crate) entity: &'static str,
    /// The name of the replica.
    pub(crate) replica: &'static str,
    pub(crate) read: ReadFn<T, B>,
}

/// Reads a message. Returns `None` if it is not for the replica.
pub(crate) type ReadFn<T, B> = Box<dyn Fn(&B) -> Result<Option<Read<T>>, Refused> + Send + Sync>;

impl<M, B> Reader<M, B>
where
    M: DependentModel + DeserializeOwned,
    B: Message,
{
    /// For the replica `M`, and the messages of a form.
    pub(crate) fn of(form: Option<Arc<dyn Decode>>) -> Self {
        Self {
            entity: M::ENTITY,
            replica: name_of_replica::<M>(),
            read: match form {
                // No form asks for the headers.
                None => Box::new(|message: &B| read_ours(message.bytes()).map(Some)),
                Some(form) => Box::new(move |message: &B| {
                    message.with(|message| read_as(Some(&*form), message))
                }),
            },
        }
    }
}

/// Where an event comes from.
pub(crate) struct Origin<B> {
    pub(crate) message: B,
    /// See [`Read::whole`].
    pub(crate) whole: Option<Event<Record>>,
}

/// Applies events, and keeps those that cannot be applied.
pub(crate) trait Handler<T, B>: Send + Sync {
    /// Whether there is a place for dead letters.
    const KEEPS: bool;
    /// Whether it can tell which records have parked events.
    const PARKS: bool;

    /// Applies events, and returns their outcomes.
    fn handle(
        &self,
        events: Vec<Event<T>>,
        origins: Vec<Origin<B>>,
    ) -> impl Future<Output = error::Result<Vec<Outcome>>> + Send;

    /// Keeps dead letters, all or none.
    fn keep(&self, letters: &[NewLetter]) -> impl Future<Output = error::Result<()>> + Send;

    /// Applies dead letters again. Returns where the next pass begins, or `None` if there is no place
    /// for dead letters.
    fn redrive(
        &self,
        pass: Passing,
    ) -> impl Future<Output = error::Result<Option<(Redriven, i64)>>> + Send;

    /// Executes the redrives that are requested for a while. Returns `None` if there is no place for
    /// requests, and otherwise the time until the next one is due.
    fn execute(&self) -> impl Future<Output = error::Result<Option<NextDue>>> + Send;

    /// The first records with parked events after this key, at most so many.
    fn parked(
        &self,
        after: Option<String>,
        most: usize,
    ) -> impl Future<Output = error::Result<Vec<ParkedRecord>>> + Send;
}

/// The time until the next request is due. `None` if none is open.
pub(crate) type NextDue = Option<Duration>;

/// The answer to a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// It is safe.
    Acknowledge,
    /// Deliver it again, after this time.
    Retry(Duration),
    /// Never deliver it again.
    Reject,
}
