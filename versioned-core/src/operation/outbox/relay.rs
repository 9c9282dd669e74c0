//! The relay from the outbox to a broker. A pass claims a batch, publishes it and deletes the
//! published events.

use std::collections::{HashMap, HashSet};
use std::future;
use std::marker::PhantomData;
use std::pin::pin;
use std::time::{Duration, Instant};

use diesel::result::Error as DieselError;

use crate::clock::{Clock, Waited, wait, within};
use crate::dialect::{Dialect, SqlFor as _, Waiting};
use crate::error::Result;
use crate::executor::Executor;
use crate::operation::reason::storable;
use crate::operation::transaction::{Level, begin_at, finish};
use crate::outbox::{
    Lag, OutboxRow, Pass, PublishError, Publisher, Relay, RelayProblem, SupportedBackend, Totals,
};
use crate::retry::Retry;
use crate::runner::Runner;
use crate::statement::{
    Backlog, Claim, ClaimByIds, ClaimInOrder, DeletePublished, Due, LockOrder, OldestPerKey, Probe,
    Reschedule,
};
use crate::trace;

/// The number of retries for recording the outcome of a batch on `SQLite`, if another connection is
/// writing.
const RETRIES: u32 = 20;
/// The number of ordered relays that find work at the same time on MySQL and `MariaDB`. There, the
/// oldest events are selected before it is known which of them other relays have claimed.
const RELAYS: i64 = 8;

type Sql<C> = <<C as Runner>::Backend as SupportedBackend>::Sql;

/// Runs one pass, which is one batch.
pub(crate) async fn pass<P, K, C>(relay: &Relay<P>, clock: &K, conn: &mut C) -> Result<Pass>
where
    P: Publisher,
    K: Clock,
    C: Executor<Backend: SupportedBackend>,
{
    // The events of an open transaction are not committed yet.
    if conn.in_transaction() {
        return Err(DieselError::AlreadyInTransaction.into());
    }
    let start = Instant::now();
    let pass = match conn.dialect::<Sql<C>>().await? {
        Dialect::Sqlite => pass_unlocked(relay, clock, conn).await,
        dialect => pass_locked(dialect, relay, clock, conn).await,
    }?;
    if pass.taken() > 0 {
        crate::outbox::trace::relay_pass(pass, start.elapsed());
    }
    Ok(pass)
}

/// Runs one pass, and then checks the relay's listener if it is time to.
pub(crate) async fn pass_and_probe<P, K, C>(
    relay: &Relay<P>,
    clock: &K,
    conn: &mut C,
) -> Result<Pass>
where
    P: Publisher,
    K: Clock,
    C: Executor<Backend: SupportedBackend>,
{
    let pass = pass(relay, clock, conn).await?;
    if let Some(payload) = relay.hearing.probe(Instant::now()) {
        let flavor = PhantomData;
        let payload = &payload;
        conn.execute(Probe::<Sql<C>> { payload, flavor }).await?;
    }
    Ok(pass)
}

/// Keeps the rows locked until the outcome of each event is known.
async fn pass_locked<P, K, C>(
    dialect: Dialect,
    relay: &Relay<P>,
    clock: &K,
    conn: &mut C,
) -> Result<Pass>
where
    P: Publisher,
    K: Clock,
    C: Executor<Backend: SupportedBackend>,
{
    begin_at::<Sql<C>, C>(Level::ReadCommitted, conn).await?;
    let done = publish_locked(dialect, relay, clock, conn).await;
    finish(done, conn).await
}

async fn publish_locked<P, K, C>(
    dialect: Dialect,
    relay: &Relay<P>,
    clock: &K,
    conn: &mut C,
) -> Result<Pass>
where
    P: Publisher,
    K: Clock,
    C: Executor<Backend: SupportedBackend>,
{
    let rows = take(dialect, relay, conn).await?;
    if rows.is_empty() {
        return Ok(Pass::default());
    }
    let verdict = publish(relay, clock, rows).await;
    record(dialect, relay, &verdict, conn).await?;
    Ok(verdict.pass)
}

/// `SQLite` has one writer at a time, so nothing may be locked while the relay waits for a broker.
async fn pass_unlocked<P, K, C>(relay: &Relay<P>, clock: &K, conn: &mut C) -> Result<Pass>
where
    P: Publisher,
    K: Clock,
    C: Executor<Backend: SupportedBackend>,
{
    let rows = take(Dialect::Sqlite, relay, conn).await?;
    if rows.is_empty() {
        return Ok(Pass::default());
    }
    let verdict = publish(relay, clock, rows).await;
    let mut retries = Retry::times(RETRIES).attempts();
    loop {
        let done = record_in_transaction(relay, &verdict, conn).await;
        match (done, retries.next()) {
            (Err(error), Some(pause)) if error.is_conflict() => clock.sleep(pause).await,
            (done, _) => return done.map(|()| verdict.pass),
        }
    }
}

async fn record_in_transaction<P, C>(
    relay: &Relay<P>,
    verdict: &Verdict,
    conn: &mut C,
) -> Result<()>
where
    P: Publisher,
    C: Executor<Backend: SupportedBackend>,
{
    conn.begin().await?;
    let done = record(Dialect::Sqlite, relay, verdict, conn).await;
    finish(done, conn).await
}

/// Claims a batch. Its events are in the order in which they were written, also those that were
/// rejected before.
async fn take<P, C>(dialect: Dialect, relay: &Relay<P>, conn: &mut C) -> Result<Vec<OutboxRow>>
where
    P: Publisher,
    C: Executor<Backend: SupportedBackend>,
{
    let limit = relay.limit();
    let mut rows = Vec::new();
    if relay.is_turn_of_rejected() {
        rows = claim::<true, P, C>(dialect, limit, relay, conn).await?;
    }
    if rows.is_empty() {
        rows = claim::<false, P, C>(dialect, limit, relay, conn).await?;
        relay.took_new(rows.len() >= limit);
    }
    rows.sort_unstable_by_key(|(id, ..)| *id);
    Ok(rows.into_iter().map(OutboxRow::new).collect())
}

async fn claim<const RETRIED: bool, P, C>(
    dialect: Dialect,
    limit: usize,
    relay: &Relay<P>,
    conn: &mut C,
) -> Result<Vec<Waiting>>
where
    P: Publisher,
    C: Executor<Backend: SupportedBackend>,
{
    let flavor = PhantomData;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let due = Due { limit };
    let rows = match (relay.ordered, dialect) {
        (false, _) => Sql::<C>::waiting(conn, Claim::<RETRIED, Sql<C>> { due, flavor }).await?,
        (true, Dialect::Mysql) => {
            let more = limit.saturating_mul(RELAYS);
            let due = Due { limit: more };
            let heads = OldestPerKey::<RETRIED, Sql<C>> { due, flavor };
            let heads = Sql::<C>::numbers(conn, heads).await?;
            Sql::<C>::waiting(conn, ClaimByIds::<Sql<C>>::new(&heads, limit)).await?
        }
        (true, _) => {
            let is_alone = match dialect {
                Dialect::Postgres => Sql::<C>::number(conn, LockOrder).await? == Some(1),
                _ => true,
            };
            if !is_alone {
                return Ok(Vec::new());
            }
            Sql::<C>::waiting(conn, ClaimInOrder::<Sql<C>> { due, flavor }).await?
        }
    };
    Ok(rows)
}

/// The outcomes of the events of a batch. An event that was not sent has none.
#[derive(Default)]
struct Verdict {
    published: Vec<i64>,
    rejected: Vec<Rejected>,
    /// The reason of the first event that was not published for a reason of the broker.
    unavailable: Option<String>,
    is_too_late: bool,
    pass: Pass,
}

struct Rejected {
    id: i64,
    attempts: u32,
    reason: String,
}

/// Publishes a batch: at once, or in waves if the relay is ordered.
async fn publish<P, K>(relay: &Relay<P>, clock: &K, rows: Vec<OutboxRow>) -> Verdict
where
    P: Publisher,
    K: Clock,
{
    let mut verdict = Verdict::default();
    if relay.ordered {
        publish_waves(relay, clock, rows, &mut verdict).await;
    } else {
        publish_wave(relay, clock, &rows, relay.timeout, &mut verdict).await;
    }
    if !verdict.is_too_late {
        relay.widen();
    }
    if let Some(reason) = &verdict.unavailable {
        relay.report(&RelayProblem::Unavailable {
            events: verdict.pass.unavailable,
            reason,
        });
    }
    verdict.pass.published = verdict.published.len();
    verdict.pass.rejected = verdict.rejected.len();
    if verdict.pass.published > 0 {
        relay.has_published();
    }
    verdict
}

/// Publishes the first event of each record, then the second one of each, and so on. If an event
/// fails, the later ones of its record stay pending.
///
/// All waves together keep to the timeout, because the transaction stays open. No wave begins in
/// the second half of it, so that each has time.
async fn publish_waves<P, K>(
    relay: &Relay<P>,
    clock: &K,
    rows: Vec<OutboxRow>,
    verdict: &mut Verdict,
) where
    P: Publisher,
    K: Clock,
{
    let start = Instant::now();
    let mut blocked = HashSet::new();
    for (number, mut wave) in waves(rows).into_iter().enumerate() {
        if verdict.unavailable.is_some() {
            verdict.pass.unavailable += wave.len();
            continue;
        }
        let left = relay.timeout.saturating_sub(start.elapsed());
        let time = if number == 0 { relay.timeout } else { left };
        if time < relay.timeout / 2 {
            return;
        }
        if !blocked.is_empty() {
            wave.retain(|row| !blocked.contains(&(row.entity.clone(), row.key.clone())));
        }
        if wave.is_empty() {
            return;
        }
        let rejected = verdict.rejected.len();
        publish_wave(relay, clock, &wave, time, verdict).await;
        if verdict.rejected.len() > rejected {
            let failed: HashSet<i64> = verdict.rejected.iter().map(|event| event.id).collect();
            let failed = wave.into_iter().filter(|row| failed.contains(&row.id));
            blocked.extend(failed.map(|row| (row.entity, row.key)));
        }
    }
}

/// Splits a batch: the k-th event of each record goes to the k-th wave.
fn waves(rows: Vec<OutboxRow>) -> Vec<Vec<OutboxRow>> {
    let mut events: HashMap<(&str, &str), usize> = HashMap::with_capacity(rows.len());
    let numbers: Vec<usize> = rows
        .iter()
        .map(|row| {
            let events = events.entry((&row.entity, &row.key)).or_default();
            *events += 1;
            *events - 1
        })
        .collect();
    let mut waves: Vec<Vec<OutboxRow>> = Vec::new();
    for (row, number) in rows.into_iter().zip(numbers) {
        match waves.get_mut(number) {
            Some(wave) => wave.push(row),
            // The waves before it have an event of this record.
            None => waves.push(vec![row]),
        }
    }
    waves
}

async fn publish_wave<P, K>(
    relay: &Relay<P>,
    clock: &K,
    rows: &[OutboxRow],
    time: Duration,
    verdict: &mut Verdict,
) where
    P: Publisher,
    K: Clock,
{
    let publishing = trace::publishing(rows.len(), relay.publisher.publish_counting(rows));
    let (answers, duplicates) = if let Some(answers) = within(clock, time, publishing).await {
        answers
    } else {
        verdict.is_too_late = true;
        relay.narrow(rows.len());
        let reason = format!("not published within {:?}", relay.timeout);
        let error = match rows.len() {
            1 if time == relay.timeout && relay.is_its_fault() => PublishError::Rejected(reason),
            _ => PublishError::Unavailable(reason),
        };
        (vec![Err(error); rows.len()], 0)
    };
    verdict.pass.duplicates += duplicates;
    let silence = || {
        Err(PublishError::unavailable(
            "the publisher returned no result",
        ))
    };
    let answers = answers.into_iter().map(Some).chain(std::iter::repeat(None));
    for (row, answer) in rows.iter().zip(answers) {
        match answer.unwrap_or_else(silence) {
            Ok(()) => verdict.published.push(row.id),
            Err(PublishError::Rejected(reason)) => {
                relay.report(&RelayProblem::Rejected {
                    row,
                    reason: &reason,
                });
                verdict.rejected.push(Rejected {
                    id: row.id,
                    attempts: row.attempts,
                    reason: storable(&reason),
                });
            }
            Err(PublishError::Unavailable(reason)) => {
                verdict.pass.unavailable += 1;
                verdict.unavailable.get_or_insert(reason);
            }
        }
    }
}

/// Deletes the published events and reschedules the rejected ones.
async fn record<P, C>(
    dialect: Dialect,
    relay: &Relay<P>,
    verdict: &Verdict,
    conn: &mut C,
) -> Result<()>
where
    P: Publisher,
    C: Executor<Backend: SupportedBackend>,
{
    if !verdict.published.is_empty() {
        let delivered = DeletePublished::<Sql<C>>::new(&verdict.published, dialect);
        conn.execute(delivered).await?;
    }
    for event in &verdict.rejected {
        let aside = relay.put_aside(event.attempts).as_micros();
        let aside = i64::try_from(aside).unwrap_or(i64::MAX);
        let refused = Reschedule::<Sql<C>> {
            id: event.id,
            delay: aside,
            error: &event.reason,
            flavor: PhantomData,
        };
        conn.execute(refused).await?;
    }
    Ok(())
}

/// A connection that runs pass after pass and is replaced after a failure.
pub(crate) trait Reconnecting: Send {
    /// Runs one pass. Returns `None` if the database failed or is unreachable, which was reported.
    fn pass(&mut self) -> impl Future<Output = Option<Pass>> + Send;
}

/// Runs pass after pass until `shutdown` is ready.
pub(crate) async fn run<P, K, L, S>(relay: &Relay<P>, clock: &K, mut line: L, shutdown: S) -> Totals
where
    P: Publisher,
    K: Clock,
    L: Reconnecting,
    S: Future,
{
    let mut shutdown = pin!(shutdown);
    let mut totals = Totals::default();
    let mut pauses = Pauses::new(relay.pause, relay.longest_pause);
    let mut pause = Duration::ZERO;
    loop {
        // Writers must not storm a broker or a database that is unreachable.
        let wake = async {
            if pauses.is_away() {
                future::pending::<()>().await;
            } else {
                relay.waker.woken().await;
            }
        };
        match wait(clock, pause, &mut shutdown, wake).await {
            Waited::Stopped => break,
            Waited::Woken => pauses.restart(),
            Waited::Over => {}
        }
        // Read before the pass, which may lower it.
        let limit = relay.limit();
        let pass = line.pass().await;
        totals.count(pass);
        pause = match pass {
            Some(pass) if pass.unavailable > 0 => pauses.away(),
            None => pauses.away(),
            Some(pass) if pass.taken() == 0 => pauses.idle(relay.hearing.longest_pause()),
            Some(pass) if pass.taken() >= limit || relay.ordered => pauses.busy(),
            Some(_) => {
                pauses.restart();
                pauses.idle(relay.hearing.longest_pause())
            }
        };
    }
    totals
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

/// Counts the events in the outbox and returns the age of the oldest.
pub(crate) async fn lag<C>(conn: &mut C) -> Result<Lag>
where
    C: Executor<Backend: SupportedBackend>,
{
    let flavor = PhantomData;
    let figures = Sql::<C>::figures(conn, Backlog::<Sql<C>> { flavor }).await?;
    let (pending, rejected, age) = figures.unwrap_or_default();
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Lag {
        pending: count(pending),
        rejected: count(rejected),
        oldest: (pending > 0).then(|| Duration::from_micros(count(age))),
    })
}

#[cfg(test)]
mod tests;
