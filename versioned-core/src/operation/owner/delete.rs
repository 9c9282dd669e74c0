//! `delete`: deletes a row under the version guard.

use crate::change::Change;
use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::operation::outbox::event::event_of_deletion;
use crate::operation::owner::filter::or_filtered;
use crate::operation::owner::tombstone::{hold_position, remember};
use crate::operation::owner::write::{Atomicity, write_with_event};
use crate::operation::row_count::{guarded, next_version};
use crate::operation::transaction::finish;
use crate::owner::Owner;
use crate::statement::{Conditions, Delete, VersionGuard};

/// Deletes the row if it is still at the loaded version. The deletion has a version of its own.
pub(crate) async fn delete<'m, M, C>(model: &'m mut M, conn: &mut C) -> Result<Change<'m, M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let next = delete_at(VersionGuard::of(&*model), &(), conn).await?;
    model.set_version(next);
    Ok(Change::new(Op::Deleted, model))
}

/// Deletes the row that `guard` names, if `conditions` hold for it. Returns the version of the
/// deletion.
pub(crate) async fn delete_at<M, C, P>(
    guard: VersionGuard<'_, M>,
    conditions: &P,
    conn: &mut C,
) -> Result<M::Version>
where
    C: Executor,
    M: Owner<C::Backend>,
    P: Conditions<M, C::Backend>,
{
    let next = next_version(guard)?;
    let done = if M::TOMBSTONES {
        conn.begin().await?;
        let done = delete_row(guard, conditions, &next, Atomicity::Nested, conn).await;
        finish(done, conn).await
    } else {
        delete_row(guard, conditions, &next, Atomicity::Own, conn).await
    };
    or_filtered(done, guard, conditions, conn).await?;
    Ok(next)
}

/// Deletes the row. With `tombstones`, a transaction must be open. The position is locked before
/// the row, as in `insert`, because the opposite order would cause deadlocks.
pub(crate) async fn delete_row<M, C, P>(
    guard: VersionGuard<'_, M>,
    conditions: &P,
    next: &M::Version,
    unit: Atomicity,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
    P: Conditions<M, C::Backend>,
{
    if M::TOMBSTONES {
        hold_position(guard.record, conn).await?;
    }
    let event = event_of_deletion(guard.record, next)?;
    let delete = conditions.on(Delete::new(guard));
    let answer = write_with_event::<M, _, _>(delete, event, unit, conn).await;
    guarded(guard, answer, conn).await?;
    if M::TOMBSTONES {
        remember(guard, next, conn).await?;
    }
    Ok(())
}
