//! The requests for the messages of a durable consumer, one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_nats::datetime::{DateTime, add_std_duration};
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{Info, pull};
use futures_util::future::BoxFuture;
use futures_util::stream::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::durable::{Durable, Incarnation, Look, Missing, full};
use super::message::Held;
use crate::consumer::{ConsumerProblem, Hook, Incoming, Intake, report, report_broker};

/// The time for which the server keeps a request for messages. The server reports its expiry, and
/// may send messages until then.
const EXPIRES: Duration = Duration::from_secs(1);
/// The time after which a request is over, whether the server reports its expiry or not. A server
/// before 2.9.15 does not, if a message arrives as the request expires.
const OVER: Duration = Duration::from_millis(1_250);
/// The time in which events that are settled count as settled together.
const TOGETHER: Duration = Duration::from_millis(1);
/// The pause before the next request to a broker that is unreachable, or has no such durable.
const AWAY: Duration = Duration::from_millis(500);

/// The messages of a durable consumer.
pub(super) struct Requests<'c> {
    durable: &'c Durable,
    report: &'c Hook,
    /// A permit for each message that may be in hand.
    room: Arc<Semaphore>,
    in_hand: usize,
    closing: &'c AtomicBool,
    current: Option<Request>,
    /// The number of requests in a row without an answer.
    silent: u32,
    /// Asks whether the durable is the same, after a request without an answer.
    looking: Option<BoxFuture<'c, Look>>,
    /// Why to look at the durable before the next request.
    problem: Option<String>,
    /// When the next request is due, after a problem.
    due: Option<Instant>,
    created: DateTime,
    incarnation: Incarnation,
    missing: Option<(Missing, Instant)>,
}

/// A request for messages, and the permits of the messages that have not arrived yet.
struct Request {
    batch: pull::Batch,
    room: OwnedSemaphorePermit,
    over: Instant,
    is_answered: bool,
}

/// What happens to a request.
pub(super) enum Step {
    Incoming(Incoming<Held>),
    /// It is over without an answer. Its messages may be on the way.
    Silent(Box<pull::Batch>),
}

/// The answer to a request.
enum Answer {
    Message(Arc<Message>),
    End,
    Silence,
    Look(Look),
    Failure(String),
}

impl<'c> Requests<'c> {
    pub(super) fn new(durable: &'c Durable, intake: Intake<'c>) -> Self {
        let Intake {
            in_hand,
            report,
            closing,
        } = intake;
        Self {
            durable,
            report,
            room: Arc::new(Semaphore::new(in_hand)),
            in_hand,
            closing,
            current: None,
            silent: 0,
            looking: None,
            problem: None,
            due: None,
            created: durable.consumer.cached_info().created,
            incarnation: Incarnation::default(),
            missing: None,
        }
    }

    /// The next message of the current request, or the end of a request without one. `None` after
    /// `closing` is set and the current request is over. Can be dropped and called again.
    pub(super) async fn next(&mut self) -> Option<Step> {
        loop {
            let Some(request) = &mut self.current else {
                self.request().await?;
                continue;
            };
            match answer(request, &mut self.looking).await {
                Answer::Message(message) => {
                    self.silent = 0;
                    request.is_answered = true;
                    // A late message may have taken the permit of this one.
                    let room = request.room.split(1);
                    return Some(Step::Incoming(self.delivery(message, room)));
                }
                Answer::End => {
                    self.silent = 0;
                    let is_empty = !request.is_answered;
                    self.current = None;
                    if is_empty && self.may_be_shut_out() {
                        if let Look::Exists(info) = self.durable.look().await {
                            if let Some(limit) = full(&info) {
                                return Some(Step::Incoming(Incoming::Full(limit)));
                            }
                        }
                    }
                }
                Answer::Silence => {
                    self.silent += 1;
                    if self.silent > 1 {
                        self.problem = Some("no response to a request for messages".to_owned());
                    } else {
                        self.looking = Some(Box::pin(self.durable.look()));
                    }
                    if let Some(Request { batch, .. }) = self.current.take() {
                        return Some(Step::Silent(Box::new(batch)));
                    }
                }
                Answer::Look(look) => {
                    self.looking = None;
                    // If it is missing, the request fails.
                    if let Look::Exists(info) = look {
                        self.exists(&info);
                    }
                }
                Answer::Failure(problem) => {
                    self.current = None;
                    self.problem = Some(problem);
                }
            }
        }
    }

    /// A message of a request that is over.
    pub(super) fn late(&self, message: Arc<Message>) -> Incoming<Held> {
        // There may be no room for it any more.
        let room = Arc::clone(&self.room).try_acquire_owned();
        self.delivery(message, room.ok())
    }

    fn delivery(
        &self,
        message: Arc<Message>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Incoming<Held> {
        Incoming::Delivery(Held {
            message,
            report: Arc::clone(self.report),
            incarnation: self.incarnation.clone(),
            room,
        })
    }

    pub(super) fn incarnation(&self) -> Incarnation {
        self.incarnation.clone()
    }

    /// Requests as many messages as there are permits. Returns `None` when no more are to be
    /// requested.
    async fn request(&mut self) -> Option<()> {
        if self.problem.is_some() {
            self.look().await;
        }
        if let Some(due) = self.due {
            tokio::time::sleep_until(due.into()).await;
            self.due = None;
        }
        let mut room = Arc::clone(&self.room).acquire_owned().await.ok()?;
        // Batches that end together would otherwise cause a request for each event.
        if self.room.available_permits() < self.in_hand / 8 {
            tokio::time::sleep(TOGETHER).await;
        }
        if self.is_closing() {
            return None;
        }
        while let Ok(one) = Arc::clone(&self.room).try_acquire_owned() {
            room.merge(one);
        }
        let consumer = &self.durable.consumer;
        let batch = consumer.batch().max_messages(room.num_permits());
        match batch.expires(EXPIRES).messages().await {
            Ok(batch) => {
                let over = Instant::now() + OVER;
                self.current = Some(Request {
                    batch,
                    room,
                    over,
                    is_answered: false,
                });
            }
            Err(error) => self.problem = Some(error.to_string()),
        }
        Some(())
    }

    /// Returns whether messages in hand may be why no others are delivered.
    fn may_be_shut_out(&self) -> bool {
        self.durable.has_window()
            && self.room.available_permits() < self.in_hand
            && !self.is_closing()
    }

    /// Finds out why a request failed, and sets when the next one is due.
    async fn look(&mut self) {
        while !self.is_closing() {
            match self.durable.look().await {
                Look::Exists(info) => {
                    let is_new = self.exists(&info);
                    let problem = self.problem.take();
                    if let (Some(problem), false) = (problem, is_new) {
                        self.away(&problem);
                    }
                    return;
                }
                Look::Missing(missing) => {
                    self.is_missing(missing);
                    if let (Missing::Durable, Some(stream)) = (missing, &self.durable.stream) {
                        match self.durable.create(stream).await {
                            Ok(()) => continue,
                            Err(error) => report_broker(self.report, &error),
                        }
                    }
                    tokio::time::sleep(AWAY).await;
                }
                Look::Unreachable(error) => {
                    let problem = self.problem.take().unwrap_or(error);
                    self.away(&problem);
                    return;
                }
            }
        }
        self.problem = None;
    }

    /// Returns whether the durable was missing, or is another one.
    fn exists(&mut self, info: &Info) -> bool {
        let created = info.created;
        let missing = self.missing.take();
        if missing.is_none() && !is_another(created, self.created) {
            return false;
        }
        if missing.is_none() {
            self.incarnation.next();
        }
        self.created = created;
        let after = missing.map_or(Duration::ZERO, |(_, since)| since.elapsed());
        let durable = self.durable.name();
        report(
            self.report,
            &ConsumerProblem::DurableFound { durable, after },
        );
        true
    }

    /// Reports once what is missing.
    fn is_missing(&mut self, missing: Missing) {
        let before = self.missing;
        if before.is_none() {
            self.incarnation.next();
        }
        let since = before.map_or_else(Instant::now, |(_, since)| since);
        self.missing = Some((missing, since));
        if before.is_some_and(|(before, _)| before == missing) {
            return;
        }
        let (stream, durable) = (self.durable.stream_name(), self.durable.name());
        let problem = match missing {
            Missing::Stream => ConsumerProblem::StreamMissing { stream },
            Missing::Durable => ConsumerProblem::DurableMissing { stream, durable },
        };
        report(self.report, &problem);
    }

    fn away(&mut self, problem: &str) {
        report_broker(self.report, problem);
        self.due = Some(Instant::now() + AWAY);
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}

/// Returns whether a durable was created after the one that was created at `before`. A server may
/// show a slightly different time after a restart.
fn is_another(created: DateTime, before: DateTime) -> bool {
    add_std_duration(before, Duration::from_millis(100)).is_ok_and(|before| created > before)
}

async fn answer(request: &mut Request, looking: &mut Option<BoxFuture<'_, Look>>) -> Answer {
    let look = async {
        match looking {
            Some(looking) => looking.await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        answer = request.batch.next() => match answer {
            Some(Ok(message)) => Answer::Message(Arc::new(message)),
            Some(Err(error)) => Answer::Failure(error.to_string()),
            None => Answer::End,
        },
        look = look => Answer::Look(look),
        () = tokio::time::sleep_until(request.over.into()) => Answer::Silence,
    }
}
