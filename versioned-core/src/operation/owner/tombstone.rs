//! Tombstones: the deletions that an owner with `#[versioned(tombstones)]` remembers.

use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::loadable::Loadable;
use crate::operation::outbox::event::short_enough;
use crate::operation::replica::positions::{self, First};
use crate::operation::row_count::failed;
use crate::owner::Owner;
use crate::statement::{Position, Record, VersionGuard};
use diesel::backend::Backend;

/// Locks the record's position until the transaction ends, so that no other transaction inserts or
/// deletes the record in between.
pub(crate) async fn hold_position<M, C>(record: Record<'_, M>, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let first = M::number(&M::initial_version());
    let key = record.key_text();
    short_enough::<M>(&key)?;
    let position = position::<M, C::Backend>(&key, first);
    let dialect = conn.dialect::<M::Sql>().await?;
    let locked = positions::lock::<M::Sql, C>(position, first - 1, dialect, conn).await;
    locked.map_err(|error| failed(record, None, error))
}

/// Returns the version at which a record with this key starts: the initial version, or the one
/// after its deletion.
pub(crate) async fn first_version<M, C>(model: &M, conn: &mut C) -> Result<M::Version>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let record = Record::Of(model);
    hold_position(record, conn).await?;
    let first = M::initial_version();
    let key = record.key_text();
    let held = position::<M, C::Backend>(&key, M::number(&first));
    let failed = |error| failed(record, None, error);
    let last = positions::look::<M::Sql, C>(held, conn)
        .await
        .map_err(failed)?;
    let Some(last) = last.filter(|last| *last >= M::number(&first)) else {
        return Ok(first);
    };
    let next = M::numbered(last).and_then(|last| M::next_version(&last));
    let next = next.ok_or_else(|| Error::VersionExhausted {
        table: M::table_name(),
        id: key.clone(),
        version: last.into(),
    })?;
    // Marks the position as live. Otherwise a snapshot would report the deletion, and a purge would
    // delete the position.
    let live = Position {
        version: last,
        newest: last,
        ..held
    };
    let dialect = conn.dialect::<M::Sql>().await?;
    let revived = positions::advance::<M::Sql, C>(live, First::No, dialect, conn).await;
    revived.map(|_| next).map_err(failed)
}

/// Locks the position with this key as [`hold_position`] does, and returns the version at which the
/// record was deleted, if that is remembered.
pub(crate) async fn hold_deleted<M, C>(key: &str, conn: &mut C) -> Result<Option<i64>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let first = M::number(&M::initial_version());
    let position = position::<M, C::Backend>(key, first);
    let dialect = conn.dialect::<M::Sql>().await?;
    positions::lock::<M::Sql, C>(position, first - 1, dialect, conn).await?;
    if positions::look_live::<M::Sql, C>(position, conn)
        .await?
        .is_some()
    {
        return Ok(None);
    }
    Ok(positions::look::<M::Sql, C>(position, conn).await?)
}

/// Remembers the deletion of the record, at the version `deleted`.
pub(crate) async fn remember<M, C>(
    guard: VersionGuard<'_, M>,
    deleted: &M::Version,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let key = guard.record.key_text();
    let position = Position {
        at: crate::event::micros_now(),
        ..position::<M, C::Backend>(&key, M::number(deleted))
    };
    let dialect = conn.dialect::<M::Sql>().await?;
    // The position exists, because this transaction holds it.
    let moved = positions::advance::<M::Sql, C>(position, First::No, dialect, conn).await;
    moved
        .map(drop)
        .map_err(|error| failed(guard.record, Some(guard.loaded), error))
}

/// Returns a position that may move to `version` from any older version.
fn position<M, DB>(key: &str, version: i64) -> Position<'_>
where
    DB: Backend,
    M: Loadable<DB>,
{
    Position {
        key,
        version,
        oldest: i64::MIN,
        newest: version - 1,
        ..Position::of::<M, DB>()
    }
}
