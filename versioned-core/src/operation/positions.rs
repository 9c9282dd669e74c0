//! The position of a record: moved, locked, looked at, forgotten.

use std::time::Duration;

use diesel::QueryResult;

use super::outcome::is_unique_violation;
use super::settle::settle;
use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::dialect::Flavor as _;
use crate::error::Result;
use crate::executor::Executor;
use crate::fetch::{Fetch, Stored};
use crate::statement::{
    Advance, Clear, DropAll, Enter, EnterOrLock, Expired, Forget, Lock, LockAll, Look, OnPosition,
    Peek, Position, Purge, PurgeOne, Text, Upsert,
};

/// What became of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advanced {
    /// It is at a version that it may not move from, or missing.
    Not,
    /// It was there, and moved. On PostgreSQL and `SQLite` also: it was made.
    Moved,
    /// It was missing, and was made.
    Made,
}

/// Moves a position, if it is at a version that it may move from; where it may be the first that is heard of the record,
/// makes one that is missing.
pub(super) async fn advance<M, X>(
    position: Position<'_>,
    may_be_first: bool,
    dialect: Dialect,
    x: &mut X,
) -> QueryResult<Advanced>
where
    X: Executor,
    M: Stored<X::Backend>,
{
    let moved = |rows| {
        if rows > 0 {
            Advanced::Moved
        } else {
            Advanced::Not
        }
    };
    if !may_be_first {
        return Ok(moved(run::<Advance, M, X>(position, x).await?));
    }
    match dialect {
        Dialect::Postgres | Dialect::Sqlite => Ok(moved(run::<Upsert, M, X>(position, x).await?)),
        Dialect::Mysql => {
            if !is_there::<M, X>(position, x).await? && enter::<M, X>(position, x).await? {
                return Ok(Advanced::Made);
            }
            if run::<Advance, M, X>(position, x).await? > 0 {
                return Ok(Advanced::Moved);
            }
            match look::<M, X>(position, x).await? {
                // A snapshot that comes again may leave a position as it is, which is not counted on a connection without
                // CLIENT_FOUND_ROWS.
                Some(version) if version == position.version && position.newest == version => {
                    Ok(Advanced::Moved)
                }
                Some(_) => Ok(Advanced::Not),
                // Somebody has purged it since the look, or emptied the replica.
                None if enter::<M, X>(position, x).await? => Ok(Advanced::Made),
                None => Ok(moved(run::<Advance, M, X>(position, x).await?)),
            }
        }
    }
}

/// Whether a position is there, before it is written. On MySQL, an UPDATE that finds none locks the gap where it would be, for
/// all who have something to insert there; two who do so wait for each other. (A refused INSERT takes a shared lock, and two who
/// have that wait for each other too.)
async fn is_there<M, X>(position: Position<'_>, x: &mut X) -> QueryResult<bool>
where
    X: Executor,
    M: Stored<X::Backend>,
{
    let version = M::On::number(x, on::<Peek, M, X>(position)).await?;
    Ok(version.is_some())
}

/// The version of a position, if there is one.
pub(super) async fn look<M, X>(position: Position<'_>, x: &mut X) -> QueryResult<Option<i64>>
where
    X: Executor,
    M: Stored<X::Backend>,
{
    M::On::number(x, on::<Look, M, X>(position)).await
}

/// Locks a position; makes one at the version `nothing` where there is none.
pub(super) async fn lock<M, X>(
    position: Position<'_>,
    nothing: i64,
    dialect: Dialect,
    x: &mut X,
) -> QueryResult<()>
where
    X: Executor,
    M: Stored<X::Backend>,
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
            run::<Upsert, M, X>(nothing, x).await?;
            run::<Lock, M, X>(nothing, x).await?;
        }
        Dialect::Mysql => {
            if is_there::<M, X>(nothing, x).await? {
                run::<Lock, M, X>(nothing, x).await?;
                // Somebody may have purged it since the look.
                if look::<M, X>(nothing, x).await?.is_some() {
                    return Ok(());
                }
            }
            run::<EnterOrLock, M, X>(nothing, x).await?;
        }
    }
    Ok(())
}

/// Forgets the deletions that are older than `age`.
pub(crate) async fn purge_tombstones<M, X>(age: Duration, x: &mut X) -> Result<usize>
where
    X: Executor,
    M: Stored<X::Backend>,
{
    let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    let before = crate::event::micros_now().saturating_sub(age);
    let of_entity = Position::of::<M, X::Backend>();
    let purge = Position {
        at: before,
        ..of_entity
    };
    if x.dialect::<M::On>().await? != Dialect::Mysql {
        return Ok(run::<Purge, M, X>(purge, x).await?);
    }
    x.begin().await?;
    let done = purge_each::<M, X>(purge, x).await.map_err(Into::into);
    settle(done, x).await
}

/// How many deletions are looked for at once.
const PAGE: i64 = 1_000;

/// One by one, by their keys: a DELETE that looks for them would lock all that it looks at, the positions of live records
/// included.
async fn purge_each<M, X>(purge: Position<'_>, x: &mut X) -> QueryResult<usize>
where
    X: Executor,
    M: Stored<X::Backend>,
{
    let page = Position {
        newest: PAGE,
        ..purge
    };
    let mut purged = 0;
    loop {
        let before = purged;
        for (key, _) in M::On::pairs(x, on::<Expired, M, X>(page)).await? {
            let one = Position { key: &key, ..purge };
            purged += run::<PurgeOne, M, X>(one, x).await?;
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
pub(crate) async fn rebuild<M, X>(x: &mut X) -> Result<()>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    x.begin().await?;
    let done = forget_all::<M, X>(x).await.map_err(Into::into);
    settle(done, x).await
}

async fn forget_all<M, X>(x: &mut X) -> QueryResult<()>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let all = Position::of::<M, X::Backend>();
    // An event that is applied meanwhile may come between the two, and leave a row without its position, or the reverse.
    if x.dialect::<M::On>().await? == Dialect::Postgres {
        run::<LockAll, M, X>(all, x).await?;
    }
    // SQLite has one writer, and InnoDB keeps out new positions from the first DELETE on. Where its READ COMMITTED does not,
    // what came meanwhile goes in the next round.
    for _ in 0..ROUNDS {
        let positions = run::<Forget, M, X>(all, x).await?;
        run::<DropAll, M, X>(all, x).await?;
        let rows = x.execute(Clear::<M, X::Backend>::new()).await?;
        if positions == 0 && rows == 0 {
            break;
        }
    }
    Ok(())
}

pub(super) fn on<T, M, X>(position: Position<'_>) -> OnPosition<'_, T, <M as Fetch<X::Backend>>::On>
where
    T: Text,
    X: Executor,
    M: Stored<X::Backend>,
{
    OnPosition::new(position)
}

pub(super) async fn run<T, M, X>(position: Position<'_>, x: &mut X) -> QueryResult<usize>
where
    T: Text,
    X: Executor,
    M: Stored<X::Backend>,
{
    x.execute(on::<T, M, X>(position)).await
}

/// Makes a position; false where there is one already. A refused INSERT ends no transaction on MySQL and MariaDB.
async fn enter<M, X>(position: Position<'_>, x: &mut X) -> QueryResult<bool>
where
    X: Executor,
    M: Stored<X::Backend>,
{
    match run::<Enter, M, X>(position, x).await {
        Ok(_) => Ok(true),
        Err(taken) if is_unique_violation(&taken) => Ok(false),
        Err(error) => Err(error),
    }
}
