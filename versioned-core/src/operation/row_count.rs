//! The meaning of a guarded statement's row count.

use crate::dialect::{Dialect, SqlFor};
use crate::error::{Conflict, ConflictKind, Error, Result, Target, is_serialization_failure};
use crate::model::name_of_table;
use crate::model::{KeyColumns as _, Versioned};
use crate::owner::Owner;
use crate::runner::Runner;
use crate::statement::{AttachedViews, Current, FindVersion, Record, Unmoved, VersionGuard, Views};
use crate::version::Version;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// Returns whether the database has ended the transaction, which must be run again as a whole.
pub(crate) fn ends_the_transaction(error: &Error) -> bool {
    error
        .conflict()
        .is_some_and(|conflict| conflict.kind() == ConflictKind::Serialization)
}

/// Computes the version after the guard's, before any SQL.
pub(crate) fn next_version<M: Versioned>(guard: VersionGuard<'_, M>) -> Result<M::Version> {
    M::next_version(guard.loaded).ok_or_else(|| Error::VersionExhausted {
        table: M::table_name(),
        id: guard.record.key_text(),
        version: guard.loaded.token(),
    })
}

/// The error for a write that would turn the record with the key `id` into another one.
pub(crate) fn key_changed<M: Versioned>(id: String) -> Error {
    Error::KeyChanged {
        table: M::table_name(),
        id,
    }
}

/// The error for a caller's assignment to the version.
pub(crate) fn version_assigned<M: Versioned>() -> Error {
    Error::VersionAssigned {
        table: M::table_name(),
    }
}

/// Interprets the result of a guarded statement: success, a conflict, or a database error.
pub(crate) async fn guarded<M, C>(
    guard: VersionGuard<'_, M>,
    answer: diesel::QueryResult<usize>,
    conn: &mut C,
) -> Result<()>
where
    C: Runner,
    M: Owner<C::Backend>,
{
    match answer {
        Ok(1) => Ok(()),
        Ok(0) => Err(refused(guard, conn).await),
        Ok(rows) => Err(not_unique(guard.record, rows)),
        Err(error) => Err(failed(guard.record, Some(guard.loaded), error)),
    }
}

/// The error for a key that several rows have.
pub(crate) fn not_unique<M: Versioned>(record: Record<'_, M>, rows: usize) -> Error {
    Error::NotUnique {
        table: M::table_name(),
        id: record.key_text(),
        rows,
    }
}

/// Returns why the guard found no row. The row is queried only in this case.
pub(crate) async fn refused<M, C>(guard: VersionGuard<'_, M>, conn: &mut C) -> Error
where
    C: Runner,
    M: Owner<C::Backend>,
{
    let look = FindVersion::<Current, M, C::Backend>::new(guard.record);
    match M::row_version(conn, look).await {
        Ok(found) => of_row_at(guard, found, conn).await,
        Err(error) => failed(guard.record, Some(guard.loaded), error),
    }
}

/// Returns the conflict for a row that was found at `found`, or was not found.
async fn of_row_at<M, C>(
    guard: VersionGuard<'_, M>,
    found: Option<M::Version>,
    conn: &mut C,
) -> Error
where
    C: Runner,
    M: Owner<C::Backend>,
{
    let next = M::next_version(guard.loaded);
    // In these cases, the row may have been written through a view.
    if found.is_none() || found.as_ref() == Some(guard.loaded) || found == next {
        if let Some(view) = uncounted(guard.record, conn).await {
            return view;
        }
    }
    if found.as_ref() != Some(guard.loaded) {
        return stale_or_deleted(guard, found.as_ref());
    }
    // `SQLite` truncates a number that does not fit the field, so the database itself must find the
    // row at this version.
    match M::row_version(conn, FindVersion::<Unmoved, M, C::Backend>::at(guard)).await {
        Ok(Some(_)) => suppressed(guard).into(),
        Ok(None) => stale_or_deleted(guard, found.as_ref()),
        Err(error) => failed(guard.record, Some(guard.loaded), error),
    }
}

fn suppressed<M: Versioned>(guard: VersionGuard<'_, M>) -> Conflict {
    let target = target(guard.record, Some(guard.loaded));
    let found = target.expected;
    Conflict::unwritten(target, found)
}

/// Returns the error for an INSERT that wrote no row without a database error.
pub(crate) async fn not_inserted<M, C>(record: Record<'_, M>, conn: &mut C) -> Error
where
    C: Runner,
    M: Owner<C::Backend>,
{
    match uncounted(record, conn).await {
        Some(view) => view,
        None => Conflict::unwritten(target(record, None), None).into(),
    }
}

/// Returns an error if the table is a view. `SQLite` counts no rows of a view, so that a count of
/// zero means nothing.
async fn uncounted<M, C>(record: Record<'_, M>, conn: &mut C) -> Option<Error>
where
    C: Runner,
    M: Owner<C::Backend>,
{
    if <M::Sql as SqlFor<C::Backend>>::KNOWN != Some(Dialect::Sqlite) {
        return None;
    }
    let mut found = M::Sql::number(conn, Views::<M>::new()).await;
    let is_attached = matches!(found, Ok(Some(Views::<M>::UNKNOWN)));
    if is_attached && name_of_table::<M>().schema.is_none() {
        found = M::Sql::number(conn, AttachedViews::<M>::new()).await;
    }
    let is_view = matches!(found, Ok(Some(1..)));
    is_view.then(|| Error::View {
        table: M::table_name(),
        id: record.key_text(),
    })
}

/// Returns the conflict for a row that is at `found`, or is deleted. With a scope, a row that is not
/// found may be one of another scope, so the error does not claim that there was one.
pub(crate) fn stale_or_deleted<M: Versioned>(
    guard: VersionGuard<'_, M>,
    found: Option<&M::Version>,
) -> Error {
    if found.is_none() && M::KeyColumns::SCOPE.is_some() {
        return Error::NotFound {
            table: M::table_name(),
            id: guard.record.key_text(),
        };
    }
    let found = found.map(Version::token);
    Conflict::refused(target(guard.record, Some(guard.loaded)), found).into()
}

/// Converts a database error of a statement about `record`.
pub(crate) fn failed<M: Versioned>(
    record: Record<'_, M>,
    expected: Option<&M::Version>,
    error: diesel::result::Error,
) -> Error {
    if is_serialization_failure(&error) {
        Conflict::rejected(Some(target(record, expected)), error).into()
    } else {
        Error::Database(error)
    }
}

/// Returns whether a unique key has the value already.
pub(crate) fn is_unique_violation(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
    )
}

fn target<M: Versioned>(record: Record<'_, M>, expected: Option<&M::Version>) -> Target {
    Target {
        table: M::table_name(),
        id: record.key_text(),
        expected: expected.map(Version::token),
    }
}
