//! What operators see of an outbox.

use std::marker::PhantomData;

use crate::backlog::{Count, OutboxBacklog, age};
use crate::dialect::SqlFor as _;
use crate::error::Result;
use crate::event::{duration_of, time_of};
use crate::executor::Executor;
use crate::operation::outbox::relay::Sql;
use crate::operation::transaction::{Level, begin_at, finish};
use crate::outbox::{Lag, Rejected, SupportedBackend};
use crate::statement::{BacklogOfOutbox, MakeDue, RejectedEvents};

/// How far [`Lag`] counts.
const MOST: u64 = 10_001;

/// Counts the events in the outbox, at most `most`, and returns the ages of the oldest.
pub(crate) async fn backlog<C>(most: u64, conn: &mut C) -> Result<OutboxBacklog>
where
    C: Executor<Backend: SupportedBackend>,
{
    let counted = BacklogOfOutbox::<Sql<C>> {
        most: i64::try_from(most).unwrap_or(i64::MAX),
        flavor: PhantomData,
    };
    let found = Sql::<C>::figures(conn, counted).await?;
    let (pending, since, rejected, written) = found.unwrap_or_default();
    let pending = Count::up_to(most, pending);
    let rejected = Count::up_to(most, rejected);
    Ok(OutboxBacklog {
        pending,
        oldest_pending: age(pending, duration_of(since)),
        rejected,
        oldest_rejected: age(rejected, duration_of(written)),
    })
}

/// As [`backlog`], in short.
pub(crate) async fn lag<C>(conn: &mut C) -> Result<Lag>
where
    C: Executor<Backend: SupportedBackend>,
{
    let found = backlog(MOST, conn).await?;
    Ok(Lag {
        pending: found.pending.value,
        rejected: found.rejected.value,
        oldest: found.oldest_pending,
    })
}

/// Loads rejected events, those with the fewest attempts first, after the event `after`.
pub(crate) async fn rejected<C>(
    after: Option<&Rejected>,
    most: usize,
    conn: &mut C,
) -> Result<Vec<Rejected>>
where
    C: Executor<Backend: SupportedBackend>,
{
    let (attempts, id) = after.map_or((1, 0), |after| (after.attempts.into(), after.id));
    let page = RejectedEvents::<Sql<C>> {
        attempts,
        id,
        limit: i64::try_from(most).unwrap_or(i64::MAX),
        flavor: PhantomData,
    };
    let found = Sql::<C>::waiting(conn, page).await?;
    let shown =
        found.into_iter().map(
            |(id, entity, key, version, op, reason, attempts, at)| Rejected {
                id,
                entity,
                key,
                version,
                op,
                reason,
                attempts: u32::try_from(attempts).unwrap_or(0),
                at: time_of(at),
            },
        );
    Ok(shown.collect())
}

/// Makes all rejected events due.
pub(crate) async fn retry_rejected<C>(conn: &mut C) -> Result<usize>
where
    C: Executor<Backend: SupportedBackend>,
{
    let flavor = PhantomData;
    // At REPEATABLE READ, InnoDB would lock the gap where owners insert their events.
    begin_at::<Sql<C>, C>(Level::ReadCommitted, conn).await?;
    let done = conn.execute(MakeDue::<Sql<C>> { flavor }).await;
    finish(done.map_err(Into::into), conn).await
}
