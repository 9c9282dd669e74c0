//! What a consumer does with the result of a batch.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::breaker::{Change, may_be_unreachable};
use super::lanes::Started;
use super::problem::ConsumerProblem;
use super::run::Run;
use super::source::{Delivery, Settlement};
use crate::error::{Error, Result, is_unreachable};
use crate::operation::row_count::ends_the_transaction;
use crate::outcome::Outcome;

/// The longest pause after a failure of an unreachable database. The breaker has its own.
pub(super) const AWAY: Duration = Duration::from_millis(250);

impl<T, D> Run<'_, T, D>
where
    T: DeserializeOwned + Send,
    D: Delivery,
{
    /// Settles the events of a batch, or keeps them for another attempt.
    pub(super) fn finish(&mut self, mut batch: Vec<Started>, outcomes: Result<Vec<Outcome>>) {
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
                self.count().applied.add(1);
                self.lanes.reached(record, started.version(), now)
            }
            Outcome::Duplicate { current } => {
                self.count().duplicates.add(1);
                self.lanes.reached(record, current, now)
            }
            Outcome::Parked => {
                self.count().parked.add(1);
                self.lanes.dropped(record);
                None
            }
            Outcome::Gap { current, .. } => {
                self.count().gaps.add(1);
                self.lanes.gap(started, current, now);
                return;
            }
        };
        if let Some(waited) = waited {
            self.report(&ConsumerProblem::WaitOver { record, waited });
        }
        self.settle(&[started.number], Settlement::Acknowledge);
    }

    /// Gives up an event that this replica can never apply, or keeps it for another attempt.
    fn fail_one(&mut self, started: &Started, error: &Error, now: Instant) {
        if matches!(error, Error::Event(_)) {
            let id = &started.id();
            self.report(&ConsumerProblem::Refused { id, error });
            self.give_up_event(started, error);
            return;
        }
        self.report_failure(started, error);
        let mut attempts = 1;
        if let Some(message) = self.held.get_mut(&started.number) {
            if !is_unreachable(error) && !ends_the_transaction(error) {
                message.attempts += 1;
            }
            attempts = message.attempts;
        }
        if attempts >= self.settings.attempts && self.letters.are_kept() {
            let id = &started.id();
            self.report(&ConsumerProblem::GaveUp {
                id,
                attempts,
                error,
            });
            self.give_up_event(started, error);
            return;
        }
        let mut delay = self.settings.delay(attempts);
        if may_be_unreachable(error) {
            delay = delay.min(AWAY);
        }
        self.lanes.failed(started, now + delay);
    }

    fn report_failure(&mut self, started: &Started, error: &Error) {
        self.count().failed.add(1);
        let id = &started.id();
        self.report(&ConsumerProblem::Failed { id, error });
    }

    /// Opens or closes the breaker.
    pub(super) fn note<O>(&mut self, outcomes: &Result<O>, now: Instant) {
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
}
