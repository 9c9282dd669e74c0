//! Further conditions of the caller: why a guarded write did not find its row.

use crate::error::{ConflictKind, Error, Result};
use crate::executor::Executor;
use crate::operation::row_count::failed;
use crate::owner::Owner;
use crate::statement::{Conditions, Holding, VersionGuard};

/// Returns the outcome of a write, with the conflict of a row for which a condition does not hold.
/// The row is at the expected version, so the write looks as if it had been suppressed.
pub(crate) async fn or_filtered<T, M, C, P>(
    written: Result<T>,
    guard: VersionGuard<'_, M>,
    conditions: &P,
    conn: &mut C,
) -> Result<T>
where
    C: Executor,
    M: Owner<C::Backend>,
    P: Conditions<M, C::Backend>,
{
    match written {
        Err(Error::Conflict(conflict))
            if !P::NONE && conflict.kind() == ConflictKind::Suppressed =>
        {
            match M::row_version(conn, Holding::new(guard, conditions)).await {
                Ok(None) => Err(conflict.into_filtered().into()),
                Ok(Some(_)) => Err(conflict.into()),
                Err(error) => Err(failed(guard.record, Some(guard.loaded), error)),
            }
        }
        written => written,
    }
}
