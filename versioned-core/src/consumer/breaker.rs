//! Stops all attempts while the replica's database is unreachable, except one probe at a time.

use std::time::{Duration, Instant};

use crate::error::{Error, is_unreachable};

/// The pause before the first probe. It doubles with each probe that fails.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Breaker {
    /// The number of failures in a row at which it opens.
    limit: usize,
    failures: usize,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    since: Instant,
    pause: Duration,
    probe: Instant,
}

/// The effect of a result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    /// Attempts stop.
    Opened,
    /// Attempts go on, after this time.
    Closed(Duration),
}

impl Breaker {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            failures: 0,
            open: None,
        }
    }

    /// Returns whether an attempt may start, with so many running.
    pub(crate) fn allows(&self, running: usize, now: Instant) -> bool {
        match self.open {
            None => true,
            Some(open) => running == 0 && open.probe <= now,
        }
    }

    /// The time of the next probe.
    pub(crate) fn next_probe(&self) -> Option<Instant> {
        self.open.map(|open| open.probe)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The database answered.
    pub(crate) fn answered(&mut self, now: Instant) -> Change {
        self.failures = 0;
        match self.open.take() {
            Some(open) => Change::Closed(now.duration_since(open.since)),
            None => Change::None,
        }
    }

    /// The database did not answer.
    pub(crate) fn failed(&mut self, now: Instant) -> Change {
        self.failures += 1;
        if let Some(open) = &mut self.open {
            open.pause = (open.pause * 2).min(LONGEST);
            open.probe = now + open.pause;
            return Change::None;
        }
        if self.failures < self.limit {
            return Change::None;
        }
        self.open = Some(Open {
            since: now,
            pause: FIRST,
            probe: now + FIRST,
        });
        Change::Opened
    }
}

/// As [`is_unreachable`]. An error of the caller's closure may say so too.
pub(crate) fn may_be_unreachable(error: &Error) -> bool {
    matches!(error, Error::Other(_)) || is_unreachable(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_probes_and_closes() {
        let start = Instant::now();
        let mut breaker = Breaker::new(2);
        assert_eq!(breaker.failed(start), Change::None);
        assert_eq!(breaker.answered(start), Change::None);
        assert_eq!(breaker.failed(start), Change::None);
        assert!(breaker.allows(1, start));
        assert_eq!(breaker.failed(start), Change::Opened);
        assert!(!breaker.allows(0, start));
        let probe = breaker.next_probe().unwrap();
        assert_eq!(probe, start + FIRST);
        assert!(breaker.allows(0, probe) && !breaker.allows(1, probe));
        let mut now = probe;
        for pause in [500, 1_000, 2_000, 2_000] {
            assert_eq!(breaker.failed(now), Change::None);
            let next = breaker.next_probe().unwrap();
            assert_eq!(next - now, Duration::from_millis(pause));
            now = next;
        }
        assert_eq!(breaker.answered(now), Change::Closed(now - start));
        assert!(breaker.allows(8, now) && !breaker.is_open());
    }
}
