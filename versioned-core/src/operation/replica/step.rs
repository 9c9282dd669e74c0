//! The steps of an apply: the guard moves the position, and then the row is written or deleted.

use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::error::{Conflict, Result};
use crate::event::Op;
use crate::executor::Executor;
use crate::operation::replica::incoming::{
    Incoming, Reached, Write, already_taken, failed_event, keeps_key, not_written, target,
};
use crate::operation::replica::positions::{self, Advanced, First};
use crate::operation::replica::row::{insert_or_overtake, overtake};
use crate::operation::row_count::is_unique_violation;
use crate::operation::transaction::Level;
use crate::outcome::Outcome;
use crate::statement::{Anything, Current, FindVersion, Merge, Record, Remove};

/// Runs the guard: moves the position to the event's version, if the event may follow the current
/// one.
pub(crate) async fn advance<M, C>(
    incoming: &Incoming<'_, M>,
    dialect: Dialect,
    level: Level,
    conn: &mut C,
) -> Result<Advanced>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let first = if !incoming.may_be_first() {
        First::No
    } else if level == Level::ReadCommitted && incoming.event.op == Op::Updated {
        First::Unlikely
    } else {
        First::Maybe
    };
    let moved = positions::advance::<M::Sql, C>(incoming.position(), first, dialect, conn);
    moved.await.map_err(|error| incoming.failed(error))
}

/// Returns why the guard did not move the position: the event is a duplicate, or events are
/// missing.
pub(crate) async fn look<M, C>(incoming: &Incoming<'_, M>, conn: &mut C) -> Result<Outcome>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let position = incoming.position();
    let current = positions::look::<M::Sql, C>(position, conn).await;
    let mut current = current
        .map_err(|error| incoming.failed(error))?
        .map(Reached::at);
    if let (Some(current), true) = (&mut current, incoming.is_derived()) {
        // Another transaction may have reached the version after the guard. The deletion then
        // follows.
        let live = positions::look_live::<M::Sql, C>(position, conn).await;
        let live = live.map_err(|error| incoming.failed(error))?;
        current.is_deleted = live != Some(current.version);
    }
    Ok(incoming.refused(current))
}

/// Writes or deletes the replica's row, after the guard.
pub(crate) async fn write<M, C>(
    incoming: &Incoming<'_, M>,
    advanced: Advanced,
    dialect: Dialect,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    match &incoming.write {
        Write::Remove(id) => remove::<M, C>(&incoming.event.key, id, conn).await,
        Write::Put(model, version) => put(incoming, model, version, advanced, dialect, conn).await,
    }
}

async fn put<M, C>(
    incoming: &Incoming<'_, M>,
    model: &M,
    version: &M::Version,
    advanced: Advanced,
    dialect: Dialect,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let written = match dialect {
        Dialect::Postgres | Dialect::Sqlite => {
            conn.execute(Merge::<Anything, M, _>::new(model, version))
                .await
        }
        Dialect::Mysql if advanced == Advanced::Made => {
            insert_or_overtake::<Anything, M, C>(model, version, conn).await
        }
        Dialect::Mysql => overtake::<Anything, M, C>(incoming.event.op, model, version, conn).await,
    };
    match written {
        Ok(0) => Err(not_written(&incoming.event.key, model, conn).await),
        Ok(_) => keeps_key(incoming, model, dialect, conn).await,
        // A rejected INSERT does not end the transaction on MySQL and MariaDB.
        Err(taken) if dialect == Dialect::Mysql && is_unique_violation(&taken) => {
            Err(already_taken(&incoming.event.key, model, taken, conn).await)
        }
        Err(error) => Err(incoming.failed(error)),
    }
}

/// Deletes the row with this key, if there is one.
pub(crate) async fn remove<M, C>(key: &str, id: &M::Id, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let removed = conn.execute(Remove::<M, _>::new(id)).await;
    if removed.map_err(|error| failed_event::<M>(key, error))? > 0 {
        return Ok(());
    }
    // A record that was deleted before the replica received any event of it has no row.
    let look = FindVersion::<Current, M, C::Backend>::new(Record::At(id));
    match M::row_version(conn, look).await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(Conflict::unwritten(target::<M>(key), None).into()),
        Err(error) => Err(failed_event::<M>(key, error)),
    }
}
