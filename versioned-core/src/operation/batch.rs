//! Batches: all rows or none, or each row independently.

mod arrays;
mod create;
mod json;
mod plan;
mod rows;
mod tracked;
mod upsert;
mod values;
mod work;

use diesel::result::Error as DieselError;

pub(crate) use self::create::create_all;
use self::plan::Plan;
pub(crate) use self::tracked::save_all_changes;
pub(crate) use self::upsert::upsert_all;
use self::work::{BatchOp, Inserting};
pub(crate) use self::work::{Deleting, Saving};
use crate::change::Change;
use crate::dialect::{Dialect, SqlFor};
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::loadable::Loadable;
use crate::model::WriteKind;
use crate::operation::owner::written::{Written, read_all, reads_row};
use crate::operation::row_count::ends_the_transaction;
use crate::operation::transaction::finish;
use crate::owner::Owner;

/// Why a statement did not write all rows of a batch.
enum BatchError {
    /// A row is not at the loaded version, or was not written for another reason.
    Row,
    /// Any other error.
    Error(Error),
}

impl From<DieselError> for BatchError {
    fn from(error: DieselError) -> Self {
        Self::Error(error.into())
    }
}

impl From<Error> for BatchError {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Inserts all models at the initial version, or none.
pub(crate) async fn insert_all<'m, M, C>(
    models: &'m mut [M],
    conn: &mut C,
) -> Result<Vec<Change<'m, M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    all::<Inserting, M, C>(Plan::of_new(models)?, models, conn).await
}

/// Saves or deletes all models, or none.
pub(crate) async fn write_all<'m, W, M, C>(
    models: &'m mut [M],
    conn: &mut C,
) -> Result<Vec<Change<'m, M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    all::<W, M, C>(Plan::of_loaded(models)?, models, conn).await
}

async fn all<'m, W, M, C>(
    plan: Plan<M::Version>,
    models: &'m mut [M],
    conn: &mut C,
) -> Result<Vec<Change<'m, M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    if models.is_empty() {
        return Ok(Vec::new());
    }
    let written = if M::COMPLETE || W::BY == WriteKind::Delete {
        written::<W, M, C>(models, &plan, conn).await?
    } else {
        conn.begin().await?;
        let done = written_rows::<W, M, C>(models, &plan, conn).await;
        finish(done, conn).await?
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

/// Writes all rows or none. Returns the outcomes that replace those of the plan.
async fn written<W, M, C>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<Vec<(usize, Written<M>)>>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    if at_once::<W, M, C>(models, plan, conn).await? {
        return Ok(Vec::new());
    }
    conn.begin().await?;
    let done = rows::all::<W, M, C>(models, plan, conn).await;
    finish(done, conn).await
}

/// Writes all rows or none, and reads them, in the open transaction.
async fn written_rows<W, M, C>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<Vec<(usize, Written<M>)>>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    if at_once::<W, M, C>(models, plan, conn).await? {
        let models: Vec<&M> = models.iter().collect();
        let rows = read_all(&models, conn).await?.into_iter();
        return Ok(rows.map(Written::Row).enumerate().collect());
    }
    rows::all::<W, M, C>(models, plan, conn).await
}

/// Returns the dialect whose multi-row statements can write this batch, or `None` if each row needs
/// statements of its own.
fn many_at_once<W, M, C>(models: &[M]) -> Result<Option<Dialect>>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    let Some(dialect) = <<M as Loadable<C::Backend>>::Sql as SqlFor<C::Backend>>::KNOWN else {
        return Ok(None);
    };
    let position = M::TOMBSTONES && W::BY != WriteKind::Update;
    let event = M::OUTBOX && dialect != Dialect::Postgres;
    if position || event || !M::WHOLE_KEY {
        return Ok(None);
    }
    let alone = match dialect {
        // The event is built from the written row if that may differ from the model.
        Dialect::Postgres => match models.first() {
            Some(model) => M::OUTBOX && W::BY != WriteKind::Delete && reads_row(model)?,
            None => false,
        },
        Dialect::Mysql | Dialect::Sqlite => false,
    };
    Ok((!alone).then_some(dialect))
}

/// Writes all rows of the plan with multi-row statements, or none. Returns `false`, with nothing written, if
/// that is impossible or failed.
async fn at_once<W, M, C>(models: &mut [M], plan: &Plan<M::Version>, conn: &mut C) -> Result<bool>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    match many_at_once::<W, M, C>(models)? {
        Some(Dialect::Postgres) => arrays::all::<W, M, C>(models, plan, conn).await,
        Some(Dialect::Sqlite) if values::fit::<W>(plan.order.len()) => {
            conn.begin().await?;
            let written = values::write::<W, M, C>(models, plan, conn).await;
            attempted(written, conn).await
        }
        Some(Dialect::Mysql) if json::fit::<W, M, C::Backend>(models, plan)? => {
            conn.begin().await?;
            let written = json::write::<W, M, C>(models, plan, conn).await;
            attempted(written, conn).await
        }
        _ => Ok(false),
    }
}

/// Ends the transaction of an attempt. Returns `false` if not all rows were written and all were
/// rolled back. Writing row by row then reports the error of each row.
async fn attempted<C: Executor>(written: Result<(), BatchError>, conn: &mut C) -> Result<bool> {
    let Err(miss) = written else {
        // A commit that fails is not retried, because its outcome is unknown.
        conn.commit().await?;
        return Ok(true);
    };
    match (miss, conn.rollback().await) {
        (BatchError::Error(error @ Error::KeyGenerated { .. }), _) => Err(error),
        // Nothing else can be tried if the connection is lost or the transaction has ended.
        (BatchError::Error(error), taken_back)
            if taken_back.is_err() || ends_the_transaction(&error) =>
        {
            Err(error)
        }
        (BatchError::Row, Err(lost)) => Err(lost.into()),
        (BatchError::Error(_) | BatchError::Row, _) => Ok(false),
    }
}

/// Saves the models that can be saved. Returns the outcome of each model.
pub(crate) async fn save_each<'m, M, C>(
    models: &'m mut [M],
    conn: &mut C,
) -> Result<Vec<Result<Change<'m, M>>>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    if models.is_empty() {
        return Ok(Vec::new());
    }
    let plan = Plan::of_loaded(models)?;
    let mut each = None;
    if M::COMPLETE && many_at_once::<Saving, M, C>(models)? == Some(Dialect::Postgres) {
        each = arrays::each(models, &plan, conn).await?;
    }
    let each = if let Some(each) = each {
        each
    } else {
        conn.begin().await?;
        let done = rows::each(&plan.order, models, &plan, conn).await;
        finish(done, conn).await?
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
