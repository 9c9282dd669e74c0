//! Batches in statements for a fixed number of rows, on SQLite.

use crate::executor::Executor;
use crate::model::WriteKind;
use crate::operation::batch::BatchError;
use crate::operation::batch::plan::Plan;
use crate::operation::batch::work::BatchOp;
use crate::owner::Owner;
use crate::statement::{Partial, ROWS, WriteValues};

/// Returns whether there are enough rows. A DELETE has no such form that uses the key's index.
pub(crate) fn fit<W: BatchOp>(rows: usize) -> bool {
    rows >= ROWS && W::BY != WriteKind::Delete
}

/// Writes the rows. The remainder is written row by row.
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
    for chunk in plan.order.chunks(ROWS) {
        if chunk.len() == ROWS {
            let given = plan.given(W::BY, models, chunk);
            let write = WriteValues::<W, M, C::Backend>::new(&given);
            let written = match given.columns {
                None => conn.execute(write).await?,
                Some(columns) => conn.execute(Partial(write, columns)).await?,
            };
            if written != ROWS {
                return Err(BatchError::Row);
            }
            continue;
        }
        for &row in chunk {
            if let (Some(model), Some(next)) = (models.get_mut(row), plan.next.get(row)) {
                W::row(model, next, plan.columns, conn).await?;
            }
        }
    }
    Ok(())
}
