//! Operations on tracked models: they write the changed columns, and find the columns that both
//! sides changed.

use crate::change::Change;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::event::Op;
use crate::executor::Executor;
use crate::model::{Compared, Diff, Fields, Versioned, take};
use crate::operation::outbox::event::event_of;
use crate::operation::owner::delete::delete;
use crate::operation::owner::find::find_current;
use crate::operation::owner::returning::written_row;
use crate::operation::owner::save::save;
use crate::operation::owner::touch::touch;
use crate::operation::owner::verify::verify;
use crate::operation::owner::write::{Atomicity, write_with_event};
use crate::operation::owner::written::{Written, reads_row};
use crate::operation::row_count::{failed, guarded, key_changed, next_version, stale_or_deleted};
use crate::owner::Owner;
use crate::statement::{ChangedColumns, Current, FindVersion, Record, SaveChanges, VersionGuard};
use crate::tracked::{Keep, Tracked};

/// Writes the changed columns. If there are none, only checks the version.
pub(crate) async fn save_changes<'m, M, C>(
    tracked: &'m mut Tracked<M>,
    conn: &mut C,
) -> Result<Option<Change<'m, M>>>
where
    C: Executor,
    M: Owner<C::Backend> + Fields + Clone,
{
    let (model, base) = tracked.parts();
    let diff = diff(model, base)?;
    let written = if model.loaded() != base.loaded() {
        // Another operation moved the model's version, so the original does not show the row.
        save(model, conn).await?;
        true
    } else if !diff.read_only.is_empty() {
        return Err(read_only(model, diff));
    } else if !diff.changed.is_empty() {
        save_diff(model, &diff, conn).await?;
        true
    } else if !diff.excluded.is_empty() {
        let columns = ChangedColumns::of(&diff);
        save_excluded(model, columns, Atomicity::Own, conn).await?;
        false
    } else {
        verify(&*model, conn).await?;
        return Ok(None);
    };
    base.clone_from(model);
    Ok(written.then(|| Change::new(Op::Updated, model)))
}

/// The error for changes of fields that no UPDATE writes.
pub(crate) fn read_only<M: Versioned>(model: &M, diff: Diff) -> Error {
    Error::ReadOnly {
        table: M::table_name(),
        id: M::key_text(&model.id()),
        columns: diff.read_only,
    }
}

/// Returns whether a row that an UPDATE did not count exists. MySQL and MariaDB count an unchanged
/// row only on a connection with `CLIENT_FOUND_ROWS`, which `AsyncMysqlConnection::try_from` does
/// not request.
async fn is_left_as_it_was<M, C>(model: &M, conn: &mut C) -> Result<bool>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    if conn.dialect::<M::Sql>().await? != Dialect::Mysql {
        return Ok(false);
    }
    let record = Record::Of(model);
    let look = FindVersion::<Current, M, C::Backend>::new(record);
    match M::row_version(conn, look).await {
        Ok(found) => Ok(found.is_some()),
        Err(error) => Err(failed(record, Some(model.loaded()), error)),
    }
}

async fn save_diff<M, C>(model: &mut M, diff: &Diff, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let next = next_version(VersionGuard::of(&*model))?;
    // Excluded columns may have been written meanwhile, at the same version.
    if reads_row(&*model)? || (M::OUTBOX && !M::EXCLUDED.is_empty()) {
        let write = SaveChanges::new(model, ChangedColumns::of(diff), Some(&next));
        let row = written_row(VersionGuard::of(&*model), write, Atomicity::Own, conn).await?;
        *model = row;
    } else {
        let event = event_of(Op::Updated, model, &next)?;
        let write = SaveChanges::new(model, ChangedColumns::of(diff), Some(&next));
        let answer = write_with_event::<M, _, _>(write, event, Atomicity::Own, conn).await;
        guarded(VersionGuard::of(&*model), answer, conn).await?;
        model.set_version(next);
    }
    Ok(())
}

/// Writes some columns of a row in the open transaction, without an event. Leaves the model in
/// memory unchanged.
pub(crate) async fn save_columns<M, C>(
    model: &M,
    next: &M::Version,
    columns: ChangedColumns,
    conn: &mut C,
) -> Result<Written<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let write = SaveChanges::new(model, columns, Some(next));
    let answer = write_with_event::<M, _, _>(write, None, Atomicity::Nested, conn).await;
    guarded(VersionGuard::of(model), answer, conn).await?;
    Ok(Written::AsGiven(next.clone()))
}

/// Writes the columns with `#[versioned(excluded)]`, without a guard.
pub(crate) async fn save_excluded<M, C>(
    model: &M,
    columns: ChangedColumns,
    unit: Atomicity,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let write = SaveChanges::new(model, columns, None);
    let answer = write_with_event::<M, _, _>(write, None, unit, conn).await;
    if answer != Ok(0) || !is_left_as_it_was(model, conn).await? {
        guarded(VersionGuard::of(model), answer, conn).await?;
    }
    Ok(())
}

/// Applies the changes to the current row. `choose` decides the columns that both sides changed.
/// Without it, they are an error.
pub(crate) async fn rebase<M, C, F>(
    tracked: &mut Tracked<M>,
    conn: &mut C,
    mut choose: Option<F>,
) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend> + Fields + Clone,
    F: FnMut(&'static str, &M, &M) -> Keep + Send,
{
    let (model, base) = tracked.parts();
    diff(model, base)?;
    let mut row: M = match find_current(Record::Of(&*model), conn).await {
        Err(Error::NotFound { .. }) => {
            return Err(stale_or_deleted(VersionGuard::of(&*model), None));
        }
        found => found?,
    };
    let theirs = row.clone();
    let Compared { mut mine, both } = Compared::of(&mut row, base, model);
    match &mut choose {
        None if !both.is_empty() => {
            return Err(Error::BothChanged {
                table: M::table_name(),
                id: M::key_text(&model.id()),
                columns: both.into_iter().map(|(_, name)| name).collect(),
            });
        }
        None => {}
        Some(choose) => {
            for (place, name) in both {
                if choose(name, model, &theirs) == Keep::Mine {
                    mine.insert(place);
                }
            }
        }
    }
    take(mine, &mut row, model);
    *model = row;
    *base = theirs;
    Ok(())
}

/// Replaces the model, which must be unchanged, and its original with the current row.
pub(crate) async fn reload_tracked<M, C>(tracked: &mut Tracked<M>, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend> + Fields + Clone,
{
    let (model, base) = tracked.parts();
    diff(model, base)?;
    let columns = tracked.changed_columns();
    let model = &**tracked;
    if !columns.is_empty() {
        return Err(Error::Unsaved {
            table: M::table_name(),
            id: M::key_text(&model.id()),
            columns,
        });
    }
    let row: M = find_current(Record::Of(model), conn).await?;
    *tracked = Tracked::new(row);
    Ok(())
}

/// Moves the version of the row, the model and its original. Unsaved changes remain changes.
pub(crate) async fn touch_tracked<'m, M, C>(
    tracked: &'m mut Tracked<M>,
    conn: &mut C,
) -> Result<Change<'m, M>>
where
    C: Executor,
    M: Owner<C::Backend> + Fields,
{
    let (model, base) = tracked.parts();
    diff(model, base)?;
    let follows = model.loaded() == base.loaded();
    let change = touch(model, conn).await?;
    if follows {
        base.set_version(change.version());
        base.take_made(&change);
    }
    Ok(change)
}

/// Deletes the row if it is still at the loaded version.
pub(crate) async fn delete_tracked<'m, M, C>(
    tracked: &'m mut Tracked<M>,
    conn: &mut C,
) -> Result<Change<'m, M>>
where
    C: Executor,
    M: Owner<C::Backend> + Fields,
{
    let (model, base) = tracked.parts();
    diff(model, base)?;
    delete(model, conn).await
}

/// Checks that the row is still at the loaded version.
pub(crate) async fn verify_tracked<M, C>(tracked: &mut Tracked<M>, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend> + Fields,
{
    let (model, base) = tracked.parts();
    diff(model, base)?;
    verify(&*model, conn).await
}

/// Compares the model with its original. A model with a changed key would be another record.
pub(crate) fn diff<M: Versioned + Fields>(model: &mut M, base: &M) -> Result<Diff> {
    let diff = Diff::of(model, base);
    if diff.key_changed {
        return Err(key_changed::<M>(M::key_text(&base.id())));
    }
    Ok(diff)
}
