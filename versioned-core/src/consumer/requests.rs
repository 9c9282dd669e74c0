//! The looks for requests.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::breaker::may_be_unreachable;
use super::problem::ConsumerProblem;
use super::run::Run;
use super::source::{Delivery, NextDue};
use crate::error::{Error, Result};

/// The pause before the next look if there are no tables of requests.
const NO_TABLES: Duration = Duration::from_secs(60);

/// When to look for requests.
#[derive(Debug)]
pub(super) struct Requests {
    /// `None` if they are not executed.
    every: Option<Duration>,
    next: Option<Instant>,
    /// Whether it was reported that they could not be executed.
    has_failed: bool,
}

impl Requests {
    pub(super) fn new(every: Option<Duration>) -> Self {
        Self {
            every,
            next: every.map(|_| Instant::now()),
            has_failed: false,
        }
    }

    /// The time at which the next look is due.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next
    }
}

impl<T, D> Run<'_, T, D>
where
    T: DeserializeOwned + Send,
    D: Delivery,
{
    /// Returns whether requests are to be executed now, while so many things are being done.
    pub(super) fn requests_to_execute(&mut self, busy: usize) -> bool {
        let now = Instant::now();
        let is_due = self.requests.next.is_some_and(|at| at <= now);
        if !is_due || !self.breaker.allows(busy, now) {
            return false;
        }
        self.requests.next = None;
        true
    }

    /// Plans the next look.
    pub(super) fn executed(&mut self, done: Result<Option<NextDue>>) {
        let now = Instant::now();
        let Some(every) = self.requests.every else {
            return;
        };
        let pause = match done {
            Ok(Some(due)) => {
                self.note(&Ok(()), now);
                self.requests.has_failed = false;
                due.map_or(every, |due| due.min(every))
            }
            Ok(None) => NO_TABLES,
            Err(error) => {
                if !may_be_unreachable(&error) && !self.requests.has_failed {
                    self.requests.has_failed = true;
                    self.report(&ConsumerProblem::NotExecuted { error: &error });
                }
                self.note(&Err::<(), Error>(error), now);
                every
            }
        };
        self.requests.next = Some(now + pause);
    }
}
