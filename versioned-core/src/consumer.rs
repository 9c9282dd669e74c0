//! The part of a consumer that knows no broker. It handles the events of one record in order, and
//! those of different records concurrently.

mod breaker;
mod lanes;
mod problem;
mod tally;
pub(crate) mod trace;

use std::any::Any;
use std::collections::HashMap;
use std::future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use serde::de::DeserializeOwned;

use self::breaker::{Breaker, Change, is_unreachable};
use self::lanes::{Kind, Lanes, Started};
pub use self::problem::ConsumerProblem;
pub use self::tally::Consumed;
use crate::error::{Error, Result};
use crate::event::{Event, Op};
use crate::outcome::Outcome;

/// How often to look for records that have waited too long.
const REVIEW: Duration = Duration::from_secs(1);
/// The longest pause after a failure of an unreachable database. The breaker has its own.
const AWAY: Duration = Duration::from_millis(250);

/// A message that a broker has delivered, and waits for an answer to.
pub(crate) trait Delivery: Send + 'static {
    type Body: AsRef<[u8]> + Send;

    /// The event, as JSON. The copy is cheap.
    fn body(&self) -> Self::Body;

    /// Where it came from, for reports.
    fn place(&self) -> &str;

    /// Answers the broker.
    fn settle(self, settlement: Settlement) -> BoxFuture<'static, ()>;

    /// Tells the broker that the message is still being processed.
    fn keep(&self) -> BoxFuture<'static, ()>;
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

/// The settings of a consumer.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The number of events that are handled concurrently.
    pub(crate) concurrency: usize,
    /// The number of messages in hand.
    pub(crate) in_hand: usize,
    pub(crate) first_delay: Duration,
    pub(crate) longest_delay: Duration,
    /// The time after which a record that waits for a version is reported.
    pub(crate) patience: Duration,
    /// The time for one event.
    pub(crate) deadline: Duration,
    /// The time for the events in flight at the shutdown.
    pub(crate) shutdown: Duration,
    /// The interval at which the broker is told that messages are still being processed.
    pub(crate) keep: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            in_hand: 256,
            first_delay: Duration::from_millis(100),
            longest_delay: Duration::from_secs(10),
            patience: Duration::from_secs(30),
            deadline: Duration::from_secs(60),
            shutdown: Duration::from_secs(10),
            keep: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// The delay before the next attempt.
    fn delay(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1));
        let delay = self.first_delay.saturating_mul(factor.unwrap_or(u32::MAX));
        delay.min(self.longest_delay)
    }
}

/// A message in hand.
struct Held<T, D> {
    delivery: D,
    /// The event, until its first attempt.
    event: Option<Event<T>>,
    attempts: u32,
}

/// A consumer that runs.
pub(crate) struct Consumer<'c, T, D, R> {
    settings: &'c Settings,
    report: R,
    consumed: Consumed,
    lanes: Lanes,
    breaker: Breaker,
    held: HashMap<u64, Held<T, D>>,
    /// The number of the last message.
    last: u64,
    answers: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl<'c, T, D, R> Consumer<'c, T, D, R>
where
    T: DeserializeOwned + Send,
    D: Delivery,
    R: Fn(&ConsumerProblem<'_>) + Send + Sync,
{
    pub(crate) fn new(settings: &'c Settings, report: R) -> Self {
        Self {
            settings,
            report,
            consumed: Consumed::default(),
            lanes: Lanes::new(settings.longest_delay),
            breaker: Breaker::new(settings.concurrency.clamp(3, 8)),
            held: HashMap::new(),
            last: 0,
            answers: FuturesUnordered::new(),
        }
    }

    /// Handles the deliveries until `shutdown` is ready, and then calls `close`, after which
    /// `deliveries` must end.
    pub(crate) async fn run<F, Fut>(
        mut self,
        deliveries: impl Stream<Item = D> + Send,
        handle: F,
        shutdown: impl Future + Send,
        close: impl Fn() + Send + Sync,
    ) -> Consumed
    where
        F: Fn(Event<T>, D::Body) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Outcome>> + Send,
    {
        let handle = &handle;
        let mut running = FuturesUnordered::new();
        let mut deliveries = pin!(deliveries.fuse());
        let mut shutdown = pin!(shutdown);
        // When the events in flight must be done, after the shutdown has begun.
        let mut end: Option<Instant> = None;
        let mut review = Instant::now() + REVIEW;
        let mut keep = Instant::now() + self.settings.keep;
        loop {
            while end.is_none() && running.len() < self.settings.concurrency {
                let Some((started, event, body)) = self.start(running.len()) else {
                    break;
                };
                let deadline = self.settings.deadline;
                let id = event.id();
                let span = trace::Consuming::new(&id, event.trace.as_deref());
                // The closure runs inside too: it may panic before it returns its future.
                let handling = async move { handle(event, body).await };
                let handling = AssertUnwindSafe(span.applies(handling)).catch_unwind();
                running.push(async move {
                    let outcome = match tokio::time::timeout(deadline, handling).await {
                        Ok(Ok(outcome)) => outcome,
                        Ok(Err(panic)) => Err(panicked(&*panic)),
                        Err(_) => Err(Error::other(format!("it took longer than {deadline:?}"))),
                    };
                    (started, id, outcome)
                });
            }
            if end.is_none() {
                self.make_room();
            } else if running.is_empty() && self.answers.is_empty() && deliveries.is_done() {
                return self.consumed;
            }
            let now = Instant::now();
            let due = [
                Some(review),
                Some(keep),
                self.lanes.next_look(),
                self.breaker.next_probe(),
                end,
            ];
            // An event that is due and did not start waits for one in flight.
            let wake = due.into_iter().flatten().filter(|at| *at > now).min();
            let timer = async {
                match wake {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                _ = &mut shutdown, if end.is_none() => {
                    end = Some(Instant::now() + self.settings.shutdown);
                    close();
                    self.give_all_back();
                }
                Some(delivery) = deliveries.next() => if end.is_none() {
                    self.arrive(delivery);
                } else {
                    self.answers.push(delivery.settle(Settlement::Retry(Duration::ZERO)));
                },
                Some((started, id, outcome)) = running.next() => {
                    self.finish(&started, &id, outcome);
                    if end.is_some() {
                        self.give_all_back();
                    }
                }
                Some(()) = self.answers.next() => {}
                () = timer => {}
            }
            let now = Instant::now();
            if end.is_some_and(|end| end <= now) {
                return self.consumed;
            }
            if review <= now {
                review = now + REVIEW;
                self.review(now);
            }
            if keep <= now {
                keep = now + self.settings.keep;
                let kept = self.held.values().map(|message| message.delivery.keep());
                self.answers.extend(kept);
            }
        }
    }

    /// Queues a message behind those of its record.
    fn arrive(&mut self, delivery: D) {
        match serde_json::from_slice::<Event<T>>(delivery.body().as_ref()) {
            Ok(event) => {
                self.last += 1;
                let record = format!("{}/{}", event.entity, event.key);
                let kind = match event.op {
                    Op::Snapshot => Kind::Snapshot,
                    Op::Created | Op::Updated | Op::Deleted => Kind::Change,
                };
                self.lanes.arrive(&record, event.version, self.last, kind);
                let held = Held {
                    delivery,
                    event: Some(event),
                    attempts: 0,
                };
                self.held.insert(self.last, held);
            }
            Err(error) => self.unreadable(delivery, &error),
        }
    }

    /// Rejects a message that is not an event.
    fn unreadable(&mut self, delivery: D, error: &serde_json::Error) {
        self.consumed.terminated += 1;
        self.report(&ConsumerProblem::Unreadable {
            subject: delivery.place(),
            reason: &error.to_string(),
        });
        self.answers.push(delivery.settle(Settlement::Reject));
    }

    /// The next event to handle, while so many are handled.
    fn start(&mut self, running: usize) -> Option<(Started, Event<T>, D::Body)> {
        let now = Instant::now();
        if !self.breaker.allows(running, now) {
            return None;
        }
        loop {
            let started = self.lanes.start(now)?;
            let Some(message) = self.held.get_mut(&started.number) else {
                self.lanes.dropped(&started.record);
                continue;
            };
            message.attempts += 1;
            let body = message.delivery.body();
            let event = message.event.take();
            let error = match event.map_or_else(|| serde_json::from_slice(body.as_ref()), Ok) {
                Ok(event) => return Some((started, event, body)),
                Err(error) => error,
            };
            // It was read when it arrived, by a `Deserialize` that fails now.
            self.lanes.dropped(&started.record);
            if let Some(message) = self.held.remove(&started.number) {
                self.unreadable(message.delivery, &error);
            }
        }
    }

    /// Settles an event, or keeps it for another attempt.
    fn finish(&mut self, started: &Started, id: &str, outcome: Result<Outcome>) {
        let now = Instant::now();
        let record = started.record.as_str();
        let attempts = self.held.get(&started.number);
        let attempts = attempts.map_or(1, |message| message.attempts);
        self.note(&outcome, now);
        let (waited, settlement) = match outcome {
            Ok(Outcome::Applied) => {
                self.consumed.applied += 1;
                let waited = self.lanes.reached(record, started.version, now);
                (waited, Settlement::Acknowledge)
            }
            Ok(Outcome::Duplicate { current }) => {
                self.consumed.duplicates += 1;
                let waited = self.lanes.reached(record, current, now);
                (waited, Settlement::Acknowledge)
            }
            Ok(Outcome::Parked) => {
                self.consumed.parked += 1;
                self.lanes.dropped(record);
                (None, Settlement::Acknowledge)
            }
            Ok(Outcome::Gap { current, .. }) => {
                self.consumed.gaps += 1;
                self.lanes.gap(started, current, now);
                return;
            }
            Err(error @ Error::Event(_)) => {
                self.consumed.terminated += 1;
                self.report(&ConsumerProblem::Refused { id, error: &error });
                self.lanes.dropped(record);
                (None, Settlement::Reject)
            }
            Err(error) => {
                self.consumed.failed += 1;
                self.report(&ConsumerProblem::Failed { id, error: &error });
                let mut delay = self.settings.delay(attempts);
                if is_unreachable(&error) {
                    delay = delay.min(AWAY);
                }
                self.lanes.failed(started, now + delay);
                return;
            }
        };
        if let Some(waited) = waited {
            self.report(&ConsumerProblem::WaitOver { record, waited });
        }
        self.settle(&[started.number], settlement);
    }

    /// Opens or closes the breaker.
    fn note(&mut self, outcome: &Result<Outcome>, now: Instant) {
        let change = match outcome {
            Err(error) if is_unreachable(error) => self.breaker.failed(now),
            Err(Error::Event(_)) => Change::None,
            _ => self.breaker.answered(now),
        };
        match (change, outcome) {
            (Change::Opened, Err(error)) => self.report(&ConsumerProblem::Paused { error }),
            (Change::Closed(after), _) => self.report(&ConsumerProblem::Resumed { after }),
            _ => {}
        }
    }

    /// Gives events that wait back to the broker, if they take the room of those that they wait
    /// for.
    fn make_room(&mut self) {
        let spare = (self.settings.in_hand / 8).max(1);
        if self.held.len() + spare > self.settings.in_hand && !self.breaker.is_open() {
            for (number, rest) in self.lanes.give_back(spare, Instant::now()) {
                let delay = rest.max(self.settings.first_delay);
                self.settle(&[number], Settlement::Retry(delay));
            }
        }
    }

    /// Gives all events back that are not in flight.
    fn give_all_back(&mut self) {
        let queued = self.lanes.drain();
        self.settle(&queued, Settlement::Retry(Duration::ZERO));
    }

    /// Reports the records that have waited too long.
    fn review(&mut self, now: Instant) {
        for overdue in self.lanes.overdue(self.settings.patience, now) {
            self.report(&ConsumerProblem::Waiting {
                record: &overdue.record,
                current: overdue.current,
                received: overdue.received,
                waited: overdue.waited,
            });
        }
    }

    fn settle(&mut self, numbers: &[u64], settlement: Settlement) {
        let Self { held, answers, .. } = self;
        let settled = numbers.iter().filter_map(|number| held.remove(number));
        answers.extend(settled.map(|message| message.delivery.settle(settlement)));
    }

    fn report(&self, problem: &ConsumerProblem<'_>) {
        trace::consumer_problem(problem);
        (self.report)(problem);
    }
}

/// The failure of an event whose handler panicked.
fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::other(format!(
        "the handler panicked: {}",
        text.unwrap_or("no text")
    ))
}
