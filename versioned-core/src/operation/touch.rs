use super::outcome::{guarded, next_version};
use super::settle::written_row;
use crate::change::Change;
use crate::error::Result;
use crate::event::Op;
use crate::executor::{Executor, Runner};
use crate::owner::Owner;
use crate::statement::{Guard, Touch};

/// Moves the version alone.
pub(crate) async fn touch<'m, M, X>(model: &'m mut M, x: &mut X) -> Result<Change<'m, M>>
where
    X: Runner,
    M: Owner<X::Backend>,
{
    let guard = Guard::of(&*model);
    let next = next_version(guard)?;
    let answer = x.execute(Touch::new(guard, &next)).await;
    guarded(guard, answer, x).await?;
    model.set_version(next);
    Ok(Change::new(Op::Updated, model))
}

/// Moves the version of the row that `guard` names, and answers with the row.
pub(crate) async fn touch_at<M, X>(guard: Guard<'_, M>, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let next = next_version(guard)?;
    written_row(guard, Touch::new(guard, &next), x).await
}
