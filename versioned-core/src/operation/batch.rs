//! Many rows at once: all or none, or each for itself.

mod arrays;
mod json;
mod plan;
mod rows;
mod values;
mod work;

use diesel::result::Error as DieselError;

use self::plan::Plan;
pub(crate) use self::work::{Deleting, Saving};
use self::work::{Inserting, Work};
use super::announce::reads_back;
use super::settle::settle;
use crate::change::Change;
use crate::dialect::{Dialect, Flavor};
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::fetch::Fetch;
use crate::model::By;
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
    if !at_once::<W, M, X>(models, &plan, x).await? {
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

/// The database in whose way many rows are one statement; none where a row needs statements of its own.
fn many_at_once<W, M, X>() -> Option<Dialect>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    let dialect = <<M as Fetch<X::Backend>>::On as Flavor<X::Backend>>::KNOWN?;
    let position = M::TOMBSTONES && W::BY != By::Update;
    let event = M::OUTBOX && dialect != Dialect::Postgres;
    let alone = position || event || !M::WHOLE_KEY || reads_back::<M, X::Backend>();
    (!alone).then_some(dialect)
}

/// Writes all rows with statements for many of them, or none. `false` if that cannot be done, or was not.
async fn at_once<W, M, X>(models: &mut [M], plan: &Plan<M::Version>, x: &mut X) -> Result<bool>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    match many_at_once::<W, M, X>() {
        Some(Dialect::Postgres) => arrays::all::<W, M, X>(models, plan, x).await,
        Some(Dialect::Sqlite) if values::fit::<W>(models.len()) => {
            x.begin().await?;
            let written = values::write::<W, M, X>(models, plan, x).await;
            attempted(written, x).await
        }
        Some(Dialect::Mysql) if json::fit::<W, M, X::Backend>(models, plan)? => {
            x.begin().await?;
            let written = json::write::<W, M, X>(models, plan, x).await;
            attempted(written, x).await
        }
        _ => Ok(false),
    }
}

/// `false` if not all rows were written: none was, and row by row it shows what is wrong with which.
async fn attempted<X: Executor>(written: Result<(), Miss>, x: &mut X) -> Result<bool> {
    let Err(miss) = written else {
        // Once it was sent, nobody knows what became of it.
        x.commit().await?;
        return Ok(true);
    };
    drop(x.rollback().await);
    match miss {
        Miss::Error(error) if rows::ends_the_transaction(&error) => Err(error),
        Miss::Error(_) | Miss::Row => Ok(false),
    }
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
    let mut refused = None;
    if many_at_once::<Saving, M, X>() == Some(Dialect::Postgres) {
        refused = arrays::each(models, &plan, x).await?;
    }
    if refused.is_none() {
        x.begin().await?;
        let done = rows::each(&plan.order, models, &plan, x).await;
        refused = Some(settle(done, x).await?);
    }
    let mut failed: Vec<Option<Error>> = models.iter().map(|_| None).collect();
    for (row, error) in refused.into_iter().flatten() {
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
