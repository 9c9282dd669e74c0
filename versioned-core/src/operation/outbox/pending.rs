//! The events of the outbox, for operators.

use std::marker::PhantomData;

use crate::backlog::Count;
use crate::dialect::{Pending, SqlFor as _};
use crate::error::Result;
use crate::event::time_of;
use crate::executor::Executor;
use crate::filter::Filter;
use crate::inspected::PendingEvent;
use crate::operation::conditions::number;
use crate::operation::outbox::relay::Sql;
use crate::operation::transaction::{Level, begin_at, finish};
use crate::outbox::SupportedBackend;
use crate::statement::{CountEvents, MakeSomeDue, PendingEvents};

/// Loads events after the one with so many attempts and this id.
pub(crate) async fn pending<C>(
    filter: &Filter,
    after: (u32, i64),
    most: usize,
    conn: &mut C,
) -> Result<Vec<PendingEvent>>
where
    C: Executor<Backend: SupportedBackend>,
{
    let statement = PendingEvents::<Sql<C>> {
        filter,
        attempts: i64::from(after.0).max(1),
        id: after.1,
        limit: number(most),
        flavor: PhantomData,
    };
    let found = Sql::<C>::pending(conn, statement).await?;
    Ok(found.into_iter().map(shown).collect())
}

/// Counts events, at most `most`.
pub(crate) async fn count_pending<C>(filter: &Filter, most: u64, conn: &mut C) -> Result<Count>
where
    C: Executor<Backend: SupportedBackend>,
{
    let statement = CountEvents::<Sql<C>> {
        filter,
        limit: i64::try_from(most).unwrap_or(i64::MAX),
        flavor: PhantomData,
    };
    let counted = Sql::<C>::number(conn, statement).await?;
    Ok(Count::up_to(most, counted.unwrap_or(0)))
}

/// Makes rejected events due, and returns the number of those that were not.
pub(crate) async fn retry<C>(ids: &[i64], conn: &mut C) -> Result<usize>
where
    C: Executor<Backend: SupportedBackend>,
{
    let flavor = PhantomData;
    begin_at::<Sql<C>, C>(Level::ReadCommitted, conn).await?;
    let done = conn.execute(MakeSomeDue::<Sql<C>> { ids, flavor }).await;
    finish(done.map_err(Into::into), conn).await
}

fn shown(row: Pending) -> PendingEvent {
    let (id, entity, key, version, op, at, attempts, due, error) = row;
    PendingEvent {
        id,
        entity,
        key,
        version,
        op,
        at: time_of(at),
        attempts: u32::try_from(attempts).unwrap_or(0),
        retry_at: (due > 0).then(|| time_of(due)),
        reason: (!error.is_empty()).then_some(error),
    }
}
