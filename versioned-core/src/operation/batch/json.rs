//! A batch in one statement for many rows, on MySQL and MariaDB.

use super::Miss;
use super::plan::Plan;
use super::rows::ends_the_transaction;
use super::work::Work;
use crate::dialect::{Dialect, Flavor};
use crate::error::Result;
use crate::executor::Executor;
use crate::fetch::{Fetch, Stored};
use crate::model::{By, JsonColumn, JsonTable};
use crate::operation::settle::settle;
use crate::owner::Owner;
use crate::statement::{Binds, Given, WriteTable};

/// From so many rows on it is faster than a statement for each.
const MANY: usize = 4;

/// How many rows one statement writes.
const CHUNK: usize = 2_000;

/// From so many bytes on a text gets no more rows. MySQL takes 64 MiB at once by default, MariaDB 16.
const FULL: usize = 1 << 20;

/// Writes all rows or none. `false` if it cannot be done so, or if not all of them could be written: nothing was written then,
/// and row by row it shows what is wrong with which.
pub(super) async fn all<W, M, X>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<bool>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    if !fit::<W, M, X>(models, plan)? {
        return Ok(false);
    }
    x.begin().await?;
    let written = tables::<W, M, X>(models, plan, x).await;
    match settle(written, x).await {
        Ok(()) => Ok(true),
        Err(Miss::Error(error)) if ends_the_transaction(&error) => Err(error),
        Err(_) => Ok(false),
    }
}

/// Whether this batch can be written so: not where a row needs statements of its own, and only with keys and versions that
/// are compared as what they are.
fn fit<W, M, X>(models: &[M], plan: &Plan<M::Version>) -> Result<bool>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    let is_mysql =
        <<M as Fetch<X::Backend>>::On as Flavor<X::Backend>>::KNOWN == Some(Dialect::Mysql);
    let positions = M::TOMBSTONES && W::BY != By::Update;
    if !is_mysql || positions || M::OUTBOX || models.len() < MANY {
        return Ok(false);
    }
    let first = plan.order.get(..1).unwrap_or_default();
    let written = columns::<M, X::Backend>(&plan.given(W::BY, models, first))?;
    let guard = columns::<M, X::Backend>(&plan.given(By::Delete, models, first))?;
    Ok(written.is_some()
        && (W::BY == By::Insert
            || guard.is_some_and(|guard| guard.iter().all(|column| column.is_exact()))))
}

fn columns<M, DB>(given: &Given<'_, M>) -> Result<Option<Vec<JsonColumn>>>
where
    DB: diesel::backend::Backend,
    M: Stored<DB>,
{
    let mut table = JsonTable::default();
    let done = M::On::push_row(&Binds::new(given, 0), &mut table)?;
    Ok(done.then_some(table.columns))
}

async fn tables<W, M, X>(models: &[M], plan: &Plan<M::Version>, x: &mut X) -> Result<(), Miss>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    let mut rest = plan.order.as_slice();
    while !rest.is_empty() {
        let given = plan.given(W::BY, models, rest.get(..CHUNK).unwrap_or(rest));
        let mut table = JsonTable::default();
        let mut rows = 0;
        while rows < given.models.len() && table.len() < FULL {
            if !M::On::push_row(&Binds::new(&given, rows), &mut table)? {
                return Err(Miss::Row);
            }
            rows += 1;
        }
        let (columns, text) = table.finish().ok_or(Miss::Row)?;
        let write = WriteTable::<W, M, X::Backend>::new(&given, &columns, &text);
        if x.execute(write).await? != rows {
            return Err(Miss::Row);
        }
        rest = rest.get(rows..).unwrap_or_default();
    }
    Ok(())
}
