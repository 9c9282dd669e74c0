//! A write and its event, if it has one.

use diesel::QueryResult;
use diesel::query_builder::{QueryFragment, QueryId};

use crate::dialect::Dialect;
use crate::executor::Executor;
use crate::operation::outbox::event::announce;
use crate::owner::Owner;
use crate::statement::{NewEvent, WithEvent};

/// Whether a write is a transaction of its own, or part of one that is rolled back as a whole on
/// failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Atomicity {
    Own,
    Nested,
}

/// Runs a write and inserts its event, if there is one: in one statement on PostgreSQL, in a
/// transaction elsewhere. A write that finds no row inserts no event.
pub(crate) async fn write_with_event<M, S, C>(
    write: S,
    event: Option<NewEvent>,
    unit: Atomicity,
    conn: &mut C,
) -> QueryResult<usize>
where
    C: Executor,
    M: Owner<C::Backend>,
    S: QueryFragment<C::Backend> + QueryId + Send,
{
    let at_once = event.is_none() || conn.dialect::<M::Sql>().await? == Dialect::Postgres;
    // If the model's key is not the whole key of the table, several rows may match.
    if unit == Atomicity::Nested || (at_once && M::WHOLE_KEY) {
        return write_then_announce::<M, S, C>(write, event.as_ref(), at_once, conn).await;
    }
    conn.begin().await?;
    let written = write_then_announce::<M, S, C>(write, event.as_ref(), at_once, conn).await;
    if let Ok(1) = written {
        return conn.commit().await.map(|()| 1);
    }
    // The result of the write is returned, not that of the rollback.
    drop(conn.rollback().await);
    written
}

async fn write_then_announce<M, S, C>(
    write: S,
    event: Option<&NewEvent>,
    at_once: bool,
    conn: &mut C,
) -> QueryResult<usize>
where
    C: Executor,
    M: Owner<C::Backend>,
    S: QueryFragment<C::Backend> + QueryId + Send,
{
    let Some(event) = event else {
        return conn.execute(write).await;
    };
    if at_once {
        return conn
            .execute(WithEvent::<_, M::Sql>::new(write, event))
            .await;
    }
    let rows = conn.execute(write).await?;
    if rows > 0 {
        announce::<M, C>(event, conn).await?;
    }
    Ok(rows)
}
