//! Owners that remember deletions: `#[versioned(tombstones)]`.

use super::announce::short_enough;
use super::outcome::failed;
use super::positions;
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::fetch::Fetch;
use crate::owner::Owner;
use crate::statement::{Guard, Position, Record};
use diesel::backend::Backend;

/// Locks the record's position until the transaction ends, so that nobody makes or deletes the record in between.
pub(super) async fn hold_position<M, X>(record: Record<'_, M>, x: &mut X) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let first = M::number(&M::initial_version());
    let key = record.key_text();
    short_enough::<M>(&key)?;
    let position = position::<M, X::Backend>(&key, first);
    let dialect = x.dialect::<M::On>().await?;
    let locked = positions::lock::<M, X>(position, first - 1, dialect, x).await;
    locked.map_err(|error| failed(record, None, error))
}

/// The version that a record with this key starts at: the first one, or the one after its deletion.
pub(super) async fn first_version<M, X>(model: &M, x: &mut X) -> Result<M::Version>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let record = Record::Of(model);
    hold_position(record, x).await?;
    let first = M::initial_version();
    let key = record.key_text();
    let held = position::<M, X::Backend>(&key, M::number(&first));
    let failed = |error| failed(record, None, error);
    let last = positions::look::<M, X>(held, x).await.map_err(failed)?;
    let Some(last) = last.filter(|last| *last >= M::number(&first)) else {
        return Ok(first);
    };
    let next = M::numbered(last).and_then(|last| M::next_version(&last));
    let next = next.ok_or_else(|| Error::VersionExhausted {
        table: M::table_name(),
        id: key.clone(),
        version: last.into(),
    })?;
    // It is a deletion no more, which a snapshot would tell of and a purge forget.
    let live = Position {
        version: last,
        newest: last,
        ..held
    };
    let dialect = x.dialect::<M::On>().await?;
    let revived = positions::advance::<M, X>(live, false, dialect, x).await;
    revived.map(|_| next).map_err(failed)
}

/// Remembers that the record was deleted, at the version `deleted`.
pub(super) async fn remember<M, X>(
    guard: Guard<'_, M>,
    deleted: &M::Version,
    x: &mut X,
) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let key = guard.record.key_text();
    let position = Position {
        at: crate::event::micros_now(),
        ..position::<M, X::Backend>(&key, M::number(deleted))
    };
    let dialect = x.dialect::<M::On>().await?;
    // It is held, and so it is there.
    let moved = positions::advance::<M, X>(position, false, dialect, x).await;
    moved
        .map(drop)
        .map_err(|error| failed(guard.record, Some(guard.loaded), error))
}

/// The position that may move from any older version to this one.
fn position<M, DB>(key: &str, version: i64) -> Position<'_>
where
    DB: Backend,
    M: Fetch<DB>,
{
    Position {
        key,
        version,
        oldest: i64::MIN,
        newest: version - 1,
        ..Position::of::<M, DB>()
    }
}
