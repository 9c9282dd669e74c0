//! The position of a record: moved, locked, looked at, forgotten.

use std::time::Duration;

use diesel::QueryResult;

use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::dialect::SqlFor as _;
use crate::error::Result;
use crate::executor::Executor;
use crate::loadable::{Loadable, Persisted};
use crate::operation::row_count::is_unique_violation;
use crate::operation::transaction::finish;
use crate::statement::{
    Advance, Clear, DropAll, Enter, EnterOrLock, Expired, Forget, Lock, LockAll, Look, OnPosition,
    Peek, Position, Purge, PurgeOne, SqlTemplate, Upsert,
};

/// What became of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advanced {
    /// It is at a version that it may not move from, or missing.
    Not,
    /// It was there, and moved. On PostgreSQL and `SQLite` also: it was made.
    Moved,
    /// It was missing, and was made.
    Made,
}

/// Moves a position, if it is at a version that it may move from; where it may be the first that is heard of the record,
/// makes one that is missing.
pub(crate) async fn advance<M, C>(
    position: Position<'_>,
    may_be_first: bool,
    dialect: Dialect,
    conn: &mut C,
) -> QueryResult<Advanced>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    let moved = |rows| {
        if rows > 0 {
            Advanced::Moved
        } else {
            Advanced::Not
        }
    };
    if !may_be_first {
        return Ok(moved(run::<Advance, M, C>(position, conn).await?));
    }
    match dialect {
        Dialect::Postgres | Dialect::Sqlite => {
            Ok(moved(run::<Upsert, M, C>(position, conn).await?))
        }
        Dialect::Mysql => {
            if !is_there::<M, C>(position, conn).await? && enter::<M, C>(position, conn).await? {
                return Ok(Advanced::Made);
            }
            if run::<Advance, M, C>(position, conn).await? > 0 {
                return Ok(Advanced::Moved);
            }
            match look::<M, C>(position, conn).await? {
                // A snapshot that comes again may leave a position as it is, which is not counted on a connection without
                // CLIENT_FOUND_ROWS.
                Some(version) if version == position.version && position.newest == version => {
                    Ok(Advanced::Moved)
                }
                Some(_) => Ok(Advanced::Not),
                // Somebody has purged it since the look, or emptied the replica.
                None if enter::<M, C>(position, conn).await? => Ok(Advanced::Made),
                None => Ok(moved(run::<Advance, M, C>(position, conn).await?)),
            }
        }
    }
}

/// Whether a position is there, before it is written. On MySQL, an UPDATE that finds none locks the gap where it would be, for
/// all who have something to insert there; two who do so wait for each other. (A refused INSERT takes a shared lock, and two who
/// have that wait for each other too.)
async fn is_there<M, C>(position: Position<'_>, conn: &mut C) -> QueryResult<bool>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    let version = M::Sql::number(conn, on::<Peek, M, C>(position)).await?;
    Ok(version.is_some())
}

/// The version of a position, if there is one.
pub(crate) async fn look<M, C>(position: Position<'_>, conn: &mut C) -> QueryResult<Option<i64>>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    M::Sql::number(conn, on::<Look, M, C>(position)).await
}

/// Locks a position; makes one at the version `nothing` where there is none.
pub(crate) async fn lock<M, C>(
    position: Position<'_>,
    nothing: i64,
    dialect: Dialect,
    conn: &mut C,
) -> QueryResult<()>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    let nothing = Position {
        version: nothing,
        // It may move from no version at all: one that is there is locked, and stays.
        oldest: 1,
        newest: 0,
        at: 0,
        ..position
    };
    match dialect {
        Dialect::Postgres | Dialect::Sqlite => {
            run::<Upsert, M, C>(nothing, conn).await?;
            run::<Lock, M, C>(nothing, conn).await?;
        }
        Dialect::Mysql => {
            if is_there::<M, C>(nothing, conn).await? {
                run::<Lock, M, C>(nothing, conn).await?;
                // Somebody may have purged it since the look.
                if look::<M, C>(nothing, conn).await?.is_some() {
                    return Ok(());
                }
            }
            run::<EnterOrLock, M, C>(nothing, conn).await?;
        }
    }
    Ok(())
}

/// Forgets the deletions that are older than `age`.
pub(crate) async fn purge_tombstones<M, C>(age: Duration, conn: &mut C) -> Result<usize>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    let before = crate::event::micros_now().saturating_sub(age);
    let of_entity = Position::of::<M, C::Backend>();
    let purge = Position {
        at: before,
        ..of_entity
    };
    if conn.dialect::<M::Sql>().await? != Dialect::Mysql {
        return Ok(run::<Purge, M, C>(purge, conn).await?);
    }
    conn.begin().await?;
    let done = purge_each::<M, C>(purge, conn).await.map_err(Into::into);
    finish(done, conn).await
}

/// How many deletions are looked for at once.
const PAGE: i64 = 1_000;

/// One by one, by their keys: a DELETE that looks for them would lock all that it looks at, the positions of live records
/// included.
async fn purge_each<M, C>(purge: Position<'_>, conn: &mut C) -> QueryResult<usize>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    let page = Position {
        newest: PAGE,
        ..purge
    };
    let mut purged = 0;
    loop {
        let before = purged;
        for (key, _) in M::Sql::pairs(conn, on::<Expired, M, C>(page)).await? {
            let one = Position { key: &key, ..purge };
            purged += run::<PurgeOne, M, C>(one, conn).await?;
        }
        // What others have moved meanwhile may still be among those that this transaction sees.
        if purged == before {
            return Ok(purged);
        }
    }
}

/// How often a replica is emptied before what comes meanwhile is left.
const ROUNDS: usize = 8;

/// Forgets a replica as a whole: its rows, its positions, its parked events.
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
    // An event that is applied meanwhile may come between the two, and leave a row without its position, or the reverse.
    if conn.dialect::<M::Sql>().await? == Dialect::Postgres {
        run::<LockAll, M, C>(all, conn).await?;
    }
    // SQLite has one writer, and InnoDB keeps out new positions from the first DELETE on. Where its READ COMMITTED does not,
    // what came meanwhile goes in the next round.
    for _ in 0..ROUNDS {
        let positions = run::<Forget, M, C>(all, conn).await?;
        run::<DropAll, M, C>(all, conn).await?;
        let rows = conn.execute(Clear::<M, C::Backend>::new()).await?;
        if positions == 0 && rows == 0 {
            break;
        }
    }
    Ok(())
}

pub(crate) fn on<T, M, C>(
    position: Position<'_>,
) -> OnPosition<'_, T, <M as Loadable<C::Backend>>::Sql>
where
    T: SqlTemplate,
    C: Executor,
    M: Persisted<C::Backend>,
{
    OnPosition::new(position)
}

pub(crate) async fn run<T, M, C>(position: Position<'_>, conn: &mut C) -> QueryResult<usize>
where
    T: SqlTemplate,
    C: Executor,
    M: Persisted<C::Backend>,
{
    conn.execute(on::<T, M, C>(position)).await
}

/// Makes a position; false where there is one already. A refused INSERT ends no transaction on MySQL and MariaDB.
async fn enter<M, C>(position: Position<'_>, conn: &mut C) -> QueryResult<bool>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    match run::<Enter, M, C>(position, conn).await {
        Ok(_) => Ok(true),
        Err(taken) if is_unique_violation(&taken) => Ok(false),
        Err(error) => Err(error),
    }
}
