use super::announce::{self, Unit, event_of};
use super::outcome::{guarded, next_version};
use super::settle::written_row;
use super::written::{Written, reads_row};
use crate::change::Change;
use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::owner::Owner;
use crate::statement::{Guard, Save};

/// Writes the model, if the row is still at the version that was loaded.
pub(crate) async fn save<'m, M, X>(model: &'m mut M, x: &mut X) -> Result<Change<'m, M>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let next = next_version(Guard::of(&*model))?;
    save_row(model, &next, Unit::Alone, x).await?.show(model);
    Ok(Change::new(Op::Updated, model))
}

/// Writes the row; the model in memory stays.
pub(super) async fn save_row<M, X>(
    model: &mut M,
    next: &M::Version,
    unit: Unit,
    x: &mut X,
) -> Result<Written<M>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    if reads_row(&*model)? {
        // What cannot be announced is refused before it is written.
        event_of(Op::Updated, model, next)?;
        let row = written_row(Guard::of(&*model), Save::new(model, next), unit, x).await?;
        return Ok(Written::Row(row));
    }
    let event = event_of(Op::Updated, model, next)?;
    let answer = announce::write::<M, _, _>(Save::new(model, next), event, unit, x).await;
    guarded(Guard::of(&*model), answer, x).await?;
    Ok(Written::AsGiven(next.clone()))
}
