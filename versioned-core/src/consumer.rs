//! The part of a consumer that knows no broker. It handles the events of one record in order, and
//! those of different records in batches and concurrently.

mod breaker;
mod broker;
mod dead_letters;
#[cfg(test)]
mod dice;
mod finish;
mod intake;
mod lanes;
mod problem;
mod settings;
mod tally;
pub(crate) mod trace;

use std::collections::{HashMap, VecDeque};
use std::future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use serde::de::DeserializeOwned;

use self::breaker::Breaker;
pub(crate) use self::broker::{
    Delivery, Handler, Incoming, Message, Reader, Settlement, Source, letter,
};
use self::dead_letters::Pending;
use self::lanes::{Lanes, Started};
pub use self::problem::ConsumerProblem;
pub(crate) use self::settings::Settings;
use self::tally::Tally;
pub use self::tally::{Consumed, Counters};
use crate::error::{Error, Result};
use crate::event::{self, Event};
use crate::format::Read;

/// How often to look for records that have waited too long.
const REVIEW: Duration = Duration::from_secs(1);

/// A message in hand.
struct Held<T, D> {
    delivery: D,
    /// The event, until its first attempt.
    read: Option<Read<T>>,
    attempts: u32,
}

/// Events that are handled together.
struct Batch<T, D: Delivery> {
    started: Vec<Started>,
    events: Vec<Event<T>>,
    sources: Vec<Source<D::Body>>,
}

/// A consumer that runs.
pub(crate) struct Consumer<'c, T, D: Delivery, R> {
    settings: &'c Settings,
    reader: Reader<T, D::Body>,
    report: R,
    counters: Counters,
    lanes: Lanes,
    /// The parts of batches that failed.
    parts: VecDeque<Vec<Started>>,
    breaker: Breaker,
    letters: Pending,
    held: HashMap<u64, Held<T, D>>,
    /// The number of the last message.
    last: u64,
    /// Whether it was reported that the broker delivers no more.
    full_is_reported: bool,
    answers: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl<'c, T, D, R> Consumer<'c, T, D, R>
where
    T: DeserializeOwned + Send,
    D: Delivery,
    R: Fn(&ConsumerProblem<'_>) + Send + Sync,
{
    pub(crate) fn new(
        settings: &'c Settings,
        reader: Reader<T, D::Body>,
        report: R,
        counters: Counters,
    ) -> Self {
        Self {
            settings,
            reader,
            report,
            counters,
            lanes: Lanes::new(settings.longest_delay),
            parts: VecDeque::new(),
            breaker: Breaker::new(settings.concurrency.clamp(3, 8)),
            letters: Pending::default(),
            held: HashMap::new(),
            last: 0,
            full_is_reported: false,
            answers: FuturesUnordered::new(),
        }
    }

    /// Handles the deliveries until `shutdown` is ready, and then calls `close`, after which
    /// `deliveries` must end.
    pub(crate) async fn run<H>(
        mut self,
        deliveries: impl Stream<Item = Incoming<D>> + Send,
        handler: H,
        shutdown: impl Future + Send,
        close: impl Fn() + Send + Sync,
    ) -> Consumed
    where
        H: Handler<T, D::Body>,
    {
        let handler = &handler;
        let mut running = FuturesUnordered::new();
        // At most one of each kind.
        let mut keeping = FuturesUnordered::new();
        let mut redriving = FuturesUnordered::new();
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
                    sources,
                }) = self.start(running.len() + keeping.len() + redriving.len())
                else {
                    break;
                };
                let deadline = self.settings.deadline;
                let span = trace::Consuming::new(&events);
                // The closure runs inside too: it may panic before it returns its future.
                let handling = async move { handler.handle(events, sources).await };
                let handling = within(deadline, span.applies(handling));
                running.push(async move { (started, handling.await) });
            }
            if end.is_none() {
                self.make_room();
                let deadline = self.settings.deadline;
                if keeping.is_empty() {
                    let letters = self.letters_to_keep(running.len() + redriving.len());
                    keeping.extend(letters.map(|(marked, letters)| async move {
                        let kept = within(deadline, handler.keep(letters)).await;
                        (marked, kept)
                    }));
                }
                if redriving.is_empty() {
                    let pass = self.pass_to_redrive(running.len() + keeping.len());
                    redriving.extend(pass.map(|pass| within(deadline, handler.redrive(pass))));
                }
            } else if running.is_empty()
                && keeping.is_empty()
                && self.answers.is_empty()
                && deliveries.is_done()
            {
                return self.counters.snapshot();
            }
            let wake = self.wake([Some(review), Some(keep), end]);
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
                Some(incoming) = deliveries.next() => {
                    self.receive(incoming, end.is_some());
                    // The others that are here too, so that they begin together.
                    while let Some(Some(incoming)) = deliveries.next().now_or_never() {
                        self.receive(incoming, end.is_some());
                    }
                }
                Some((started, outcomes)) = running.next() => {
                    self.finish(started, outcomes);
                    if end.is_some() {
                        self.give_all_back();
                    }
                }
                Some((marked, kept)) = keeping.next() => {
                    self.kept(marked, kept);
                    if end.is_some() {
                        self.give_all_back();
                    }
                }
                Some(done) = redriving.next() => self.redriven(done),
                Some(()) = self.answers.next() => {}
                () = timer => {}
            }
            while self.answers.next().now_or_never().flatten().is_some() {}
            let now = Instant::now();
            if end.is_some_and(|end| end <= now) {
                return self.counters.snapshot();
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
            self.letters.next_pass(),
        ];
        let due = due.into_iter().chain(own).flatten();
        due.filter(|at| *at > now).min()
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
    }

    fn settle(&mut self, numbers: &[u64], settlement: Settlement) {
        let Self { held, answers, .. } = self;
        let settled = numbers.iter().filter_map(|number| held.remove(number));
        answers.extend(settled.map(|message| message.delivery.settle(settlement)));
    }

    fn count(&self) -> &Tally {
        self.counters.tally()
    }

    fn report(&self, problem: &ConsumerProblem<'_>) {
        trace::consumer_problem(problem);
        (self.report)(problem);
    }
}

/// Returns an error if `work` panics or takes longer than the deadline.
async fn within<T>(deadline: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
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

#[cfg(test)]
mod tests;
