//! A consumer that runs: handles the events of one record in order, and those of different records
//! in batches and concurrently.

use std::collections::{HashMap, VecDeque};
use std::future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use serde::de::DeserializeOwned;

use super::breaker::Breaker;
use super::dead_letters::Pending;
use super::error::ConsumerError;
use super::lanes::{Lanes, Started};
use super::meters::Meters;
use super::parked::Parked;
use super::problem::ConsumerProblem;
use super::report::{Hook, report};
use super::requests::Requests;
use super::settings::Settings;
use super::source::{Delivery, Handler, Incoming, Origin, Reader, Settlement};
use super::tally::{Consumed, Counters, Tally};
use super::trace;
use crate::error::{Error, Result};
use crate::event::{self, Event};
use crate::format::Read;
use crate::health::Health;

/// How often to look for records that have waited too long.
const REVIEW: Duration = Duration::from_secs(1);

/// A message in hand.
pub(super) struct Held<T, D> {
    pub(super) delivery: D,
    /// The event, until its first attempt.
    pub(super) read: Option<Read<T>>,
    pub(super) attempts: u32,
}

/// Events that are handled together.
pub(super) struct Batch<T, D: Delivery> {
    pub(super) started: Vec<Started>,
    pub(super) events: Vec<Event<T>>,
    pub(super) origins: Vec<Origin<D::Body>>,
}

/// A consumer that runs.
pub(super) struct Run<'c, T, D: Delivery> {
    pub(super) settings: &'c Settings,
    /// Whether the broker can deliver one message again.
    redelivers: bool,
    pub(super) reader: Reader<T, D::Body>,
    hook: &'c Hook,
    pub(super) counters: Counters,
    pub(super) meters: Meters,
    pub(super) health: &'c Health,
    pub(super) lanes: Lanes,
    /// The parts of batches that failed.
    pub(super) parts: VecDeque<Vec<Started>>,
    pub(super) breaker: Breaker,
    pub(super) letters: Pending,
    pub(super) parked: Parked,
    pub(super) requests: Requests,
    pub(super) held: HashMap<u64, Held<T, D>>,
    /// The number of the last message.
    pub(super) last: u64,
    /// Whether it was reported that the broker delivers no more.
    pub(super) full_is_reported: bool,
    /// Why the broker delivers no more.
    pub(super) ended: Option<ConsumerError>,
    pub(super) answers: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl<'c, T, D> Run<'c, T, D>
where
    T: DeserializeOwned + Send,
    D: Delivery,
{
    pub(super) fn new(
        settings: &'c Settings,
        redelivers: bool,
        parks: bool,
        reader: Reader<T, D::Body>,
        hook: &'c Hook,
        counters: Counters,
        health: &'c Health,
    ) -> Self {
        Self {
            settings,
            redelivers,
            meters: Meters::new(reader.entity, reader.replica),
            health,
            reader,
            hook,
            counters,
            lanes: Lanes::new(settings.longest_delay),
            parts: VecDeque::new(),
            breaker: Breaker::new(settings.concurrency.clamp(3, 8)),
            letters: Pending::default(),
            parked: Parked::new(parks, settings.patience),
            requests: Requests::new(settings.requests),
            held: HashMap::new(),
            last: 0,
            full_is_reported: false,
            ended: None,
            answers: FuturesUnordered::new(),
        }
    }

    /// Handles the deliveries until `shutdown` is ready, and then calls `close`, after which
    /// `deliveries` must end.
    pub(super) async fn run<H>(
        mut self,
        deliveries: impl Stream<Item = Incoming<D>> + Send,
        handler: H,
        shutdown: impl Future + Send,
        close: impl Fn() + Send + Sync,
    ) -> Result<Consumed, ConsumerError>
    where
        H: Handler<T, D::Body>,
    {
        let handler = &handler;
        let mut running = FuturesUnordered::new();
        // At most one of each kind.
        let mut keeping = FuturesUnordered::new();
        let mut chores = FuturesUnordered::new();
        let mut deliveries = pin!(deliveries.fuse());
        let mut shutdown = pin!(shutdown);
        let mut is_over = false;
        // When the events in flight must be done, after the shutdown has begun.
        let mut end: Option<Instant> = None;
        let mut review = Instant::now() + REVIEW;
        let mut keep = Instant::now() + self.settings.keep;
        loop {
            self.health.ticks(!self.held.is_empty());
            while end.is_none() && running.len() < self.settings.concurrency {
                let Some(Batch {
                    started,
                    events,
                    origins,
                }) = self.start(running.len() + keeping.len() + chores.len())
                else {
                    break;
                };
                let deadline = self.settings.deadline;
                let span = trace::Consuming::new(&events);
                let applying = self.meters.applying(&events);
                // The closure runs inside too: it may panic before it returns its future.
                let handling = async move { handler.handle(events, origins).await };
                let handling = applying.counts(within(deadline, span.applies(handling)));
                running.push(async move { (started, handling.await) });
            }
            if end.is_none() {
                self.make_room();
                let deadline = self.settings.deadline;
                if keeping.is_empty() {
                    let letters = self.letters_to_keep(running.len() + chores.len());
                    keeping.extend(letters.map(|(marked, letters)| async move {
                        let kept = within(deadline, handler.keep(&letters)).await;
                        (marked, letters, kept)
                    }));
                }
                if chores.is_empty() {
                    let chore = self.next_chore(running.len() + keeping.len());
                    chores.extend(chore.map(|chore| chore.do_with(handler, deadline)));
                }
            } else if running.is_empty()
                && keeping.is_empty()
                && self.answers.is_empty()
                && deliveries.is_done()
            {
                return self.result();
            }
            let timer = until(self.wake([Some(review), Some(keep), end]));
            tokio::select! {
                _ = &mut shutdown, if end.is_none() => is_over = true,
                // At their end, there may be nothing left to do.
                incoming = deliveries.next(), if !deliveries.is_done() => {
                    self.receive_all(incoming, &mut deliveries, end.is_some());
                }
                Some((started, outcomes)) = running.next() => {
                    self.finish(started, outcomes);
                    if end.is_some() {
                        self.give_all_back();
                    }
                }
                Some((marked, letters, kept)) = keeping.next() => {
                    self.kept(marked, letters, kept);
                    if end.is_some() {
                        self.give_all_back();
                    }
                }
                Some(done) = chores.next() => self.done(done),
                Some(()) = self.answers.next() => {}
                () = timer => {}
            }
            while self.answers.next().now_or_never().flatten().is_some() {}
            let now = Instant::now();
            if end.is_none() && (is_over || self.ended.is_some()) {
                end = Some(now + self.settings.shutdown);
                close();
                self.give_all_back();
            }
            if end.is_some_and(|end| end <= now) {
                drop((running, keeping, chores));
                self.held.clear();
                let ended = async { while deliveries.next().await.is_some() {} };
                tokio::time::timeout(self.settings.farewell, ended)
                    .await
                    .ok();
                return self.result();
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

    /// The time at which to look again, if nothing else happens. What is due already and did not
    /// start waits for something in flight.
    fn wake(&self, own: [Option<Instant>; 3]) -> Option<Instant> {
        let now = Instant::now();
        let due = [
            self.lanes.next_look(),
            self.breaker.next_probe(),
            self.letters.next_look(),
            self.parked.next_look(),
            self.requests.next_look(),
        ];
        let due = due.into_iter().chain(own).flatten();
        due.filter(|at| *at > now).min()
    }

    fn result(self) -> Result<Consumed, ConsumerError> {
        match self.ended {
            Some(error) => Err(error),
            None => Ok(self.counters.snapshot()),
        }
    }

    /// If events that wait take the room of those that they wait for, gives them back to the
    /// broker, or keeps them.
    fn make_room(&mut self) {
        let spare = (self.settings.in_hand / 8).max(1);
        if self.held.len() + spare <= self.settings.in_hand || self.breaker.is_open() {
            return;
        }
        if self.redelivers {
            for (number, rest) in self.lanes.give_back(spare, Instant::now()) {
                let delay = rest.max(self.settings.first_delay);
                self.settle(&[number], Settlement::Retry(delay));
            }
        } else {
            self.full(self.settings.in_hand as u64);
        }
    }

    /// Gives all events back that are not in flight.
    fn give_all_back(&mut self) {
        let mut queued = self.lanes.drain();
        let parts = self.parts.drain(..).flatten();
        queued.extend(parts.map(|started| started.number));
        queued.extend(self.letters.drain());
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
        // A broker may take a message back that it waits too long for.
        if let (false, Some(before)) = (self.redelivers, now.checked_sub(self.settings.patience)) {
            self.keep_early(before);
        }
    }

    pub(super) fn settle(&mut self, numbers: &[u64], settlement: Settlement) {
        if settlement == Settlement::Acknowledge && !numbers.is_empty() {
            self.health.succeeds();
        }
        let Self { held, answers, .. } = self;
        let settled = numbers.iter().filter_map(|number| held.remove(number));
        answers.extend(settled.map(|message| message.delivery.settle(settlement)));
    }

    pub(super) fn count(&self) -> &Tally {
        self.counters.tally()
    }

    pub(super) fn report(&self, problem: &ConsumerProblem<'_>) {
        report(self.hook, problem);
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => future::pending().await,
    }
}

/// Returns an error if `work` panics or takes longer than the deadline.
pub(super) async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let work = AssertUnwindSafe(work).catch_unwind();
    match tokio::time::timeout(deadline, work).await {
        Ok(Ok(done)) => done,
        Ok(Err(panic)) => {
            let text = event::text_of(&*panic);
            Err(Error::other(format!("the handler panicked: {text}")))
        }
        Err(_) => Err(Error::other(format!("it took longer than {deadline:?}"))),
    }
}
