//! A batch in statements for a fixed number of rows, on SQLite.

use super::Miss;
use super::plan::Plan;
use super::work::Work;
use crate::executor::Executor;
use crate::model::By;
use crate::operation::announce::Unit;
use crate::owner::Owner;
use crate::statement::{ROWS, WriteValues};

/// Whether there are enough rows. A DELETE has no such form that uses the key's index.
pub(super) fn fit<W: Work>(rows: usize) -> bool {
    rows >= ROWS && W::BY != By::Delete
}

/// Writes the rows, and those that are left over one by one.
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
    for chunk in plan.order.chunks(ROWS) {
        if chunk.len() == ROWS {
            let given = plan.given(W::BY, models, chunk);
            let write = WriteValues::<W, M, X::Backend>::new(&given);
            if x.execute(write).await? != ROWS {
                return Err(Miss::Row);
            }
            continue;
        }
        for &row in chunk {
            if let (Some(model), Some(next)) = (models.get_mut(row), plan.next.get(row)) {
                W::row(model, next, Unit::Part, x).await?;
            }
        }
    }
    Ok(())
}
