//! What a consumer does with messages that cannot be applied.

use std::time::{Duration, Instant};

use diesel::result::Error as DieselError;
use serde::de::DeserializeOwned;

use super::finish::AWAY;
use super::lanes::Started;
use super::meters::{Became, Because};
use super::problem::ConsumerProblem;
use super::run::Run;
use super::source::{Delivery, Message as _, Settlement, letter};
use crate::dead_letter::Redriven;
use crate::error::{Error, Result};
use crate::format::Refused;
use crate::operation::replica::dead_letters::Passing;
use crate::operation::replica::dead_letters::keep::NewLetter;

/// The number of failures in a row after which a pass over the dead letters ends.
const FAILURES: usize = 20;
/// The time of a pass, which has a connection for itself. The next one follows at once if letters
/// were applied.
const TIME: Duration = Duration::from_secs(1);
/// The pause before the first pass after early events were kept.
const SOON: Duration = Duration::from_millis(500);

/// The dead letters that are not kept yet, and the passes over those that are.
#[derive(Debug)]
pub(super) struct Pending {
    letters: Vec<(Marked, NewLetter)>,
    /// The time before which they are not kept, because that has failed.
    again: Option<Instant>,
    /// Whether there is a place for dead letters.
    place: Place,
    /// The time of the next pass.
    next: Option<Instant>,
    /// The pause before the pass after it, while early events are kept.
    pause: Option<Duration>,
    /// The id of the letter at which the last pass ended.
    after: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The first pass tells.
    Unknown,
    Known,
    None,
}

/// A message that becomes a dead letter.
#[derive(Debug)]
pub(super) struct Marked {
    number: u64,
    /// The event, if the message could be read.
    started: Option<Started>,
    /// Why it is a dead letter. `None` if it only waits for an earlier version.
    because: Option<Because>,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            letters: Vec::new(),
            again: None,
            place: Place::Unknown,
            next: Some(Instant::now()),
            pause: None,
            after: 0,
        }
    }
}

impl Pending {
    pub(super) fn are_kept(&self) -> bool {
        self.place == Place::Known
    }

    /// The time at which the next pass is due, or messages are to be kept again.
    pub(super) fn next_look(&self) -> Option<Instant> {
        [self.next, self.again].into_iter().flatten().min()
    }

    /// The time of the next pass.
    pub(super) fn next_pass(&self) -> Option<Instant> {
        self.next
    }

    /// Plans passes that begin soon, and are farther apart as long as they apply nothing.
    fn soon(&mut self, now: Instant) {
        self.pause = Some(SOON);
        self.next = self.next.map(|next| next.min(now + SOON));
    }

    /// Removes the letters that are not kept yet, and returns the numbers of their messages.
    pub(super) fn drain(&mut self) -> Vec<u64> {
        let letters = self.letters.drain(..);
        letters.map(|(marked, _)| marked.number).collect()
    }
}

impl<T, D> Run<'_, T, D>
where
    T: DeserializeOwned + Send,
    D: Delivery,
{
    /// Gives up a message that is not an event of this replica.
    pub(super) fn unreadable(&mut self, number: u64, started: Option<Started>, refused: &Refused) {
        if let Some(message) = self.held.get(&number) {
            message.delivery.body().with(|message| {
                self.report(&ConsumerProblem::Unreadable {
                    subject: message.subject,
                    reason: refused.reason(),
                });
            });
        }
        let record = refused.record().map(|(key, turn)| (key.to_owned(), turn));
        let reason = (Because::Undecodable, refused.reason());
        self.give_up(number, started, record, reason);
    }

    /// Gives up an event that was read.
    pub(super) fn give_up_event(&mut self, started: &Started, error: &Error) {
        let message = self.held.get(&started.number);
        let record = message.and_then(|message| self.record_of(&message.delivery.body()));
        let reason = error.to_string();
        let reason = (Because::of(error), &*reason);
        self.give_up(started.number, Some(started.clone()), record, reason);
    }

    /// Returns the key and the turn of an event of this replica.
    fn record_of(&self, message: &D::Body) -> Option<(String, i64)> {
        match (self.reader.read)(message) {
            Ok(Some(read)) if read.event.entity == self.reader.entity => {
                let turn = read.event.turn();
                Some((read.event.key, turn))
            }
            _ => None,
        }
    }

    /// Makes a message a dead letter, or rejects it if there is no place for it.
    fn give_up(
        &mut self,
        number: u64,
        started: Option<Started>,
        record: Option<(String, i64)>,
        (because, reason): (Because, &str),
    ) {
        let Some(message) = self.held.get(&number) else {
            if let Some(started) = started {
                self.lanes.dropped(&started.record);
            }
            return;
        };
        if self.letters.place == Place::None {
            self.count().terminated.add(1);
            self.meters.became(Became::Rejected);
            if let Some(started) = started {
                self.lanes.dropped(&started.record);
            }
            self.settle(&[number], Settlement::Reject);
            return;
        }
        let letter = NewLetter {
            reason: reason.to_owned(),
            attempts: message.attempts.max(1),
            ..letter(&message.delivery.body(), record)
        };
        let marked = Marked {
            number,
            started,
            because: Some(because),
        };
        self.letters.letters.push((marked, letter));
    }

    /// Keeps the events that wait for an earlier version like dead letters, because the broker
    /// delivers no more before some messages are settled.
    pub(super) fn full(&mut self, limit: u64) {
        if !self.letters.are_kept() {
            if self.lanes.has_early() && !self.full_is_reported {
                self.full_is_reported = true;
                self.report(&ConsumerProblem::WindowFull { limit });
            }
            return;
        }
        self.keep_early(Instant::now());
    }

    /// Keeps the events that have waited for an earlier version since `before` or longer, like dead
    /// letters.
    pub(super) fn keep_early(&mut self, before: Instant) {
        if !self.letters.are_kept() {
            return;
        }
        for started in self.lanes.start_early(before) {
            let number = started.number;
            let Some(message) = self.held.get(&number) else {
                self.lanes.dropped(&started.record);
                continue;
            };
            let body = message.delivery.body();
            let letter = letter(&body, self.record_of(&body));
            let marked = Marked {
                number,
                started: Some(started),
                because: None,
            };
            self.letters.letters.push((marked, letter));
        }
    }

    /// Returns the letters to keep now, while so many things are being done.
    pub(super) fn letters_to_keep(&mut self, busy: usize) -> Option<(Vec<Marked>, Vec<NewLetter>)> {
        let now = Instant::now();
        let wait = self.letters.letters.is_empty()
            || self.letters.place == Place::Unknown
            || self.letters.again.is_some_and(|again| again > now)
            || !self.breaker.allows(busy, now);
        (!wait).then(|| {
            self.letters.again = None;
            std::mem::take(&mut self.letters.letters)
                .into_iter()
                .unzip()
        })
    }

    /// Acknowledges messages that are kept, or tries again later.
    pub(super) fn kept(&mut self, marked: Vec<Marked>, letters: Vec<NewLetter>, kept: Result<()>) {
        let now = Instant::now();
        self.note(&kept, now);
        let Err(error) = kept else {
            for message in marked {
                if let Some(because) = message.because {
                    self.count().dead_letters.add(1);
                    self.meters.died(because);
                } else {
                    self.count().parked.add(1);
                    self.meters.became(Became::Parked);
                    self.letters.soon(now);
                }
                if let Some(started) = message.started {
                    self.lanes.dropped(&started.record);
                }
                self.settle(&[message.number], Settlement::Acknowledge);
            }
            return;
        };
        for (message, letter) in marked.into_iter().zip(letters) {
            if let Some(started) = &message.started {
                self.lanes.failed(started, now + AWAY);
            } else {
                // Not every broker delivers it again.
                self.letters.letters.push((message, letter));
                self.letters.again = Some(now + AWAY);
            }
        }
        if is_missing(&error) {
            self.no_place(&error);
        } else {
            self.count().failed.add(1);
            self.report(&ConsumerProblem::NotKept { error: &error });
        }
    }

    /// Returns the pass over the dead letters that is due, while so many things are being done.
    pub(super) fn pass_to_redrive(&mut self, busy: usize) -> Option<Passing> {
        let now = Instant::now();
        let is_due = self.letters.next.is_some_and(|at| at <= now);
        if !is_due || !self.breaker.allows(busy, now) {
            return None;
        }
        self.letters.next = None;
        Some(Passing {
            after: self.letters.after,
            failures: FAILURES,
            time: TIME,
        })
    }

    /// Counts what a pass has applied, and plans the next one.
    pub(super) fn redriven(&mut self, done: Result<Option<(Redriven, i64)>>) {
        let now = Instant::now();
        let mut pause = self.settings.redrive;
        match done {
            Ok(Some((redriven, after))) => {
                self.note(&Ok(()), now);
                self.letters.place = Place::Known;
                self.letters.after = after;
                self.count().redriven.add(redriven.applied);
                self.meters.redriven(redriven);
                if let Some(soon) = &mut self.letters.pause {
                    pause = pause.min(*soon);
                    if redriven.done() == 0 {
                        *soon = soon.saturating_mul(2);
                    }
                }
                if after > 0 && redriven.done() > 0 {
                    pause = Duration::ZERO;
                }
            }
            Ok(None) => {
                self.letters.place = Place::None;
                self.reject_letters();
                return;
            }
            Err(error) if self.letters.place == Place::Unknown && is_missing(&error) => {
                self.no_place(&error);
                return;
            }
            Err(error) => self.note(&Err::<(), Error>(error), now),
        }
        if self.letters.place == Place::Unknown {
            pause = pause.min(AWAY);
        }
        self.letters.next = Some(now + pause);
    }

    /// There is no table of dead letters, or it may not be used.
    fn no_place(&mut self, error: &Error) {
        self.report(&ConsumerProblem::NoDeadLetters { error });
        self.letters.place = Place::None;
        self.letters.next = None;
        self.reject_letters();
    }

    /// Rejects the messages for which there is no place.
    fn reject_letters(&mut self) {
        let again = Instant::now() + AWAY;
        for (marked, letter) in std::mem::take(&mut self.letters.letters) {
            let because = match (marked.because, &marked.started) {
                (None, Some(started)) => {
                    self.lanes.failed(started, again);
                    continue;
                }
                (because, _) => because.unwrap_or(Because::Other),
            };
            let NewLetter { record, reason, .. } = letter;
            self.give_up(marked.number, marked.started, record, (because, &reason));
        }
    }
}

/// Returns whether the table of dead letters is missing, or may not be used. Each database then
/// names it in the error.
fn is_missing(error: &Error) -> bool {
    match error {
        Error::Database(DieselError::DatabaseError(_, info)) => {
            info.message().contains("versioned_dead_letters")
        }
        _ => false,
    }
}
