//! A batch in one statement for many rows, on MySQL and MariaDB.

use diesel::backend::Backend;

use super::Miss;
use super::plan::Plan;
use super::work::Work;
use crate::dialect::Flavor;
use crate::error::Result;
use crate::executor::Executor;
use crate::fetch::Stored;
use crate::model::{By, JsonColumn, JsonTable};
use crate::operation::announce::Unit;
use crate::operation::insert::{has_its_key, has_zero};
use crate::owner::Owner;
use crate::statement::{Binds, Given, WriteTable};

/// From so many rows on it is faster than a statement for each.
const MANY: usize = 4;

/// How many rows one statement writes.
const CHUNK: usize = 2_000;

/// From so many bytes on a text gets no more rows, and a row that has more goes by itself, without JSON, in which it may be
/// several times as long. MySQL takes 64 MiB at once by default, MariaDB 16.
const FULL: usize = 1 << 20;

/// Whether there are enough rows, of types that keep their values in JSON, with keys and versions that are compared as what
/// they are.
pub(super) fn fit<W, M, DB>(models: &[M], plan: &Plan<M::Version>) -> Result<bool>
where
    DB: Backend,
    M: Stored<DB>,
    W: Work,
{
    if models.len() < MANY {
        return Ok(false);
    }
    let first = plan.order.get(..1).unwrap_or_default();
    if columns::<M, DB>(&plan.given(W::BY, models, first))?.is_none() {
        return Ok(false);
    }
    if W::BY == By::Insert {
        return Ok(true);
    }
    let guard = columns::<M, DB>(&plan.given(By::Delete, models, first))?;
    Ok(guard.is_some_and(|guard| guard.iter().all(|column| column.is_exact())))
}

fn columns<M, DB>(given: &Given<'_, M>) -> Result<Option<Vec<JsonColumn>>>
where
    DB: Backend,
    M: Stored<DB>,
{
    let mut table = JsonTable::default();
    let done = M::On::push_row(&Binds::new(given, 0), &mut table)?;
    Ok(done.then_some(table.columns))
}

/// Writes the rows.
pub(super) async fn write<W, M, X>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<(), Miss>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    let mut rest = plan.order.as_slice();
    while let Some(&first) = rest.first() {
        let given = plan.given(W::BY, models, rest.get(..CHUNK).unwrap_or(rest));
        let mut table = JsonTable::default();
        let mut rows = 0;
        while rows < given.models.len() && table.len() < FULL {
            let before = table.len();
            if !M::On::push_row(&Binds::new(&given, rows), &mut table)? {
                return Err(Miss::Row);
            }
            if table.len() - before > FULL {
                table.truncate(before);
                break;
            }
            rows += 1;
        }
        if rows == 0 {
            if let (Some(model), Some(next)) = (models.get_mut(first), plan.next.get(first)) {
                W::row(model, next, Unit::Part, x).await?;
            }
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let (columns, text) = table.finish().ok_or(Miss::Row)?;
        let write = WriteTable::<W, M, X::Backend>::new(&given, &columns, &text);
        if x.execute(write).await? != rows {
            return Err(Miss::Row);
        }
        rest = rest.get(rows..).unwrap_or_default();
    }
    if W::BY == By::Insert {
        for model in models.iter().filter(|model| has_zero(*model)) {
            has_its_key(model, x).await?;
        }
    }
    Ok(())
}
