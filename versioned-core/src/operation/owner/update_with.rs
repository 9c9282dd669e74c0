//! `update_with`: loads, changes and saves a record, with retries.

use crate::error::{ConflictKind, Error, Result};
use crate::executor::Executor;
use crate::model::Versioned;
use crate::operation::closure::Modify;
use crate::operation::owner::find::{find, find_current};
use crate::operation::owner::save::save;
use crate::operation::row_count::{key_changed, version_assigned};
use crate::owner::Owner;
use crate::retry::Retry;
use crate::statement::Record;

/// Loads, changes and saves a record, and repeats this after each conflict. The change always sees
/// the row to which it applies.
pub(crate) async fn update_with<M, C, F>(
    id: &M::Id,
    conn: &mut C,
    retry: Retry,
    mut change: F,
) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    F: Modify<M>,
{
    let mut attempts = retry.attempts();
    let mut loaded = find::<M, C>(id, conn).await;
    loop {
        let lost = match loaded {
            Ok(mut model) => {
                let (key, version) = (name(&model), model.loaded().clone());
                change.modify(&mut model).await?;
                if name(&model) != key {
                    return Err(key_changed::<M>(key.0));
                }
                if *model.loaded() != version {
                    return Err(version_assigned::<M>());
                }
                match save(&mut model, conn).await.map(|_| ()) {
                    Ok(()) => return Ok(model),
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        if !may_retry(&lost, conn) {
            return Err(lost);
        }
        match attempts.next() {
            Some(pause) => conn.sleep(pause).await,
            None => return Err(lost),
        }
        loaded = find_current(Record::At(id), conn).await;
    }
}

/// The texts of the key and of the scope.
fn name<M: Versioned>(model: &M) -> (String, Option<String>) {
    let id = model.id();
    (M::key_text(&id), M::scope_text(&id))
}

/// Returns whether the operation may retry. A stale row can be read again. After a serialization
/// failure, an open transaction cannot continue: the caller who opened it must run it again as a
/// whole.
fn may_retry<C: Executor>(error: &Error, conn: &mut C) -> bool {
    match error.conflict().map(crate::error::Conflict::kind) {
        Some(ConflictKind::Stale) => true,
        Some(ConflictKind::Serialization) => !conn.in_transaction(),
        Some(ConflictKind::Deleted | ConflictKind::Suppressed | ConflictKind::Filtered) | None => {
            false
        }
    }
}
