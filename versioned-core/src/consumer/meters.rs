//! The metrics of a consumer.
//!
//! Without the feature `metrics` there is nothing to count, and the functions do nothing.

#[cfg(feature = "metrics")]
use std::time::{Duration, Instant, SystemTime};

#[cfg(feature = "metrics")]
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::dead_letter::Redriven;
use crate::error::{Error, Result};
use crate::event::Event;
#[cfg(feature = "metrics")]
use crate::event::Op;
#[cfg(feature = "metrics")]
use crate::meters::{
    LETTERS_ACTIONS, LETTERS_ADDED, REPLICA_AGE, REPLICA_APPLIED, REPLICA_APPLY, REPLICA_EVENTS,
    REPLICA_SKEW, unix_time,
};
use crate::outcome::Outcome;

/// What became of a message. The replica's outcomes are counted where they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "metrics"),
    allow(dead_code, reason = "used by the feature `metrics`")
)]
pub(super) enum Became {
    Applied,
    SnapshotApplied,
    Duplicate,
    Stale,
    Parked,
    Dead,
    Forgotten,
    Skipped,
    Rejected,
}

/// Why a message becomes a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "metrics"),
    allow(dead_code, reason = "used by the feature `metrics`")
)]
pub(super) enum Because {
    Undecodable,
    Constraint,
    ApplyFailed,
    Other,
}

impl Because {
    /// The reason that an error gives.
    pub(super) fn of(error: &Error) -> Self {
        use crate::event::EventError;
        use diesel::result::{DatabaseErrorKind as Kind, Error as DieselError};

        match error {
            Error::Event(EventError::Unreadable { .. }) => Self::Undecodable,
            Error::Database(DieselError::DatabaseError(
                Kind::UniqueViolation
                | Kind::ForeignKeyViolation
                | Kind::NotNullViolation
                | Kind::CheckViolation
                | Kind::RestrictViolation
                | Kind::ExclusionViolation,
                _,
            )) => Self::Constraint,
            Error::Database(_) | Error::Other(_) => Self::ApplyFailed,
            _ => Self::Other,
        }
    }
}

/// The metrics of a consumer that runs.
#[derive(Clone)]
pub(super) struct Meters {
    #[cfg(feature = "metrics")]
    all: std::sync::Arc<All>,
}

#[cfg(feature = "metrics")]
struct All {
    events: [(Became, Counter); 9],
    ok: Histogram,
    error: Histogram,
    age: Histogram,
    skew: Counter,
    applied: Gauge,
    added: [(Because, Counter); 4],
    actions: [Counter; 4],
}

#[cfg(feature = "metrics")]
impl All {
    /// Every series of a counter is there before the first event.
    fn new(source: &'static str, model: &'static str) -> Self {
        let events = |became, outcome: &'static str| {
            let labels = [("source", source), ("model", model), ("outcome", outcome)];
            (became, zero(counter!(REPLICA_EVENTS, &labels)))
        };
        let applies = |outcome| histogram!(REPLICA_APPLY, "source" => source, "outcome" => outcome);
        let added = |because, reason: &'static str| {
            let labels = [("source", source), ("model", model), ("reason", reason)];
            (because, zero(counter!(LETTERS_ADDED, &labels)))
        };
        let actions = |action: &'static str| {
            zero(counter!(LETTERS_ACTIONS, "source" => source, "action" => action))
        };
        Self {
            events: [
                events(Became::Applied, "applied"),
                events(Became::SnapshotApplied, "snapshot_applied"),
                events(Became::Duplicate, "duplicate"),
                events(Became::Stale, "stale"),
                events(Became::Parked, "parked"),
                events(Became::Dead, "dead"),
                events(Became::Forgotten, "forgotten"),
                events(Became::Skipped, "skipped"),
                events(Became::Rejected, "rejected"),
            ],
            ok: applies("ok"),
            error: applies("error"),
            age: histogram!(REPLICA_AGE, "source" => source),
            skew: zero(counter!(REPLICA_SKEW, "source" => source)),
            applied: gauge!(REPLICA_APPLIED, "source" => source),
            added: [
                added(Because::Undecodable, "undecodable"),
                added(Because::Constraint, "constraint"),
                added(Because::ApplyFailed, "apply_failed"),
                added(Because::Other, "other"),
            ],
            actions: ["applied", "superseded", "waiting", "failed"].map(actions),
        }
    }

    fn became(&self, became: Became) {
        let found = self.events.iter().find(|(one, _)| *one == became);
        if let Some((_, counter)) = found {
            counter.increment(1);
        }
    }

    /// The outcome of an event. One that is early is delivered later.
    fn outcome(&self, noted: &Noted, outcome: Outcome) {
        let became = match outcome {
            Outcome::Gap { .. } => return,
            Outcome::Parked => Became::Parked,
            Outcome::Duplicate { current: i64::MAX } => Became::Forgotten,
            Outcome::Duplicate { current } if current > noted.version => Became::Stale,
            Outcome::Duplicate { .. } => Became::Duplicate,
            Outcome::Applied => {
                self.applied.set(unix_time());
                self.aged(noted.made);
                if noted.is_snapshot {
                    Became::SnapshotApplied
                } else {
                    Became::Applied
                }
            }
        };
        self.became(became);
    }

    fn aged(&self, made: Option<SystemTime>) {
        let Some(made) = made else {
            return;
        };
        let age = SystemTime::now().duration_since(made);
        if age.is_err() {
            self.skew.increment(1);
        }
        self.age.record(age.unwrap_or(Duration::ZERO));
    }
}

#[cfg(feature = "metrics")]
fn zero(counter: Counter) -> Counter {
    counter.increment(0);
    counter
}

/// What is remembered of an event while it is applied.
#[cfg(feature = "metrics")]
struct Noted {
    version: i64,
    is_snapshot: bool,
    /// When it was made, if that says how late it is: a snapshot is not of a change.
    made: Option<SystemTime>,
}

/// Events that are being applied together.
pub(super) struct Applying {
    #[cfg(feature = "metrics")]
    all: std::sync::Arc<All>,
    #[cfg(feature = "metrics")]
    noted: Vec<Noted>,
}

impl Applying {
    /// Runs `handling`, and counts the outcomes, which are committed by then.
    pub(super) async fn counts<F>(self, handling: F) -> Result<Vec<Outcome>>
    where
        F: Future<Output = Result<Vec<Outcome>>>,
    {
        #[cfg(feature = "metrics")]
        let start = Instant::now();
        let outcomes = handling.await;
        #[cfg(feature = "metrics")]
        match &outcomes {
            Ok(outcomes) => {
                self.all.ok.record(start.elapsed());
                for (noted, outcome) in self.noted.iter().zip(outcomes) {
                    self.all.outcome(noted, *outcome);
                }
            }
            Err(_) => self.all.error.record(start.elapsed()),
        }
        outcomes
    }
}

#[cfg_attr(
    not(feature = "metrics"),
    allow(
        unused_variables,
        clippy::unused_self,
        reason = "used by the feature `metrics`"
    )
)]
impl Meters {
    pub(super) fn new(source: &'static str, model: &'static str) -> Self {
        Self {
            #[cfg(feature = "metrics")]
            all: std::sync::Arc::new(All::new(source, model)),
        }
    }

    /// These events are going to be applied.
    pub(super) fn applying<T>(&self, events: &[Event<T>]) -> Applying {
        Applying {
            #[cfg(feature = "metrics")]
            all: std::sync::Arc::clone(&self.all),
            #[cfg(feature = "metrics")]
            noted: events
                .iter()
                .map(|event| {
                    let is_snapshot = matches!(event.op, Op::Snapshot | Op::DeletedForever);
                    let made = humantime::parse_rfc3339_weak(&event.at).ok();
                    Noted {
                        version: event.version,
                        is_snapshot,
                        made: made.filter(|_| !is_snapshot),
                    }
                })
                .collect(),
        }
    }

    /// A message was settled without being applied.
    pub(super) fn became(&self, became: Became) {
        #[cfg(feature = "metrics")]
        self.all.became(became);
    }

    /// A message was kept as a dead letter.
    pub(super) fn died(&self, because: Because) {
        #[cfg(feature = "metrics")]
        {
            self.all.became(Became::Dead);
            let found = self.all.added.iter().find(|(one, _)| *one == because);
            if let Some((_, counter)) = found {
                counter.increment(1);
            }
        }
    }

    /// Dead letters were tried again.
    pub(super) fn redriven(&self, redriven: Redriven) {
        #[cfg(feature = "metrics")]
        {
            let Redriven {
                applied,
                duplicates,
                parked,
                failed,
                ..
            } = redriven;
            let numbers = [applied, duplicates, parked, failed];
            for (counter, number) in self.all.actions.iter().zip(numbers) {
                counter.increment(number);
            }
        }
    }
}
