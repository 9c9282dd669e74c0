//! Batches in one statement for many rows, on MySQL and MariaDB.

use diesel::backend::Backend;

use crate::dialect::SqlFor;
use crate::dialect::{JsonColumn, JsonTable};
use crate::error::Result;
use crate::executor::Executor;
use crate::loadable::Persisted;
use crate::model::WriteKind;
use crate::operation::batch::BatchError;
use crate::operation::batch::plan::Plan;
use crate::operation::batch::work::BatchOp;
use crate::operation::owner::insert::has_its_key;
use crate::operation::zero_key::has_zero;
use crate::owner::Owner;
use crate::statement::{BatchRows, Binds, HoldTable, Partial, WriteTable};

/// The number of rows from which one statement is faster than a statement for each row.
const MANY: usize = 4;

/// The number of rows that one statement writes.
const CHUNK: usize = 2_000;

/// A JSON text of at least this many bytes gets no more rows. A row whose JSON is longer than this
/// is written by itself and without JSON, because its JSON may be several times as long as its
/// values. By default, MySQL accepts 64 MiB at once and MariaDB 16 MiB.
const FULL: usize = 1 << 20;

/// Returns whether there are enough rows, of types that JSON preserves, with keys and versions that
/// compare exactly.
pub(crate) fn fit<W, M, DB>(models: &[M], plan: &Plan<M::Version>) -> Result<bool>
where
    DB: Backend,
    M: Persisted<DB>,
    W: BatchOp,
{
    if plan.order.len() < MANY {
        return Ok(false);
    }
    let first = plan.order.get(..1).unwrap_or_default();
    if columns::<M, DB>(&plan.given(W::BY, models, first))?.is_none() {
        return Ok(false);
    }
    if W::BY == WriteKind::Insert {
        return Ok(true);
    }
    let guard = columns::<M, DB>(&plan.given(WriteKind::Delete, models, first))?;
    Ok(guard.is_some_and(|guard| guard.iter().all(|column| column.is_exact())))
}

fn columns<M, DB>(given: &BatchRows<'_, M>) -> Result<Option<Vec<JsonColumn>>>
where
    DB: Backend,
    M: Persisted<DB>,
{
    let mut table = JsonTable::default();
    let done = M::Sql::push_row(&Binds::new(given, 0), &mut table)?;
    Ok(done.then_some(table.columns))
}

/// Builds the JSON of the first rows, and returns their number.
fn table_of<M, DB>(given: &BatchRows<'_, M>) -> Result<(JsonTable, usize), BatchError>
where
    DB: Backend,
    M: Persisted<DB>,
{
    let mut table = JsonTable::default();
    let mut rows = 0;
    while rows < given.models.len() && table.len() < FULL {
        let before = table.len();
        if !M::Sql::push_row(&Binds::new(given, rows), &mut table)? {
            return Err(BatchError::Row);
        }
        if table.len() - before > FULL {
            table.truncate(before);
            break;
        }
        rows += 1;
    }
    Ok((table, rows))
}

/// Locks all rows in their order, inside the open transaction. Each must be at the loaded version.
pub(crate) async fn hold<W, M, C>(
    models: &[M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<(), BatchError>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    for chunk in plan.order.chunks(CHUNK) {
        let given = plan.given(WriteKind::Delete, models, chunk);
        let (table, rows) = table_of::<M, C::Backend>(&given)?;
        let (columns, text) = table.finish().ok_or(BatchError::Row)?;
        let hold = HoldTable(WriteTable::<W, M, C::Backend>::new(&given, &columns, &text));
        if rows != chunk.len() || M::Sql::numbers(conn, hold).await?.len() != rows {
            return Err(BatchError::Row);
        }
    }
    Ok(())
}

/// Writes the rows inside the open transaction.
pub(crate) async fn write<W, M, C>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<(), BatchError>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    let mut rest = plan.order.as_slice();
    while let Some(&first) = rest.first() {
        let given = plan.given(W::BY, models, rest.get(..CHUNK).unwrap_or(rest));
        let (table, rows) = table_of::<M, C::Backend>(&given)?;
        if rows == 0 {
            if let (Some(model), Some(next)) = (models.get_mut(first), plan.next.get(first)) {
                W::row(model, next, plan.columns, conn).await?;
            }
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let (columns, text) = table.finish().ok_or(BatchError::Row)?;
        let write = WriteTable::<W, M, C::Backend>::new(&given, &columns, &text);
        let written = match given.columns {
            None => conn.execute(write).await?,
            Some(columns) => conn.execute(Partial(write, columns)).await?,
        };
        if written != rows {
            return Err(BatchError::Row);
        }
        rest = rest.get(rows..).unwrap_or_default();
    }
    if W::BY == WriteKind::Insert {
        let inserted = plan.order.iter().filter_map(|&row| models.get(row));
        for model in inserted.filter(|model| has_zero(*model)) {
            has_its_key(model, conn).await?;
        }
    }
    Ok(())
}
