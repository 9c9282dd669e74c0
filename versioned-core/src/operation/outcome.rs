//! What the count of a guarded statement means.

use crate::error::{Conflict, Error, Result, Target, is_serialization_failure};
use crate::executor::Runner;
use crate::model::Versioned;
use crate::owner::Owner;
use crate::statement::{Current, FindVersion, Guard, Record};
use crate::version::Version;

/// The version after the guard's, found before any SQL.
pub(super) fn next_version<M: Versioned>(guard: Guard<'_, M>) -> Result<M::Version> {
    M::next_version(guard.loaded).ok_or_else(|| Error::VersionExhausted {
        table: M::TABLE,
        id: guard.record.key_text(),
        version: guard.loaded.token(),
    })
}

/// The record with the key `id` would become another one.
pub(super) fn key_changed<M: Versioned>(id: String) -> Error {
    Error::KeyChanged {
        table: M::TABLE,
        id,
    }
}

/// The answer of a guarded statement: it found the row, or there is a conflict, or the database says something else.
pub(super) async fn guarded<M, X>(
    guard: Guard<'_, M>,
    answer: diesel::QueryResult<usize>,
    x: &mut X,
) -> Result<()>
where
    X: Runner,
    M: Owner<X::Backend>,
{
    match answer {
        Ok(0) => Err(refused(guard, x).await),
        Ok(_) => Ok(()),
        Err(error) => Err(failed(guard.record, Some(guard.loaded), error)),
    }
}

/// The guard found no row. Why, is asked only now: a look at the row that is there, if any.
pub(super) async fn refused<M, X>(guard: Guard<'_, M>, x: &mut X) -> Error
where
    X: Runner,
    M: Owner<X::Backend>,
{
    let look = FindVersion::<Current, M, X::Backend>::new(guard.record);
    match M::row_version(x, look).await {
        Ok(found) => stale_or_deleted(guard, found.as_ref()),
        Err(error) => failed(guard.record, Some(guard.loaded), error),
    }
}

/// The conflict of a row that is at `found`, or gone.
pub(super) fn stale_or_deleted<M: Versioned>(
    guard: Guard<'_, M>,
    found: Option<&M::Version>,
) -> Error {
    let found = found.map(Version::token);
    Conflict::refused(target(guard.record, Some(guard.loaded)), found).into()
}

/// What the database said of a statement about `record`.
pub(super) fn failed<M: Versioned>(
    record: Record<'_, M>,
    expected: Option<&M::Version>,
    error: diesel::result::Error,
) -> Error {
    if is_serialization_failure(&error) {
        Conflict::serialization(Some(target(record, expected)), error).into()
    } else {
        Error::Database(error)
    }
}

fn target<M: Versioned>(record: Record<'_, M>, expected: Option<&M::Version>) -> Target {
    Target {
        table: M::TABLE,
        id: record.key_text(),
        expected: expected.map(Version::token),
    }
}
