//! What an event does to the replica: the guard moves the position, and under it the row is written or taken away.

use super::incoming::{
    Incoming, Write, already_taken, failed_event, keeps_key, not_written, target,
};
use super::outcome::is_unique_violation;
use super::positions::{self, Advanced};
use super::row::{insert_or_overtake, overtake};
use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::error::{Conflict, Result};
use crate::executor::Executor;
use crate::outcome::Outcome;
use crate::statement::{Anything, Current, FindVersion, Merge, Record, Remove};

/// The guard: moves the position onto the event's version, if it is at one that the event may follow.
pub(super) async fn advance<M, X>(
    incoming: &Incoming<'_, M>,
    dialect: Dialect,
    x: &mut X,
) -> Result<Advanced>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let moved =
        positions::advance::<M, X>(incoming.position(), incoming.may_be_first(), dialect, x);
    moved.await.map_err(|error| incoming.failed(error))
}

/// Why the guard did not move: the replica is there already, or events are missing.
pub(super) async fn look<M, X>(incoming: &Incoming<'_, M>, x: &mut X) -> Result<Outcome>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let current = positions::look::<M, X>(incoming.position(), x).await;
    Ok(incoming.refused(current.map_err(|error| incoming.failed(error))?))
}

/// The replica's row, under the guard.
pub(super) async fn write<M, X>(
    incoming: &Incoming<'_, M>,
    advanced: Advanced,
    dialect: Dialect,
    x: &mut X,
) -> Result<()>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    match &incoming.write {
        Write::Remove(id) => remove::<M, X>(&incoming.event.key, id, x).await,
        Write::Put(model) => put(incoming, model, advanced, dialect, x).await,
    }
}

async fn put<M, X>(
    incoming: &Incoming<'_, M>,
    model: &M,
    advanced: Advanced,
    dialect: Dialect,
    x: &mut X,
) -> Result<()>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let version = &incoming.version;
    let written = match dialect {
        Dialect::Postgres | Dialect::Sqlite => {
            x.execute(Merge::<Anything, M, _>::new(model, version))
                .await
        }
        Dialect::Mysql if advanced == Advanced::Made => {
            insert_or_overtake::<Anything, M, X>(model, version, x).await
        }
        Dialect::Mysql => overtake::<Anything, M, X>(incoming.event.op, model, version, x).await,
    };
    match written {
        Ok(0) => Err(not_written(&incoming.event.key, model, x).await),
        Ok(_) => keeps_key(incoming, model, dialect, x).await,
        // A refused INSERT ends no transaction on MySQL and MariaDB.
        Err(taken) if dialect == Dialect::Mysql && is_unique_violation(&taken) => {
            Err(already_taken(&incoming.event.key, model, taken, x).await)
        }
        Err(error) => Err(incoming.failed(error)),
    }
}

/// Takes the row of this key away, if there is one.
pub(super) async fn remove<M, X>(key: &str, id: &M::Id, x: &mut X) -> Result<()>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let removed = x.execute(Remove::<M, _>::new(id)).await;
    if removed.map_err(|error| failed_event::<M>(key, error))? > 0 {
        return Ok(());
    }
    // There may be no row of a record that was deleted before the replica heard of it.
    let look = FindVersion::<Current, M, X::Backend>::new(Record::At(id));
    match M::row_version(x, look).await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(Conflict::suppressed(target::<M>(key), None).into()),
        Err(error) => Err(failed_event::<M>(key, error)),
    }
}
