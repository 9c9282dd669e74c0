use super::outcome::{guarded, next_version};
use crate::change::Change;
use crate::error::Result;
use crate::event::Op;
use crate::executor::Runner;
use crate::owner::Owner;
use crate::statement::{Guard, Save};

/// Writes the model, if the row is still at the version that was loaded.
pub(crate) async fn save<'m, M, X>(model: &'m mut M, x: &mut X) -> Result<Change<'m, M>>
where
    X: Runner,
    M: Owner<X::Backend>,
{
    let guard = Guard::of(&*model);
    let next = next_version(guard)?;
    let answer = x.execute(Save::new(model, &next)).await;
    guarded(guard, answer, x).await?;
    model.set_version(next);
    Ok(Change::new(Op::Updated, model))
}
