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
use super::outcome::ends_the_transaction;
use super::settle::settle;
use super::written::{Written, read_all, reads_row};
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
    plan: Plan<M::Version>,
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
    let written = if M::COMPLETE || W::BY == By::Delete {
        written::<W, M, X>(models, &plan, x).await?
    } else {
        x.begin().await?;
        let done = written_rows::<W, M, X>(models, &plan, x).await;
        settle(done, x).await?
    };
    let mut shown = plan.of_next();
    for (row, written) in written {
        if let Some(shown) = shown.get_mut(row) {
            *shown = written;
        }
    }
    let changes = models.iter_mut().zip(shown).map(|(model, written)| {
        written.show(model);
        Change::new(W::OP, model)
    });
    Ok(changes.collect())
}

/// Writes all rows, or none; those that must be shown.
async fn written<W, M, X>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<Vec<(usize, Written<M>)>>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    if at_once::<W, M, X>(models, plan, x).await? {
        return Ok(Vec::new());
    }
    x.begin().await?;
    let done = rows::all::<W, M, X>(models, plan, x).await;
    settle(done, x).await
}

/// Writes all rows, or none, and reads them, in a transaction.
async fn written_rows<W, M, X>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<Vec<(usize, Written<M>)>>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    if at_once::<W, M, X>(models, plan, x).await? {
        return Ok(read_all(models, x).await?.into_iter().enumerate().collect());
    }
    rows::all::<W, M, X>(models, plan, x).await
}

/// The database in whose way many rows are one statement; none where a row needs statements of its own.
fn many_at_once<W, M, X>(models: &[M]) -> Result<Option<Dialect>>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    let Some(dialect) = <<M as Fetch<X::Backend>>::On as Flavor<X::Backend>>::KNOWN else {
        return Ok(None);
    };
    let position = M::TOMBSTONES && W::BY != By::Update;
    let event = M::OUTBOX && dialect != Dialect::Postgres;
    if position || event || !M::WHOLE_KEY {
        return Ok(None);
    }
    let alone = match dialect {
        // An event is made of the row, where that is not as the model.
        Dialect::Postgres => match models.first() {
            Some(model) => M::OUTBOX && W::BY != By::Delete && reads_row(model)?,
            None => false,
        },
        Dialect::Mysql | Dialect::Sqlite => false,
    };
    Ok((!alone).then_some(dialect))
}

/// Writes all rows with statements for many of them, or none. `false` if that cannot be done, or was not.
async fn at_once<W, M, X>(models: &mut [M], plan: &Plan<M::Version>, x: &mut X) -> Result<bool>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    match many_at_once::<W, M, X>(models)? {
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
    match (miss, x.rollback().await) {
        (Miss::Error(error @ Error::KeyGenerated { .. }), _) => Err(error),
        // Without a connection there is nothing else to try.
        (Miss::Error(error), taken_back) if taken_back.is_err() || ends_the_transaction(&error) => {
            Err(error)
        }
        (Miss::Row, Err(lost)) => Err(lost.into()),
        (Miss::Error(_) | Miss::Row, _) => Ok(false),
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
    let mut each = None;
    if M::COMPLETE && many_at_once::<Saving, M, X>(models)? == Some(Dialect::Postgres) {
        each = arrays::each(models, &plan, x).await?;
    }
    let each = if let Some(each) = each {
        each
    } else {
        x.begin().await?;
        let done = rows::each(&plan.order, models, &plan, x).await;
        settle(done, x).await?
    };
    let mut outcomes: Vec<Result<Written<M>>> = plan.of_next().into_iter().map(Ok).collect();
    let written = each
        .written
        .into_iter()
        .map(|(row, written)| (row, Ok(written)));
    let failed = each
        .failed
        .into_iter()
        .map(|(row, error)| (row, Err(error)));
    for (row, outcome) in written.chain(failed) {
        if let Some(known) = outcomes.get_mut(row) {
            *known = outcome;
        }
    }
    let outcomes = models.iter_mut().zip(outcomes).map(|(model, outcome)| {
        outcome?.show(model);
        Ok(Change::new(Saving::OP, &*model))
    });
    Ok(outcomes.collect())
}
