use super::announce::{self, Unit, event_of_deletion};
use super::outcome::{guarded, next_version};
use super::settle::settle;
use super::tombstone::{hold_position, remember};
use crate::change::Change;
use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::owner::Owner;
use crate::statement::{Delete, Guard};

/// Deletes the row, if it is still at the version that was loaded. The deletion is a version of its own.
pub(crate) async fn delete<'m, M, X>(model: &'m mut M, x: &mut X) -> Result<Change<'m, M>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let next = delete_at(Guard::of(&*model), x).await?;
    model.set_version(next);
    Ok(Change::new(Op::Deleted, model))
}

/// Deletes the row that `guard` names; the version of the deletion.
pub(crate) async fn delete_at<M, X>(guard: Guard<'_, M>, x: &mut X) -> Result<M::Version>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let next = next_version(guard)?;
    if M::TOMBSTONES {
        x.begin().await?;
        let done = delete_row(guard, &next, Unit::Part, x).await;
        settle(done, x).await?;
    } else {
        delete_row(guard, &next, Unit::Alone, x).await?;
    }
    Ok(next)
}

/// Deletes the row; with `tombstones`, in a transaction. The position is locked before the row, as `insert` does: in
/// another order they would wait for each other.
pub(super) async fn delete_row<M, X>(
    guard: Guard<'_, M>,
    next: &M::Version,
    unit: Unit,
    x: &mut X,
) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    if M::TOMBSTONES {
        hold_position(guard.record, x).await?;
    }
    let event = event_of_deletion(guard.record, next)?;
    let answer = announce::write::<M, _, _>(Delete::new(guard), event, unit, x).await;
    guarded(guard, answer, x).await?;
    if M::TOMBSTONES {
        remember(guard, next, x).await?;
    }
    Ok(())
}
