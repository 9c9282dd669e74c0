//! Operations on the position of a record: move, lock, query, purge.

use diesel::QueryResult;

use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::dialect::SqlFor;
use crate::error::Result;
use crate::executor::Executor;
use crate::operation::row_count::is_unique_violation;
use crate::operation::transaction::finish;
use crate::statement::{
    Advance, AdvanceLive, Clear, DiscardAll, DropAll, Enter, EnterOrLock, Forget, Letters, Lock,
    LockAll, Look, LookLive, OnLetters, OnPosition, Peek, Position, PositionValue, SqlTemplate,
    Upsert, UpsertLive,
};

/// The outcome of moving a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advanced {
    /// The position is missing, or at a version that it may not move from.
    Not,
    /// The position existed and moved. On PostgreSQL and `SQLite`, it may also be new.
    Moved,
    /// The position was missing and was created.
    Made,
}

/// Whether an event may be the first one of its record, which then has no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    No,
    Maybe,
    /// Rather not, and a statement that finds no position locks no gap.
    Unlikely,
}

/// Moves a position if it is at a version that it may move from. Creates a missing position if the
/// event may be the first one.
pub(crate) async fn advance<F, C>(
    position: Position<'_>,
    first: First,
    dialect: Dialect,
    conn: &mut C,
) -> QueryResult<Advanced>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    let moved = |rows| {
        if rows > 0 {
            Advanced::Moved
        } else {
            Advanced::Not
        }
    };
    if first == First::No {
        return Ok(moved(advance_existing::<F, C>(position, conn).await?));
    }
    match dialect {
        Dialect::Postgres | Dialect::Sqlite if position.only_live => {
            Ok(moved(run::<UpsertLive, F, C>(position, conn).await?))
        }
        Dialect::Postgres | Dialect::Sqlite => {
            Ok(moved(run::<Upsert, F, C>(position, conn).await?))
        }
        Dialect::Mysql => {
            if first == First::Maybe
                && !is_there::<F, C>(position, conn).await?
                && enter::<F, C>(position, conn).await?
            {
                return Ok(Advanced::Made);
            }
            if advance_existing::<F, C>(position, conn).await? > 0 {
                return Ok(Advanced::Moved);
            }
            match look::<F, C>(position, conn).await? {
                // A repeated snapshot may leave a position unchanged, which is not counted on a
                // connection without CLIENT_FOUND_ROWS.
                Some(version) if version == position.version && position.newest == version => {
                    let is_unchanged = position.at == 0
                        && look_live::<F, C>(position, conn).await? == Some(version);
                    Ok(if is_unchanged || !position.only_live {
                        Advanced::Moved
                    } else {
                        Advanced::Not
                    })
                }
                Some(_) => Ok(Advanced::Not),
                // Another transaction has purged the position since the query, or emptied the
                // replica.
                None if enter::<F, C>(position, conn).await? => Ok(Advanced::Made),
                None => Ok(moved(advance_existing::<F, C>(position, conn).await?)),
            }
        }
    }
}

async fn advance_existing<F, C>(position: Position<'_>, conn: &mut C) -> QueryResult<usize>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    if position.only_live {
        run::<AdvanceLive, F, C>(position, conn).await
    } else {
        run::<Advance, F, C>(position, conn).await
    }
}

/// Returns whether a position exists, before it is written. On MySQL at REPEATABLE READ, an UPDATE
/// that finds no position locks the gap where it would be, against every insert there, and two such
/// transactions deadlock. A rejected INSERT takes a shared lock, and two transactions with that lock deadlock
/// too.
async fn is_there<F, C>(position: Position<'_>, conn: &mut C) -> QueryResult<bool>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    let version = F::number(conn, on::<Peek, F, C>(position)).await?;
    Ok(version.is_some())
}

/// Returns the version of a position, if it exists.
pub(crate) async fn look<F, C>(position: Position<'_>, conn: &mut C) -> QueryResult<Option<i64>>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    F::number(conn, on::<Look, F, C>(position)).await
}

/// Returns the version of a position, if it exists and its record is not deleted.
pub(crate) async fn look_live<F, C>(
    position: Position<'_>,
    conn: &mut C,
) -> QueryResult<Option<i64>>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    F::number(conn, on::<LookLive, F, C>(position)).await
}

/// Locks a position. Creates a missing one at the version `nothing`.
pub(crate) async fn lock<F, C>(
    position: Position<'_>,
    nothing: i64,
    dialect: Dialect,
    conn: &mut C,
) -> QueryResult<()>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    let nothing = Position {
        version: nothing,
        // An empty range: an existing position is locked and does not move.
        oldest: 1,
        newest: 0,
        only_live: false,
        at: 0,
        ..position
    };
    match dialect {
        Dialect::Postgres | Dialect::Sqlite => {
            run::<Upsert, F, C>(nothing, conn).await?;
            run::<Lock, F, C>(nothing, conn).await?;
        }
        Dialect::Mysql => {
            if is_there::<F, C>(nothing, conn).await? {
                run::<Lock, F, C>(nothing, conn).await?;
                // Another transaction may have purged the position since the query.
                if look::<F, C>(nothing, conn).await?.is_some() {
                    return Ok(());
                }
            }
            run::<EnterOrLock, F, C>(nothing, conn).await?;
        }
    }
    Ok(())
}

/// The maximum number of rounds that empty a replica. Rows that arrive after the last round remain.
const ROUNDS: usize = 8;

/// Forgets a whole replica: its rows, its positions, its parked events and its dead letters.
pub(crate) async fn rebuild<M, C>(conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    conn.begin().await?;
    let done = forget_all::<M, C>(conn).await.map_err(Into::into);
    finish(done, conn).await
}

async fn forget_all<M, C>(conn: &mut C) -> QueryResult<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let all = Position::of::<M, C::Backend>();
    // Otherwise an event that is applied between the two DELETEs could leave a row without its
    // position, or the reverse.
    if conn.dialect::<M::Sql>().await? == Dialect::Postgres {
        run::<LockAll, M::Sql, C>(all, conn).await?;
    }
    // SQLite has one writer, and InnoDB blocks new positions from the first DELETE on. InnoDB at
    // READ COMMITTED does not, so the next round deletes what arrived meanwhile.
    for _ in 0..ROUNDS {
        let positions = run::<Forget, M::Sql, C>(all, conn).await?;
        run::<DropAll, M::Sql, C>(all, conn).await?;
        let letters = Letters::of::<M, C::Backend>();
        conn.execute(OnLetters::<DiscardAll, M::Sql>::new(letters))
            .await?;
        let rows = conn.execute(Clear::<M, C::Backend>::new()).await?;
        if positions == 0 && rows == 0 {
            break;
        }
    }
    Ok(())
}

pub(crate) fn on<T, F, C>(position: Position<'_>) -> OnPosition<'_, T, F>
where
    T: SqlTemplate<PositionValue>,
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    OnPosition::new(position)
}

pub(crate) async fn run<T, F, C>(position: Position<'_>, conn: &mut C) -> QueryResult<usize>
where
    T: SqlTemplate<PositionValue>,
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    conn.execute(on::<T, F, C>(position)).await
}

/// Creates a position. Returns `false` if it exists already. A rejected INSERT does not end the
/// transaction on MySQL and MariaDB.
async fn enter<F, C>(position: Position<'_>, conn: &mut C) -> QueryResult<bool>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    match run::<Enter, F, C>(position, conn).await {
        Ok(_) => Ok(true),
        Err(taken) if is_unique_violation(&taken) => Ok(false),
        Err(error) => Err(error),
    }
}
