//! Many rows at once: all or none, or each for itself.

mod arrays;
mod json;
mod plan;
mod rows;
mod work;

use diesel::result::Error as DieselError;

use self::plan::Plan;
pub(crate) use self::work::{Deleting, Saving};
use self::work::{Inserting, Work};
use super::settle::settle;
use crate::change::Change;
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::owner::Owner;

/// Why a statement did not write all rows of a batch.
enum Miss {
    /// A row is not at the version that was loaded.
    Row,
    /// The database said something else.
    Error(Error),
}

impl From<DieselError> for Miss {
    fn from(error: DieselError) -> Self {
        Self::Error(error.into())
    }
}

impl From<Error> for Miss {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Inserts all models at the initial version, or none.
pub(crate) async fn insert_all<'m, M, X>(
    models: &'m mut [M],
    x: &mut X,
) -> Result<Vec<Change<'m, M>>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    all::<Inserting, M, X>(Plan::of_new(models)?, models, x).await
}

/// Saves or deletes all models, or none.
pub(crate) async fn write_all<'m, W, M, X>(
    models: &'m mut [M],
    x: &mut X,
) -> Result<Vec<Change<'m, M>>>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    all::<W, M, X>(Plan::of_loaded(models)?, models, x).await
}

async fn all<'m, W, M, X>(
    mut plan: Plan<M::Version>,
    models: &'m mut [M],
    x: &mut X,
) -> Result<Vec<Change<'m, M>>>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    if models.is_empty() {
        return Ok(Vec::new());
    }
    let at_once = arrays::all::<W, M, X>(models, &plan, x).await?
        || json::all::<W, M, X>(models, &plan, x).await?;
    if !at_once {
        x.begin().await?;
        let done = rows::all::<W, M, X>(models, &mut plan, x).await;
        settle(done, x).await?;
    }
    let changes = models.iter_mut().zip(plan.next).map(|(model, next)| {
        model.set_version(next);
        Change::new(W::OP, model)
    });
    Ok(changes.collect())
}

/// Saves the models that can be saved; the outcome of each.
pub(crate) async fn save_each<'m, M, X>(
    models: &'m mut [M],
    x: &mut X,
) -> Result<Vec<Result<Change<'m, M>>>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    if models.is_empty() {
        return Ok(Vec::new());
    }
    let plan = Plan::of_loaded(models)?;
    let refused = match arrays::each(models, &plan, x).await? {
        Some(refused) => refused,
        None => {
            x.begin().await?;
            let done = rows::each(&plan.order, models, &plan, x).await;
            settle(done, x).await?
        }
    };
    let mut failed: Vec<Option<Error>> = models.iter().map(|_| None).collect();
    for (row, error) in refused {
        if let Some(outcome) = failed.get_mut(row) {
            *outcome = Some(error);
        }
    }
    let outcomes = models.iter_mut().zip(plan.next).zip(failed);
    Ok(outcomes
        .map(|((model, next), failed)| {
            if let Some(error) = failed {
                return Err(error);
            }
            model.set_version(next);
            Ok(Change::new(Saving::OP, &*model))
        })
        .collect())
}
