//! What a relay or a consumer has noted of itself.

use std::time::{Duration, Instant, SystemTime};

use super::{Cause, Finding};

/// The longest time between two rounds of a loop that goes round every second.
const TICK: Duration = Duration::from_secs(60);

/// After so long without a failure, a failure begins another series.
const SERIES: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct State {
    part: &'static str,
    stage: Stage,
    /// Since when it is in this stage.
    since: Instant,
    /// The last round, of a loop that always goes round.
    tick: Option<Instant>,
    /// Since when something waits without a success.
    waits: Option<Instant>,
    pub(super) database: Failures,
    pub(super) broker: Failures,
}

#[derive(Debug)]
enum Stage {
    NotStarted,
    Running,
    Stopped,
    Ended(String),
}

/// Failures in a row.
#[derive(Debug, Default)]
pub(super) struct Failures {
    rounds: u32,
    first: Option<Instant>,
    last: Option<Instant>,
    reason: String,
}

impl Failures {
    pub(super) fn failed(&mut self, reason: &str, now: Instant) {
        if self.last.is_some_and(|last| now - last > SERIES) {
            *self = Self::default();
        }
        self.rounds = self.rounds.saturating_add(1);
        self.first.get_or_insert(now);
        self.last = Some(now);
        reason.clone_into(&mut self.reason);
    }

    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }

    /// One failure is none yet.
    fn since(&self) -> Option<Instant> {
        self.first.filter(|_| self.rounds > 1)
    }
}

impl State {
    pub(super) fn new(part: &'static str, now: Instant) -> Self {
        Self {
            part,
            stage: Stage::NotStarted,
            since: now,
            tick: None,
            waits: None,
            database: Failures::default(),
            broker: Failures::default(),
        }
    }

    pub(super) fn starts(&mut self, now: Instant) {
        *self = Self {
            stage: Stage::Running,
            ..Self::new(self.part, now)
        };
    }

    pub(super) fn stops(&mut self, now: Instant) {
        self.leave(Stage::Stopped, now);
    }

    pub(super) fn ends(&mut self, reason: &str, now: Instant) {
        self.leave(Stage::Ended(reason.to_owned()), now);
    }

    fn leave(&mut self, stage: Stage, now: Instant) {
        if matches!(self.stage, Stage::Running) {
            *self = Self {
                stage,
                ..Self::new(self.part, now)
            };
        }
    }

    #[cfg(any(feature = "consumer", test))]
    pub(super) fn ticks(&mut self, has_work: bool, now: Instant) {
        self.tick = Some(now);
        self.works(has_work, now);
    }

    pub(super) fn works(&mut self, has_work: bool, now: Instant) {
        if has_work {
            self.waits.get_or_insert(now);
        } else {
            self.waits = None;
        }
    }

    pub(super) fn succeeds(&mut self, now: Instant) {
        self.waits = self.waits.map(|_| now);
    }

    pub(super) fn findings(&self, patience: Duration, now: Instant) -> Vec<Finding> {
        let finding = |cause, since: Instant, reason: &str| Finding {
            part: self.part,
            cause,
            since: SystemTime::now() - now.saturating_duration_since(since),
            reason: reason.to_owned(),
        };
        match &self.stage {
            Stage::NotStarted => {
                return vec![finding(
                    Cause::NotStarted,
                    self.since,
                    "it does not run yet",
                )];
            }
            Stage::Stopped => {
                return vec![finding(Cause::Stopped, self.since, "it was asked to")];
            }
            Stage::Ended(reason) => return vec![finding(Cause::Ended, self.since, reason)],
            Stage::Running => {}
        }
        let is_late = |since: &Instant, most| now.saturating_duration_since(*since) > most;
        let mut all = Vec::new();
        if let Some(tick) = self.tick.filter(|tick| is_late(tick, TICK)) {
            all.push(finding(Cause::Stuck, tick, "the loop stands still"));
        }
        for (cause, failures) in [
            (Cause::Database, &self.database),
            (Cause::Broker, &self.broker),
        ] {
            if let Some(since) = failures.since() {
                all.push(finding(cause, since, &failures.reason));
            }
        }
        if let Some(since) = self.waits.filter(|since| is_late(since, patience)) {
            all.push(finding(Cause::NoProgress, since, "something waits"));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PATIENCE: Duration = Duration::from_secs(60);

    fn causes(state: &State, now: Instant) -> Vec<Cause> {
        let found = state.findings(PATIENCE, now).into_iter();
        found.map(|finding| finding.cause).collect()
    }

    #[test]
    fn it_is_what_its_loop_is() {
        let start = Instant::now();
        let mut state = State::new("relay", start);
        assert_eq!(causes(&state, start), [Cause::NotStarted]);
        state.ends("no", start);
        assert_eq!(causes(&state, start), [Cause::NotStarted]);
        state.starts(start);
        assert_eq!(causes(&state, start + 3_600 * SECOND), []);
        state.stops(start);
        // What the guard says afterwards.
        state.ends("it panicked", start);
        assert_eq!(causes(&state, start), [Cause::Stopped]);
        state.starts(start);
        state.ends("it panicked", start);
        assert_eq!(causes(&state, start), [Cause::Ended]);
        state.starts(start);
        assert_eq!(causes(&state, start), []);
    }

    #[test]
    fn a_loop_that_stands_still_is_found() {
        let start = Instant::now();
        let mut state = State::new("consumer", start);
        state.starts(start);
        state.ticks(false, start);
        assert_eq!(causes(&state, start + TICK), []);
        assert_eq!(causes(&state, start + TICK + SECOND), [Cause::Stuck]);
        state.ticks(false, start + TICK + SECOND);
        assert_eq!(causes(&state, start + TICK + SECOND), []);
    }

    /// One failure changes nothing, and one success ends it.
    #[test]
    fn two_failures_in_a_row_are_a_finding() {
        let start = Instant::now();
        let mut state = State::new("relay", start);
        state.starts(start);
        state.database.failed("away", start);
        state.broker.failed("away", start);
        assert_eq!(causes(&state, start), []);
        state.database.failed("still away", start + SECOND);
        state.broker.failed("still away", start + SECOND);
        assert_eq!(causes(&state, start), [Cause::Database, Cause::Broker]);
        let found = state.findings(PATIENCE, start + 5 * SECOND);
        assert_eq!(found[0].reason, "still away");
        let since = found[0].since.elapsed().unwrap();
        assert!((5..60).contains(&since.as_secs()), "{since:?}");
        state.database.answered();
        state.broker.answered();
        assert_eq!(causes(&state, start), []);
        state.database.failed("away", start);
        state.database.failed("away", start + SERIES + SECOND);
        assert_eq!(causes(&state, start), []);
    }

    #[test]
    fn work_that_waits_without_a_success_is_no_progress() {
        let start = Instant::now();
        let mut state = State::new("consumer", start);
        state.starts(start);
        let late = start + PATIENCE + SECOND;
        assert_eq!(causes(&state, late), []);
        state.works(true, start);
        state.works(true, start + SECOND);
        assert_eq!(causes(&state, start + PATIENCE), []);
        assert_eq!(causes(&state, late), [Cause::NoProgress]);
        state.succeeds(late);
        assert_eq!(causes(&state, late), []);
        assert_eq!(
            causes(&state, late + PATIENCE + SECOND),
            [Cause::NoProgress]
        );
        state.works(false, late);
        state.succeeds(late);
        assert_eq!(causes(&state, late + PATIENCE + SECOND), []);
    }
}
