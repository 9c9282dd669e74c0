//! Whether relays and consumers run well, for the probes of an orchestrator.
//!
//! A [`Health`] is judged by progress: whether something waits, and when something last succeeded. It
//! is answered from memory, without a query, so it may be asked as often as you like.
//!
//! | of a [`Report`] | is false, or true for `degraded`, if | use |
//! | --- | --- | --- |
//! | `alive` | the loop has ended without being asked to, or stands still | liveness: a restart helps |
//! | `ready` | it has not started, is shutting down, or its database has failed twice in a row | readiness |
//! | `degraded` | the broker does not answer, or something waits and nothing has succeeded for a minute | an alert; the process stays in use |
//!
//! ```no_run
//! # use diesel::prelude::*;
//! # use versioned_core::outbox::{Publisher, Relay, Shutdown};
//! use versioned_core::health;
//!
//! # fn f(publisher: impl Publisher + 'static) {
//! let relay = Relay::new(publisher);
//! let all = [relay.health()]; // and those of consumers
//! let connect = || SqliteConnection::establish("tickets.db");
//! std::thread::spawn(move || relay.run(connect, Shutdown::new()));
//! // In the handler of the probe:
//! let report = health::report(&all);
//! let status = if report.ready { 200 } else { 503 };
//! # }
//! ```

mod state;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use self::state::State;

/// How a relay or a consumer is. The clones are cheap, and show the same.
#[derive(Debug, Clone)]
pub struct Health {
    state: Arc<Mutex<State>>,
    patience: Duration,
}

impl Health {
    pub(crate) fn of(part: &'static str) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(part, Instant::now()))),
            patience: Duration::from_secs(60),
        }
    }

    /// Sets the time without a success after which something that waits is a finding. The default is
    /// 60 s.
    #[must_use]
    pub fn patience(self, time: Duration) -> Self {
        Self {
            patience: time,
            ..self
        }
    }

    /// Returns how it is now. Runs no query.
    pub fn report(&self) -> Report {
        report(std::slice::from_ref(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn findings(&self, now: Instant) -> Vec<Finding> {
        self.state().findings(self.patience, now)
    }

    /// The loop starts. It ends when the guard is dropped.
    pub(crate) fn starts(&self) -> Running {
        self.state().starts(Instant::now());
        Running(self.clone())
    }

    /// The database has failed. The second time in a row it is a finding.
    pub(crate) fn database_failed(&self, reason: &str) {
        self.state().database.failed(reason, Instant::now());
    }

    /// It has failed so often that it is a finding.
    #[cfg(feature = "consumer")]
    pub(crate) fn database_is_away(&self, reason: &str) {
        self.database_failed(reason);
        self.database_failed(reason);
    }

    pub(crate) fn database_answered(&self) {
        self.state().database.answered();
    }

    /// The broker has failed. The second time in a row it is a finding.
    pub(crate) fn broker_failed(&self, reason: &str) {
        self.state().broker.failed(reason, Instant::now());
    }

    pub(crate) fn broker_answered(&self) {
        self.state().broker.answered();
    }

    /// The loop goes round.
    #[cfg(feature = "consumer")]
    pub(crate) fn ticks(&self, has_work: bool) {
        self.state().ticks(has_work, Instant::now());
    }

    /// A pass begins, which may take its time.
    pub(crate) fn begins(&self) {
        self.state().works(true, Instant::now());
    }

    /// A pass has ended, and something still waits or not.
    pub(crate) fn passed(&self, has_work: bool) {
        self.state().works(has_work, Instant::now());
    }

    /// Something has succeeded.
    pub(crate) fn succeeds(&self) {
        self.state().succeeds(Instant::now());
    }
}

/// A loop that runs. If it is dropped before it was told so, the loop has panicked, or its future
/// was dropped.
#[derive(Debug)]
pub(crate) struct Running(Health);

impl Running {
    /// The loop ends because it was asked to.
    pub(crate) fn stops(self) {
        self.0.state().stops(Instant::now());
    }

    /// The loop ends with an error.
    #[cfg(feature = "consumer")]
    pub(crate) fn fails(self, reason: &str) {
        self.0.state().ends(reason, Instant::now());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let reason = "it panicked, or its future was dropped";
        self.0.state().ends(reason, Instant::now());
    }
}

/// Returns how all of these are: as the worst of them.
pub fn report(all: &[Health]) -> Report {
    let now = Instant::now();
    let findings: Vec<Finding> = all.iter().flat_map(|one| one.findings(now)).collect();
    let has = |level| {
        findings
            .iter()
            .any(|finding| finding.cause.level() == level)
    };
    Report {
        alive: !has(Level::Dead),
        ready: !has(Level::Dead) && !has(Level::NotReady),
        degraded: has(Level::Degraded),
        findings,
    }
}

/// How relays and consumers are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Whether the loops run. If not, a restart helps.
    pub alive: bool,
    /// Whether they have started, and their databases answer.
    pub ready: bool,
    /// Whether something is late.
    pub degraded: bool,
    /// What is wrong, for each relay and consumer.
    pub findings: Vec<Finding>,
}

/// `ok`, or a line for each finding.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.findings.is_empty() {
            return f.write_str("ok");
        }
        for (place, finding) in self.findings.iter().enumerate() {
            let line = if place == 0 { "" } else { "\n" };
            write!(f, "{line}{finding}")?;
        }
        Ok(())
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// `relay` or `consumer`.
    pub part: &'static str,
    /// What is wrong.
    pub cause: Cause,
    /// Since when.
    pub since: SystemTime,
    /// The reason, for a person.
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = humantime::format_rfc3339_seconds(self.since);
        let Self { part, reason, .. } = self;
        write!(f, "{part}: {} since {since}: {reason}", self.cause)
    }
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// It has not started yet.
    NotStarted,
    /// It has ended because it was asked to.
    Stopped,
    /// It has ended without being asked to.
    Ended,
    /// The loop stands still.
    Stuck,
    /// The database fails.
    Database,
    /// The broker does not answer.
    Broker,
    /// Something waits, and nothing succeeds.
    NoProgress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Dead,
    NotReady,
    Degraded,
}

impl Cause {
    fn level(self) -> Level {
        match self {
            Self::Ended | Self::Stuck => Level::Dead,
            Self::NotStarted | Self::Stopped | Self::Database => Level::NotReady,
            Self::Broker | Self::NoProgress => Level::Degraded,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotStarted => "not started",
            Self::Stopped => "stopped",
            Self::Ended => "ended",
            Self::Stuck => "stuck",
            Self::Database => "database fails",
            Self::Broker => "broker fails",
            Self::NoProgress => "no progress",
        })
    }
}
