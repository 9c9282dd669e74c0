//! `upsert`: saves the record, or inserts it if it has no row.
//!
//! No statement here may write a row at another version than the loaded one: an UPDATE has the
//! guard, and an INSERT needs a free key. The version in memory only decides which of them comes
//! first. Unlike `INSERT .. ON CONFLICT DO UPDATE`, a save runs no trigger of an INSERT, and MySQL
//! and MariaDB have the same statements.

use crate::change::Change;
use crate::dialect::Dialect;
use crate::error::{Conflict, ConflictKind, Error, Result};
use crate::event::Op;
use crate::executor::Executor;
use crate::model::KeyColumns as _;
use crate::operation::owner::insert::{insert_row, insert_whole};
use crate::operation::owner::save::save_row;
use crate::operation::owner::write::Atomicity;
use crate::operation::owner::written::Written;
use crate::operation::row_count::{failed, is_unique_violation, next_version};
use crate::owner::Owner;
use crate::runner::Runner;
use crate::statement::{AnySpelling, Fails, Find, FindVersion, Held, Record, Skips, VersionGuard};

/// The number of insertions that may find the key taken, each by a row that is gone when it is
/// saved.
const INSERTS: usize = 16;

/// Saves the model if its row is at the loaded version, or inserts it if there is no row.
pub(crate) async fn upsert<'m, M, C>(model: &'m mut M, conn: &mut C) -> Result<Change<'m, M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let next = next_version(VersionGuard::of(&*model))?;
    let first = M::initial_version();
    let (op, written) = upsert_row(model, &next, &first, Atomicity::Own, conn).await?;
    written.show(model);
    Ok(Change::new(op, model))
}

/// Saves or inserts the row. Leaves the model in memory unchanged.
///
/// A model whose next version is the first one was not loaded, and is inserted first. Otherwise it
/// is saved first, so that either takes one statement.
pub(crate) async fn upsert_row<M, C>(
    model: &mut M,
    next: &M::Version,
    first: &M::Version,
    unit: Atomicity,
    conn: &mut C,
) -> Result<(Op, Written<M>)>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let mut inserts = 0;
    loop {
        if inserts > 0 || next != first {
            match save_row(model, next, unit, conn).await {
                Ok(written) => return Ok((Op::Updated, written)),
                Err(error) if inserts < INSERTS && is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let inserted = if inserts == 0 {
            try_to_insert(model, first, unit, conn).await?
        } else {
            insert_for_sure(model, first, conn).await?
        };
        if let Some(written) = inserted {
            return Ok((Op::Created, written));
        }
        inserts += 1;
    }
}

/// Returns whether a save found no row. With a scope, it does not say that there was one.
fn is_gone(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. })
        || error.conflict().map(Conflict::kind) == Some(ConflictKind::Deleted)
}

/// Inserts the row. Returns `None` if the key may be taken.
async fn try_to_insert<M, C>(
    model: &mut M,
    first: &M::Version,
    unit: Atomicity,
    conn: &mut C,
) -> Result<Option<Written<M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    // Not an error, so that a transaction of PostgreSQL goes on, and detects a row that its
    // snapshot does not show.
    let skips = conn.dialect::<M::Sql>().await? != Dialect::Mysql;
    if skips && !M::WHOLE_KEY {
        // There may be no index of the model's key.
        return insert_for_sure(model, first, conn).await;
    }
    let inserted = if skips {
        insert_whole::<Skips, M, C>(model, first, unit, conn).await
    } else {
        insert_whole::<Fails, M, C>(model, first, unit, conn).await
    };
    match inserted {
        Ok(written) => Ok(Some(written)),
        Err(Error::Conflict(conflict)) if skips && conflict.kind() == ConflictKind::Suppressed => {
            Ok(None)
        }
        Err(Error::Database(error)) if !skips && is_unique_violation(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Inserts the row, and if it is not inserted, finds out why. Returns `None` if the key was taken,
/// and the database's error if another row has another unique key of it or another spelling of its
/// key.
async fn insert_for_sure<M, C>(
    model: &mut M,
    first: &M::Version,
    conn: &mut C,
) -> Result<Option<Written<M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    conn.begin().await?;
    let taken = match insert_row::<Fails, M, C>(model, first, Atomicity::Nested, conn).await {
        Ok(written) => {
            conn.commit().await?;
            return Ok(Some(written));
        }
        Err(Error::Database(error)) if is_unique_violation(&error) => error,
        Err(error) => {
            drop(conn.rollback().await);
            return Err(error);
        }
    };
    let record = Record::Of(&*model);
    if conn.dialect::<M::Sql>().await? == Dialect::Mysql {
        // The rejected INSERT has locked the row that it found, until the transaction ends.
        let look = FindVersion::<Held, M, C::Backend>::new(record);
        let found = M::row_version(conn, look).await;
        drop(conn.rollback().await);
        return match found {
            Ok(Some(_)) => Ok(None),
            Ok(None) => Err(Error::Database(taken)),
            Err(error) => Err(failed(record, None, error)),
        };
    }
    if conn.rollback().await.is_err() || is_another(record, conn).await? {
        return Err(Error::Database(taken));
    }
    Ok(None)
}

/// Returns whether a row that violates a unique key is another record's, on PostgreSQL and
/// `SQLite`.
async fn is_another<M, C>(record: Record<'_, M>, conn: &mut C) -> Result<bool>
where
    C: Runner,
    M: Owner<C::Backend>,
{
    let look = Find::<AnySpelling, M, C::Backend>::new(record);
    let row = M::row(conn, look).await;
    Ok(match row.map_err(|error| failed(record, None, error))? {
        Some(row) => M::key_text(&row.id()) != record.key_text(),
        // The row is gone, or in another scope. Another unique key would have been an error when the
        // taken key was skipped.
        None => !M::WHOLE_KEY || M::may_change_key() || M::KeyColumns::SCOPE.is_some(),
    })
}
