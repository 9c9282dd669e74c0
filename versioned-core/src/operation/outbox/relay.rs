//! The relay from the outbox to a broker. A pass claims a batch, publishes it and deletes the
//! published events.

mod publish;
mod run;

use std::marker::PhantomData;
use std::time::Instant;

use diesel::result::Error as DieselError;

use self::publish::{Verdict, publish};
pub(crate) use self::run::{Reconnecting, run};
use crate::clock::Clock;
use crate::dialect::{Dialect, SqlFor as _, Waiting};
use crate::error::Result;
use crate::event::duration_of;
use crate::executor::Executor;
use crate::operation::transaction::{Level, begin_at, finish};
use crate::outbox::{OutboxRow, Pass, Publisher, Relay, SupportedBackend, meters, trace};
use crate::retry::Retry;
use crate::runner::Runner;
use crate::statement::{
    Claim, ClaimByIds, ClaimInOrder, DataVersion, DeletePublished, Due, LockOrder, OldestPerKey,
    Probe, Reschedule,
};

/// The number of retries for recording the outcome of a batch on `SQLite`, if another connection is
/// writing.
const RETRIES: u32 = 20;
/// The number of ordered relays that find work at the same time on MySQL and `MariaDB`. There, the
/// oldest events are selected before it is known which of them other relays have claimed.
const RELAYS: i64 = 8;

pub(super) type Sql<C> = <<C as Runner>::Backend as SupportedBackend>::Sql;

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
        trace::relay_pass(pass, start.elapsed());
        meters::counted(&relay.publisher, pass);
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
    let taken = take(dialect, relay, conn).await?;
    if taken.rows.is_empty() {
        return Ok(Pass::default());
    }
    let verdict = taken.publish(relay, clock).await;
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
    let taken = take(Dialect::Sqlite, relay, conn).await?;
    if taken.rows.is_empty() {
        return Ok(Pass::default());
    }
    let verdict = taken.publish(relay, clock).await;
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

/// A batch.
struct Taken {
    rows: Vec<OutboxRow>,
    /// The ids of the events, in their order, and their ages in microseconds.
    ages: Vec<(i64, i64)>,
}

impl Taken {
    async fn publish<P, K>(self, relay: &Relay<P>, clock: &K) -> Verdict
    where
        P: Publisher,
        K: Clock,
    {
        let start = Instant::now();
        let kinds = meters::Kinds::of(&self.rows);
        let verdict = publish(relay, clock, self.rows).await;
        kinds.published(&verdict.published);
        let since = start.elapsed();
        let waited = verdict.published.iter().filter_map(|id| {
            let place = self.ages.binary_search_by_key(id, |(id, _)| *id).ok()?;
            let (_, age) = self.ages.get(place)?;
            Some(duration_of(*age) + since)
        });
        meters::waited(&relay.publisher, waited);
        verdict
    }
}

/// Claims a batch. Its events are in the order in which they were written, also those that were
/// rejected before.
async fn take<P, C>(dialect: Dialect, relay: &Relay<P>, conn: &mut C) -> Result<Taken>
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
    Ok(Taken {
        ages: rows.iter().map(|row| (row.0, row.7)).collect(),
        rows: rows.into_iter().map(OutboxRow::new).collect(),
    })
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
                meters::leads(false);
                return Ok(Vec::new());
            }
            Sql::<C>::waiting(conn, ClaimInOrder::<Sql<C>> { due, flavor }).await?
        }
    };
    meters::leads(true);
    Ok(rows)
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

/// Returns a number that changes with each commit of another connection, on SQLite. `None` elsewhere,
/// and if the query fails: the next statement tells why.
pub(crate) async fn commits<C>(conn: &mut C) -> Option<i64>
where
    C: Executor<Backend: SupportedBackend>,
{
    match conn.dialect::<Sql<C>>().await {
        Ok(Dialect::Sqlite) => Sql::<C>::number(conn, DataVersion).await.ok().flatten(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
