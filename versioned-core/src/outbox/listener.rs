//! A handle that wakes a relay when the database says that there are new events.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::relay::Hook;
use super::{RelayProblem, RelayWaker, trace};

/// Wakes a relay when a transaction with events commits, on PostgreSQL.
/// [`Relay::listener`](super::Relay::listener) returns it.
///
/// The trigger of [`notify_trigger`](crate::notify_trigger), which is created in a migration of the
/// application, sends a NOTIFY on the channel `versioned_outbox`. Without it, the listener hears
/// only its checks, and each event waits for a poll. The listener has a connection of its own, on
/// which it runs
/// `LISTEN versioned_outbox`, and wakes the relay at each notification. Run it beside the relay, on
/// a thread ([`run`](Self::run)) or as a task (`run_async`).
///
/// **A notification is a hint.** Not every commit is notified, and the relay still polls. After
/// each notification it looks again after 1 ms, 2 ms, 4 ms and so on, for the transactions that
/// commit a little later. While the listener hears notifications, these pauses grow up to the
/// [heartbeat](Self::heartbeat) instead of the longest pause of [`poll`](super::Relay::poll). An
/// event whose commit was not notified is published within that time.
///
/// **A listener that hears nothing is detected.** The relay sends a notification at each heartbeat,
/// and the listener must receive it before the next one. If it does not, the relay reports
/// [`NotListening`](RelayProblem::NotListening) once, polls as it does without a listener, and the
/// listener connects again. This happens if the connection breaks, and behind a pooler that changes
/// the session between transactions: connect the listener to the server directly.
#[derive(Clone)]
pub struct Listener {
    pub(crate) hearing: Hearing,
    #[cfg_attr(
        not(feature = "postgres"),
        allow(dead_code, reason = "used by the feature `postgres`")
    )]
    pub(crate) waker: RelayWaker,
    pub(crate) on_problem: Option<Arc<Hook>>,
}

impl Listener {
    /// Sets the longest pause of a relay whose listener hears notifications, which is also the time
    /// between two checks of the listener. The default is 5 s.
    #[must_use]
    pub fn heartbeat(self, interval: Duration) -> Self {
        self.hearing.lock().heartbeat = interval;
        self
    }

    /// Returns whether the last check of the listener succeeded.
    pub fn is_listening(&self) -> bool {
        matches!(self.hearing.lock().listening, Listening::Hears)
    }

    #[cfg_attr(
        not(feature = "postgres"),
        allow(dead_code, reason = "used by the feature `postgres`")
    )]
    pub(crate) fn report(&self, problem: &RelayProblem<'_>) {
        trace::relay_problem(problem);
        if let Some(report) = &self.on_problem {
            report(problem);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("is_listening", &self.is_listening())
            .finish_non_exhaustive()
    }
}

/// What a relay and its listener know of each other.
#[derive(Clone, Default)]
pub(crate) struct Hearing(Arc<Mutex<State>>);

struct State {
    listening: Listening,
    heartbeat: Duration,
    /// Distinguishes the probes of this relay from those of others.
    name: String,
    /// The number of the last probe.
    probes: u64,
    probed: Option<Instant>,
    /// Whether the last probe has arrived.
    is_answered: bool,
    /// The task of the listener, which waits for `Listening::Deaf`.
    waiting: Option<Waker>,
}

impl Default for State {
    fn default() -> Self {
        use std::hash::{BuildHasher as _, RandomState};

        Self {
            listening: Listening::Closed,
            heartbeat: Duration::from_secs(5),
            name: format!("{:x}", RandomState::new().hash_one(0)),
            probes: 0,
            probed: None,
            is_answered: false,
            waiting: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listening {
    /// No LISTEN is in effect.
    Closed,
    /// LISTEN has succeeded, and no notification has arrived since.
    Open,
    /// A probe has arrived.
    Hears,
    /// A probe has not arrived in time.
    Deaf,
}

impl Hearing {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the longest pause of a relay that a listener wakes. `None` if it must poll.
    pub(crate) fn longest_pause(&self) -> Option<Duration> {
        let state = self.lock();
        (state.listening == Listening::Hears).then_some(state.heartbeat)
    }

    /// Returns the payload of the probe that is to be sent now, if it is time for one. Notices
    /// whether the last one has not arrived.
    pub(crate) fn probe(&self, now: Instant) -> Option<String> {
        let mut state = self.lock();
        if !matches!(state.listening, Listening::Open | Listening::Hears) {
            return None;
        }
        let age = state.probed.map(|sent| now.saturating_duration_since(sent));
        if age.is_some_and(|age| age < state.heartbeat) {
            return None;
        }
        if age.is_some() && !state.is_answered {
            state.listening = Listening::Deaf;
            let waiting = state.waiting.take();
            drop(state);
            if let Some(listener) = waiting {
                listener.wake();
            }
            return None;
        }
        state.probes += 1;
        state.probed = Some(now);
        state.is_answered = false;
        Some(format!("{}/{}", state.name, state.probes))
    }
}

/// The part of the listener.
#[cfg_attr(
    not(feature = "postgres"),
    allow(dead_code, reason = "used by the feature `postgres`")
)]
impl Hearing {
    /// LISTEN has succeeded on a new connection.
    pub(crate) fn open(&self) {
        let mut state = self.lock();
        state.listening = Listening::Open;
        state.probed = None;
        state.is_answered = false;
    }

    /// The connection is gone. Returns whether it received notifications.
    pub(crate) fn close(&self, received: bool) -> bool {
        let mut state = self.lock();
        let heard = received || state.listening == Listening::Hears;
        state.listening = Listening::Closed;
        heard
    }

    /// A notification has arrived. Returns whether it is a probe of this relay.
    pub(crate) fn heard(&self, payload: &str) -> bool {
        let mut state = self.lock();
        let probe = payload
            .strip_prefix(&state.name)
            .and_then(|rest| rest.strip_prefix('/'));
        if probe.and_then(|number| number.parse().ok()) == Some(state.probes) {
            state.is_answered = true;
            if state.listening == Listening::Open {
                state.listening = Listening::Hears;
            }
        }
        probe.is_some()
    }

    /// Waits until a probe has not arrived in time.
    pub(crate) fn deaf(&self) -> impl Future<Output = ()> + Send + '_ {
        poll_fn(|task| {
            let mut state = self.lock();
            if state.listening == Listening::Deaf {
                return Poll::Ready(());
            }
            state.waiting = Some(task.waker().clone());
            Poll::Pending
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_listener_hears_once_its_probe_has_arrived_and_is_deaf_once_one_has_not() {
        let (hearing, start) = (Hearing::default(), Instant::now());
        assert_eq!(hearing.probe(start), None, "nothing listens");
        hearing.open();
        let probe = hearing.probe(start).unwrap();
        assert_eq!(hearing.probe(start), None, "one at a time");
        assert_eq!(hearing.longest_pause(), None, "it may be deaf");
        assert!(!hearing.heard(""), "an event is no probe");
        assert!(!hearing.heard("other/1"));
        assert_eq!(hearing.longest_pause(), None);
        assert!(hearing.heard(&probe));
        assert_eq!(hearing.longest_pause(), Some(Duration::from_secs(5)));

        assert_eq!(hearing.probe(after(start, 4)), None);
        let second = hearing.probe(after(start, 5)).unwrap();
        assert_ne!(second, probe);
        assert!(hearing.heard(&probe), "late, and not the one that counts");
        assert_eq!(hearing.probe(after(start, 9)), None);
        assert_eq!(hearing.longest_pause(), Some(Duration::from_secs(5)));
        assert_eq!(hearing.probe(after(start, 10)), None);
        assert_eq!(hearing.longest_pause(), None, "deaf");
        assert_eq!(hearing.probe(after(start, 20)), None);
        assert!(!hearing.close(false));

        hearing.open();
        let third = hearing.probe(after(start, 20)).unwrap();
        assert!(hearing.heard(&third));
        assert!(hearing.close(false), "it heard something");
        assert_eq!(hearing.longest_pause(), None);
    }
}
