//! A batch in statements for a fixed number of rows, on SQLite.

use super::BatchError;
use super::plan::Plan;
use super::work::BatchOp;
use crate::executor::Executor;
use crate::model::WriteKind;
use crate::operation::announce::Atomicity;
use crate::owner::Owner;
use crate::statement::{ROWS, WriteValues};

/// Whether there are enough rows. A DELETE has no such form that uses the key's index.
pub(super) fn fit<W: BatchOp>(rows: usize) -> bool {
    rows >= ROWS && W::BY != WriteKind::Delete
}

/// Writes the rows, and those that are left over one by one.
pub(super) async fn write<W, M, C>(
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
            if conn.execute(write).await? != ROWS {
                return Err(BatchError::Row);
            }
            continue;
        }
        for &row in chunk {
            if let (Some(model), Some(next)) = (models.get_mut(row), plan.next.get(row)) {
                W::row(model, next, Atomicity::Nested, conn).await?;
            }
        }
    }
    Ok(())
}
