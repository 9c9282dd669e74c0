use super::announce::Unit;
use super::outcome::next_version;
use super::settle::written_row;
use crate::change::Change;
use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::owner::Owner;
use crate::statement::{Guard, Touch};

/// Moves the version alone.
pub(crate) async fn touch<'m, M, X>(model: &'m mut M, x: &mut X) -> Result<Change<'m, M>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let guard = Guard::of(&*model);
    let next = next_version(guard)?;
    // The model in memory may have changes that are not written: the change is that of the row.
    let row = written_row(guard, Touch::new(guard, &next), Unit::Alone, x).await?;
    model.set_version(next);
    model.take_made(&row);
    Ok(Change::of_row(Op::Updated, row))
}

/// Moves the version of the row that `guard` names, and answers with the row.
pub(crate) async fn touch_at<M, X>(guard: Guard<'_, M>, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let next = next_version(guard)?;
    written_row(guard, Touch::new(guard, &next), Unit::Alone, x).await
}
