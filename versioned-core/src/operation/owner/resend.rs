//! `resend`: the present state of records, sent once more through the outbox.
//!
//! The ids of a record's events in the outbox rise with their versions, because each writer holds a
//! lock on its row until it commits. The row is therefore read with a lock here too. Otherwise a
//! write could put its event before an older snapshot, and what keeps only the last message of a
//! record would keep the older one.

use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::executor::Executor;
use crate::model::{OwnerModel, ShowScope, deletions_have_a_scope};
use crate::operation::outbox::event::{announce, event_of_state, short_enough};
use crate::operation::owner::snapshot::{After, page};
use crate::operation::owner::tombstone::hold_deleted;
use crate::operation::row_count::failed;
use crate::operation::transaction::{Level, begin_at, finish};
use crate::owner::Owner;
use crate::statement::{Find, Held, Record, TouchOutbox};
use crate::version::SequentialVersion;

/// Stops the compiler if the owner has no outbox.
pub(super) const fn sends<M: OwnerModel>() {
    assert!(
        M::OUTBOX,
        "add `outbox` to `#[versioned(owner)]`: without an outbox, nothing can be sent"
    );
}

/// Inserts a snapshot of one record into the outbox.
pub(crate) async fn resend<M, C>(id: &M::Id, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    const { sends::<M>() };
    begin_at::<M::Sql, C>(Level::ReadCommitted, conn).await?;
    let done = resend_one::<M, C>(Record::At(id), conn).await;
    finish(done, conn).await.map(drop)
}

/// Inserts a snapshot of one record into the outbox, in the open transaction. Returns whether the
/// record is deleted.
pub(super) async fn resend_one<M, C>(record: Record<'_, M>, conn: &mut C) -> Result<bool>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    begin_to_write::<M, C>(conn).await?;
    let mut row = held(record, conn).await?;
    let mut deleted = None;
    if row.is_none() && M::TOMBSTONES && deletions_have_a_scope::<M>() {
        let key = record.key_text();
        short_enough::<M>(&key)?;
        deleted = hold_deleted::<M, C>(&key, conn).await?;
        // Another transaction may have created it before the position was locked.
        row = held(record, conn).await?;
    }
    let event = match (&row, deleted) {
        (Some(row), _) => {
            event_of_state(M::key_text(&row.id()), M::number(row.loaded()), Some(row))?
        }
        (None, Some(version)) => event_of_state::<M>(record.key_text(), version, None)?,
        (None, None) => {
            return Err(Error::NotFound {
                table: M::table_name(),
                id: record.key_text(),
            });
        }
    };
    announce::<M, C>(&event, conn).await?;
    Ok(row.is_none())
}

async fn held<M, C>(record: Record<'_, M>, conn: &mut C) -> Result<Option<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let row = M::row(conn, Find::<Held, M, C::Backend>::new(record)).await;
    row.map_err(|error| failed(record, None, error))
}

/// Inserts a page of snapshots into the outbox, all or none.
pub(crate) async fn resend_page<M, C>(
    scope: Option<&dyn ShowScope<C::Backend>>,
    after: Option<&Event<M>>,
    limit: usize,
    conn: &mut C,
) -> Result<Vec<Event<M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
    M::Version: SequentialVersion,
{
    const { sends::<M>() };
    begin_at::<M::Sql, C>(Level::ReadCommitted, conn).await?;
    let done = announce_page(scope, After::of(after), limit, conn).await;
    finish(done, conn).await
}

/// Inserts a page of snapshots into the outbox, in the open transaction.
pub(super) async fn announce_page<M, C>(
    scope: Option<&dyn ShowScope<C::Backend>>,
    after: After<'_, M>,
    limit: usize,
    conn: &mut C,
) -> Result<Vec<Event<M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
    M::Version: SequentialVersion,
{
    begin_to_write::<M, C>(conn).await?;
    let page = page::<Held, M, C>(scope, after, limit, conn).await?;
    for event in &page {
        let row = event.data.as_ref();
        // A record that was created again since then has a newer event.
        if row.is_none() && hold_deleted::<M, C>(&event.key, conn).await? != Some(event.version) {
            continue;
        }
        let event = event_of_state(event.key.clone(), event.version, row)?;
        announce::<M, C>(&event, conn).await?;
    }
    Ok(page)
}

/// Begins to write, on `SQLite`. A transaction that reads first fails if another connection writes
/// in between.
async fn begin_to_write<M, C>(conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    if conn.dialect::<M::Sql>().await? == Dialect::Sqlite {
        conn.execute(TouchOutbox).await?;
    }
    Ok(())
}
