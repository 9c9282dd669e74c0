//! How far a request is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ItemOutcome, RequestState, Terms};

/// The numbers of results of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Counts {
    /// See [`ItemOutcome::Applied`].
    pub applied: u64,
    /// See [`ItemOutcome::Superseded`].
    pub superseded: u64,
    /// See [`ItemOutcome::Waiting`].
    pub waiting: u64,
    /// See [`ItemOutcome::Failed`].
    pub failed: u64,
    /// See [`ItemOutcome::Forgotten`].
    pub forgotten: u64,
    /// See [`ItemOutcome::Queued`].
    pub queued: u64,
    /// See [`ItemOutcome::DeletionQueued`].
    pub deletions_queued: u64,
    /// See [`ItemOutcome::Unknown`].
    pub unknown: u64,
}

impl Counts {
    /// The number of all results.
    pub fn total(&self) -> u64 {
        self.applied
            + self.superseded
            + self.waiting
            + self.failed
            + self.forgotten
            + self.queued
            + self.deletions_queued
            + self.unknown
    }

    fn of(&mut self, outcome: ItemOutcome) -> Option<&mut u64> {
        Some(match outcome {
            ItemOutcome::Open => return None,
            ItemOutcome::Applied => &mut self.applied,
            ItemOutcome::Superseded => &mut self.superseded,
            ItemOutcome::Waiting => &mut self.waiting,
            ItemOutcome::Failed => &mut self.failed,
            ItemOutcome::Forgotten => &mut self.forgotten,
            ItemOutcome::Queued => &mut self.queued,
            ItemOutcome::DeletionQueued => &mut self.deletions_queued,
            ItemOutcome::Unknown => &mut self.unknown,
        })
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.applied, "applied"),
            (self.superseded, "superseded"),
            (self.waiting, "waiting"),
            (self.failed, "failed"),
            (self.forgotten, "forgotten"),
            (self.queued, "queued"),
            (self.deletions_queued, "deletions queued"),
            (self.unknown, "unknown"),
        ];
        let mut is_first = true;
        for (number, name) in all.into_iter().filter(|(number, _)| *number > 0) {
            let comma = if is_first { "" } else { ", " };
            write!(f, "{comma}{number} {name}")?;
            is_first = false;
        }
        if is_first {
            f.write_str("no results")?;
        }
        Ok(())
    }
}

/// How far a request is, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    pub(crate) counts: Counts,
    /// The number of failures since something succeeded.
    pub(crate) in_a_row: u64,
    /// All items before this one have a result.
    pub(crate) place: i64,
    /// The last record of a resend of all records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<Cursor>,
}

/// A record after which a resend goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) key: String,
    /// Whether it is deleted. The deletions follow the rows.
    pub(crate) deleted: bool,
}

impl Progress {
    /// Counts a result. Returns why the request ends early, if it does.
    pub(crate) fn count(&mut self, outcome: ItemOutcome, terms: &Terms) -> Option<String> {
        if let Some(number) = self.counts.of(outcome) {
            *number += 1;
        }
        match outcome {
            ItemOutcome::Failed => self.in_a_row += 1,
            ItemOutcome::Applied | ItemOutcome::Queued | ItemOutcome::DeletionQueued => {
                self.in_a_row = 0;
            }
            _ => {}
        }
        if outcome != ItemOutcome::Failed {
            return None;
        }
        let good = self.counts.applied + self.counts.queued + self.counts.deletions_queued;
        if good < terms.canary {
            return Some("the first one failed, and the rest was not tried".to_owned());
        }
        let is_over = self.in_a_row >= terms.failures;
        is_over.then(|| format!("{} failed in a row", self.in_a_row))
    }

    /// The state after a step.
    pub(crate) fn state(&self, stopped: bool, terms: &Terms) -> RequestState {
        if self.counts.total() >= terms.chosen {
            RequestState::Done
        } else if stopped {
            RequestState::Stopped
        } else {
            RequestState::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(canary: u64, failures: u64) -> Terms {
        Terms {
            canary,
            failures,
            ..Terms::default()
        }
    }

    #[test]
    fn a_canary_that_fails_ends_it_and_one_that_proves_nothing_does_not() {
        let terms = terms(1, 3);
        let mut progress = Progress::default();
        assert_eq!(progress.count(ItemOutcome::Superseded, &terms), None);
        assert_eq!(progress.count(ItemOutcome::Waiting, &terms), None);
        assert!(progress.count(ItemOutcome::Failed, &terms).is_some());
        let mut progress = Progress::default();
        assert_eq!(progress.count(ItemOutcome::Applied, &terms), None);
        assert_eq!(progress.count(ItemOutcome::Failed, &terms), None);
        assert_eq!(progress.count(ItemOutcome::Failed, &terms), None);
        let over = progress.count(ItemOutcome::Failed, &terms);
        assert_eq!(over.as_deref(), Some("3 failed in a row"));
    }

    #[test]
    fn only_failures_in_a_row_end_it() {
        let terms = terms(0, 2);
        let mut progress = Progress::default();
        for _ in 0..5 {
            assert_eq!(progress.count(ItemOutcome::Failed, &terms), None);
            assert_eq!(progress.count(ItemOutcome::Waiting, &terms), None);
            assert_eq!(progress.count(ItemOutcome::Applied, &terms), None);
        }
        assert_eq!(progress.counts.total(), 15);
        assert_eq!(
            progress.counts.to_string(),
            "5 applied, 5 waiting, 5 failed"
        );
        assert_eq!(Counts::default().to_string(), "no results");
    }
}
