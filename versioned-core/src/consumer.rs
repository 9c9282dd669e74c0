//! The part of a consumer that knows no broker. It handles the events of one record in order, and
//! those of different records in batches and concurrently.

mod breaker;
mod lanes;
mod problem;
mod tally;
pub(crate) mod trace;

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use serde::de::DeserializeOwned;

pub(crate) use self::breaker::NotConnected;
use self::breaker::{Breaker, Change, is_unreachable, may_be_unreachable};
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
    /// The number of batches that are handled concurrently.
    pub(crate) concurrency: usize,
    /// The largest number of events in a batch.
    pub(crate) batch: usize,
    /// The number of messages in hand.
    pub(crate) in_hand: usize,
    pub(crate) first_delay: Duration,
    pub(crate) longest_delay: Duration,
    /// The time after which a record that waits for a version is reported.
    pub(crate) patience: Duration,
    /// The time for one batch.
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
            batch: 256,
            in_hand: 1_024,
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

/// Events that are handled together.
struct Batch<T, D: Delivery> {
    started: Vec<Started>,
    events: Vec<Event<T>>,
    bodies: Vec<D::Body>,
}

/// A consumer that runs.
pub(crate) struct Consumer<'c, T, D, R> {
    settings: &'c Settings,
    report: R,
    consumed: Consumed,
    lanes: Lanes,
    /// The parts of batches that failed.
    parts: VecDeque<Vec<Started>>,
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
            parts: VecDeque::new(),
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
        F: Fn(Vec<Event<T>>, Vec<D::Body>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Vec<Outcome>>> + Send,
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
                let Some(Batch {
                    started,
                    events,
                    bodies,
                }) = self.start(running.len())
                else {
                    break;
                };
                let deadline = self.settings.deadline;
                let span = trace::Consuming::new(&events);
                // The closure runs inside too: it may panic before it returns its future.
                let handling = async move { handle(events, bodies).await };
                let handling = AssertUnwindSafe(span.applies(handling)).catch_unwind();
                running.push(async move {
                    let outcomes = match tokio::time::timeout(deadline, handling).await {
                        Ok(Ok(outcomes)) => outcomes,
                        Ok(Err(panic)) => Err(panicked(&*panic)),
                        Err(_) => Err(Error::other(format!("it took longer than {deadline:?}"))),
                    };
                    (started, outcomes)
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
                Some((started, outcomes)) = running.next() => {
                    self.finish(started, outcomes);
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

    /// The next batch to handle, while so many are handled.
    fn start(&mut self, running: usize) -> Option<Batch<T, D>> {
        let now = Instant::now();
        if !self.breaker.allows(running, now) {
            return None;
        }
        loop {
            let part = self.parts.pop_front();
            let taken = part.unwrap_or_else(|| self.lanes.start(self.settings.batch, now));
            if taken.is_empty() {
                return None;
            }
            let mut batch = Batch {
                started: Vec::with_capacity(taken.len()),
                events: Vec::with_capacity(taken.len()),
                bodies: Vec::with_capacity(taken.len()),
            };
            for started in taken {
                self.read(started, &mut batch);
            }
            if !batch.started.is_empty() {
                return Some(batch);
            }
        }
    }

    /// Adds an event to a batch.
    fn read(&mut self, started: Started, batch: &mut Batch<T, D>) {
        let Some(message) = self.held.get_mut(&started.number) else {
            self.lanes.dropped(&started.record);
            return;
        };
        let body = message.delivery.body();
        let event = message.event.take();
        match event.map_or_else(|| serde_json::from_slice(body.as_ref()), Ok) {
            Ok(event) => {
                batch.started.push(started);
                batch.events.push(event);
                batch.bodies.push(body);
            }
            // It was read when it arrived, by a `Deserialize` that fails now.
            Err(error) => {
                self.lanes.dropped(&started.record);
                if let Some(message) = self.held.remove(&started.number) {
                    self.unreadable(message.delivery, &error);
                }
            }
        }
    }

    /// Settles the events of a batch, or keeps them for another attempt.
    fn finish(&mut self, mut batch: Vec<Started>, outcomes: Result<Vec<Outcome>>) {
        let now = Instant::now();
        self.note(&outcomes, now);
        match outcomes {
            Ok(outcomes) => {
                for (started, outcome) in batch.iter().zip(outcomes) {
                    self.finish_one(started, outcome, now);
                }
            }
            Err(error) => match batch.as_slice() {
                [started] => self.fail_one(started, &error, now),
                [first, ..] if is_unreachable(&error) => {
                    self.report_failure(first, &error);
                    for started in &batch {
                        self.lanes.failed(started, now + AWAY);
                    }
                }
                // One of the events is the reason.
                _ => {
                    let second = batch.split_off(batch.len() / 2);
                    self.parts.extend([batch, second]);
                }
            },
        }
    }

    fn finish_one(&mut self, started: &Started, outcome: Outcome, now: Instant) {
        let record = &started.record;
        let waited = match outcome {
            Outcome::Applied => {
                self.consumed.applied += 1;
                self.lanes.reached(record, started.version, now)
            }
            Outcome::Duplicate { current } => {
                self.consumed.duplicates += 1;
                self.lanes.reached(record, current, now)
            }
            Outcome::Parked => {
                self.consumed.parked += 1;
                self.lanes.dropped(record);
                None
            }
            Outcome::Gap { current, .. } => {
                self.consumed.gaps += 1;
                self.lanes.gap(started, current, now);
                return;
            }
        };
        if let Some(waited) = waited {
            self.report(&ConsumerProblem::WaitOver { record, waited });
        }
        self.settle(&[started.number], Settlement::Acknowledge);
    }

    /// Rejects an event that this replica can never apply, or keeps it for another attempt.
    fn fail_one(&mut self, started: &Started, error: &Error, now: Instant) {
        if matches!(error, Error::Event(_)) {
            self.consumed.terminated += 1;
            let id = &started.id();
            self.report(&ConsumerProblem::Refused { id, error });
            self.lanes.dropped(&started.record);
            self.settle(&[started.number], Settlement::Reject);
            return;
        }
        self.report_failure(started, error);
        let mut attempts = 1;
        if let Some(message) = self.held.get_mut(&started.number) {
            message.attempts += 1;
            attempts = message.attempts;
        }
        let mut delay = self.settings.delay(attempts);
        if may_be_unreachable(error) {
            delay = delay.min(AWAY);
        }
        self.lanes.failed(started, now + delay);
    }

    fn report_failure(&mut self, started: &Started, error: &Error) {
        self.consumed.failed += 1;
        let id = &started.id();
        self.report(&ConsumerProblem::Failed { id, error });
    }

    /// Opens or closes the breaker.
    fn note(&mut self, outcomes: &Result<Vec<Outcome>>, now: Instant) {
        let change = match outcomes {
            Err(error) if may_be_unreachable(error) => self.breaker.failed(now),
            Err(Error::Event(_)) => Change::None,
            _ => self.breaker.answered(now),
        };
        match (change, outcomes) {
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
        let mut queued = self.lanes.drain();
        let parts = self.parts.drain(..).flatten();
        queued.extend(parts.map(|started| started.number));
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
