//! What the count of a guarded statement means.

use crate::dialect::{Dialect, SqlFor};
use crate::error::{Conflict, ConflictKind, Error, Result, Target, is_serialization_failure};
use crate::model::Versioned;
use crate::model::name_of_table;
use crate::owner::Owner;
use crate::runner::Runner;
use crate::statement::{Current, FindVersion, Record, Unmoved, VersionGuard, Views};
use crate::version::Version;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// Whether the database has ended the transaction, which must be run again as a whole.
pub(crate) fn ends_the_transaction(error: &Error) -> bool {
    error
        .conflict()
        .is_some_and(|conflict| conflict.kind() == ConflictKind::Serialization)
}

/// The version after the guard's, found before any SQL.
pub(crate) fn next_version<M: Versioned>(guard: VersionGuard<'_, M>) -> Result<M::Version> {
    M::next_version(guard.loaded).ok_or_else(|| Error::VersionExhausted {
        table: M::table_name(),
        id: guard.record.key_text(),
        version: guard.loaded.token(),
    })
}

/// The record with the key `id` would become another one.
pub(crate) fn key_changed<M: Versioned>(id: String) -> Error {
    Error::KeyChanged {
        table: M::table_name(),
        id,
    }
}

/// The caller assigns to the version.
pub(crate) fn version_assigned<M: Versioned>() -> Error {
    Error::VersionAssigned {
        table: M::table_name(),
    }
}

/// The answer of a guarded statement: it found the row, or there is a conflict, or the database says something else.
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

/// Several rows have the key.
pub(crate) fn not_unique<M: Versioned>(record: Record<'_, M>, rows: usize) -> Error {
    Error::NotUnique {
        table: M::table_name(),
        id: record.key_text(),
        rows,
    }
}

/// The guard found no row. Why, is asked only now: a look at the row that is there, if any.
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

/// The conflict of a row that a look found at `found`, or not at all.
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
    // Where it may have been written after all, a view is looked for.
    if found.is_none() || found.as_ref() == Some(guard.loaded) || found == next {
        if let Some(view) = uncounted(guard.record, conn).await {
            return view;
        }
    }
    if found.as_ref() != Some(guard.loaded) {
        return stale_or_deleted(guard, found.as_ref());
    }
    // `SQLite` cuts a number that does not fit the field: the database itself must find the row at this version.
    match M::row_version(conn, FindVersion::<Unmoved, M, C::Backend>::at(guard)).await {
        Ok(Some(_)) => suppressed(guard).into(),
        Ok(None) => stale_or_deleted(guard, found.as_ref()),
        Err(error) => failed(guard.record, Some(guard.loaded), error),
    }
}

fn suppressed<M: Versioned>(guard: VersionGuard<'_, M>) -> Conflict {
    let target = target(guard.record, Some(guard.loaded));
    let found = target.expected;
    Conflict::suppressed(target, found)
}

/// An INSERT wrote no row, and the database said nothing.
pub(crate) async fn not_inserted<M, C>(record: Record<'_, M>, conn: &mut C) -> Error
where
    C: Runner,
    M: Owner<C::Backend>,
{
    match uncounted(record, conn).await {
        Some(view) => view,
        None => Conflict::suppressed(target(record, None), None).into(),
    }
}

/// Of a view `SQLite` counts no rows: none that was counted says nothing then.
async fn uncounted<M, C>(record: Record<'_, M>, conn: &mut C) -> Option<Error>
where
    C: Runner,
    M: Owner<C::Backend>,
{
    if <M::Sql as SqlFor<C::Backend>>::KNOWN != Some(Dialect::Sqlite) {
        return None;
    }
    let views = M::Sql::number(conn, Views::<M::Sql>::named(name_of_table::<M>())).await;
    let is_view = matches!(views, Ok(Some(1..)));
    is_view.then(|| Error::View {
        table: M::table_name(),
        id: record.key_text(),
    })
}

/// The conflict of a row that is at `found`, or gone.
pub(crate) fn stale_or_deleted<M: Versioned>(
    guard: VersionGuard<'_, M>,
    found: Option<&M::Version>,
) -> Error {
    let found = found.map(Version::token);
    Conflict::refused(target(guard.record, Some(guard.loaded)), found).into()
}

/// What the database said of a statement about `record`.
pub(crate) fn failed<M: Versioned>(
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

/// Whether a unique key has the value already.
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
