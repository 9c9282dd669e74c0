//! `verify`: checks the version of a row.

use crate::error::Result;
use crate::operation::row_count::{failed, stale_or_deleted};
use crate::owner::Owner;
use crate::runner::Runner;
use crate::statement::{FindVersion, Held, VersionGuard};

/// Checks that the row is still at the loaded version, and holds it there if the backend has row
/// locks.
pub(crate) async fn verify<M, C>(model: &M, conn: &mut C) -> Result<()>
where
    C: Runner,
    M: Owner<C::Backend>,
{
    let guard = VersionGuard::of(model);
    let look = FindVersion::<Held, M, C::Backend>::new(guard.record);
    match M::row_version(conn, look).await {
        Ok(Some(found)) if found == *guard.loaded => Ok(()),
        Ok(found) => Err(stale_or_deleted(guard, found.as_ref())),
        Err(error) => Err(failed(guard.record, Some(guard.loaded), error)),
    }
}
