//! Runs pass after pass, with pauses in between.

use std::future;
use std::pin::{Pin, pin};
use std::time::Duration;

use crate::clock::{Clock, Waited, wait};
use crate::health::Health;
use crate::outbox::{Pass, Publisher, Relay, Totals, meters};

/// A connection that runs pass after pass and is replaced after a failure.
pub(crate) trait Reconnecting: Send {
    /// Runs one pass. Returns `None` if the database failed or is unreachable, which was reported.
    fn pass(&mut self) -> impl Future<Output = Option<Pass>> + Send;

    /// Returns whether another connection has committed since the last pass began. `None` where the
    /// database does not tell.
    fn has_changed(&mut self) -> impl Future<Output = Option<bool>> + Send;
}

/// How often to ask the database whether another connection has committed.
const WATCH: Duration = Duration::from_millis(10);

/// Runs pass after pass until `shutdown` is ready.
pub(crate) async fn run<P, K, L, S>(relay: &Relay<P>, clock: &K, mut line: L, shutdown: S) -> Totals
where
    P: Publisher,
    K: Clock,
    L: Reconnecting,
    S: Future,
{
    meters::started(&relay.publisher);
    let running = relay.health.starts();
    let mut shutdown = pin!(shutdown);
    let mut totals = Totals::default();
    let mut pauses = Pauses::new(relay.pause, relay.longest_pause);
    let mut pause = Duration::ZERO;
    loop {
        // Writers must not storm a broker or a database that is unreachable.
        let waited = if pauses.is_away() {
            wait(clock, pause, &mut shutdown, future::pending::<()>()).await
        } else {
            rest(relay, clock, pause, &mut line, &mut shutdown).await
        };
        match waited {
            Waited::Stopped => break,
            Waited::Woken => pauses.restart(),
            Waited::Over => {}
        }
        // Read before the pass, which may lower it.
        let limit = relay.limit();
        relay.health.begins();
        let pass = line.pass().await;
        note(&relay.health, pass);
        totals.count(pass);
        pause = match pass {
            Some(pass) if pass.unavailable > 0 => pauses.away(),
            None => {
                meters::leads(false);
                pauses.away()
            }
            Some(pass) if pass.taken() == 0 => pauses.idle(relay.hearing.longest_pause()),
            Some(pass) if pass.taken() >= limit || relay.ordered => pauses.busy(),
            Some(_) => {
                pauses.restart();
                pauses.idle(relay.hearing.longest_pause())
            }
        };
    }
    meters::leads(false);
    running.stops();
    totals
}

/// Notes whether a pass has failed, has published something, and whether something still waits. What
/// was rejected waits for its time.
fn note(health: &Health, pass: Option<Pass>) {
    let Some(pass) = pass else {
        // It is not known what waits, and the reason was reported.
        return health.passed(true);
    };
    health.database_answered();
    if pass.unavailable == 0 {
        health.broker_answered();
    }
    if pass.published > 0 {
        health.succeeds();
    }
    health.passed(pass.unavailable > 0);
}

/// Waits for `pause`, unless `shutdown` is ready, the relay is woken, or another connection has
/// committed, as far as the database tells.
async fn rest<P, K, L, S>(
    relay: &Relay<P>,
    clock: &K,
    pause: Duration,
    line: &mut L,
    shutdown: &mut Pin<&mut S>,
) -> Waited
where
    P: Publisher,
    K: Clock,
    L: Reconnecting,
    S: Future,
{
    let mut left = pause;
    let mut changed = if pause > WATCH {
        line.has_changed().await
    } else {
        None
    };
    loop {
        let step = match changed {
            Some(true) => return Waited::Woken,
            Some(false) => left.min(WATCH),
            None => left,
        };
        let waited = wait(clock, step, shutdown, relay.waker.woken()).await;
        left = left.saturating_sub(step);
        if waited != Waited::Over || left.is_zero() {
            return waited;
        }
        changed = line.has_changed().await;
    }
}

/// The pauses between the passes of a relay.
struct Pauses {
    first: Duration,
    longest: Duration,
    /// The next pause if nothing is pending.
    idle: Duration,
    /// The next pause while the broker or the database is unreachable.
    away: Option<Duration>,
}

impl Pauses {
    fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest: longest.max(first),
            idle: first,
            away: None,
        }
    }

    fn is_away(&self) -> bool {
        self.away.is_some()
    }

    fn restart(&mut self) {
        self.idle = self.first;
    }

    fn busy(&mut self) -> Duration {
        self.restart();
        self.away = None;
        Duration::ZERO
    }

    /// The pauses grow up to `heartbeat` if that is given and longer than `longest`.
    fn idle(&mut self, heartbeat: Option<Duration>) -> Duration {
        self.away = None;
        let longest = heartbeat.unwrap_or_default().max(self.longest);
        let pause = self.idle.min(longest);
        self.idle = pause.saturating_mul(2).min(longest);
        pause
    }

    fn away(&mut self) -> Duration {
        self.restart();
        let pause = self.away.unwrap_or(self.longest);
        let longest = self.longest.saturating_mul(10);
        self.away = Some(pause.saturating_mul(2).min(longest));
        pause
    }
}

impl Totals {
    fn count(&mut self, pass: Option<Pass>) {
        let Some(pass) = pass else {
            self.failures += 1;
            return;
        };
        if pass.taken() > 0 {
            self.passes += 1;
        }
        self.published += pass.published as u64;
        self.duplicates += pass.duplicates as u64;
        self.rejected += pass.rejected as u64;
        self.unavailable += pass.unavailable as u64;
    }
}
