//! `resend`: the present state of records, sent once more through the outbox.

use crate::error::{Error, Result};
use crate::event::Event;
use crate::executor::Executor;
use crate::model::OwnerModel;
use crate::operation::outbox::event::{announce, event_of_state};
use crate::operation::owner::find::find;
use crate::operation::owner::snapshot::snapshot;
use crate::operation::owner::tombstone::deleted_version;
use crate::operation::transaction::finish;
use crate::owner::Owner;
use crate::statement::{NewEvent, Record};
use crate::version::SequentialVersion;

/// Stops the compiler if the owner has no outbox.
const fn sends<M: OwnerModel>() {
    assert!(
        M::OUTBOX,
        "add `outbox` to `#[versioned(owner)]`: without an outbox, nothing can be sent"
    );
}

/// Inserts a snapshot of one record into the outbox. It needs no transaction: if the record is
/// written in between, its event is newer, and the snapshot is superseded.
pub(crate) async fn resend<M, C>(id: &M::Id, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    const { sends::<M>() };
    let record: Record<'_, M> = Record::At(id);
    let event = match find::<M, C>(id, conn).await {
        Ok(row) => event_of_state(M::key_text(&row.id()), M::number(row.loaded()), Some(&row))?,
        Err(missing @ Error::NotFound { .. }) if M::TOMBSTONES => {
            match deleted_version(record, conn).await? {
                Some(version) => event_of_state::<M>(record.key_text(), version, None)?,
                None => return Err(missing),
            }
        }
        Err(error) => return Err(error),
    };
    Ok(announce::<M, C>(&event, conn).await?)
}

/// Inserts a page of snapshots into the outbox, all or none.
pub(crate) async fn resend_page<M, C>(
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
    let page = snapshot(after, limit, conn).await?;
    let events = page.iter().map(|event| {
        let row = event.data.as_ref();
        event_of_state(event.key.clone(), event.version, row)
    });
    let events = events.collect::<Result<Vec<_>>>()?;
    if events.is_empty() {
        return Ok(page);
    }
    conn.begin().await?;
    let done = announce_all::<M, C>(&events, conn).await;
    finish(done, conn).await?;
    Ok(page)
}

async fn announce_all<M, C>(events: &[NewEvent], conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    for event in events {
        announce::<M, C>(event, conn).await?;
    }
    Ok(())
}
