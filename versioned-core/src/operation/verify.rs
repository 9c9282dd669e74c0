use super::outcome::{failed, stale_or_deleted};
use crate::error::Result;
use crate::executor::Runner;
use crate::owner::Owner;
use crate::statement::{FindVersion, Guard, Held};

/// Checks that the row is still at the version that was loaded, and holds it there where the backend can.
pub(crate) async fn verify<M, X>(model: &M, x: &mut X) -> Result<()>
where
    X: Runner,
    M: Owner<X::Backend>,
{
    let guard = Guard::of(model);
    let look = FindVersion::<Held, M, X::Backend>::new(guard.record);
    match M::row_version(x, look).await {
        Ok(Some(found)) if found == *guard.loaded => Ok(()),
        Ok(found) => Err(stale_or_deleted(guard, found.as_ref())),
        Err(error) => Err(failed(guard.record, Some(guard.loaded), error)),
    }
}
