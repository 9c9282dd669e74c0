//! The events of an owner with `#[versioned(outbox)]`.

use diesel::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::error::{Error, Result};
use crate::event::{Event, Op};
use crate::executor::Executor;
use crate::migrations::LONGEST_KEY;
use crate::model::{NotSent, OwnerModel};
use crate::outbox::Context;
use crate::owner::Owner;
use crate::statement::{InsertEvent, InsertEvents, NewEvent, NewEvents, Record};

/// Builds the event of a write to this model. Returns `None` without an outbox. The model has
/// `version` only while it is serialized.
pub(crate) fn event_of<M: OwnerModel>(
    op: Op,
    model: &mut M,
    version: &M::Version,
) -> Result<Option<NewEvent>> {
    if !M::OUTBOX {
        return Ok(None);
    }
    let loaded = Loaded {
        version: Some(model.version()),
        model,
    };
    loaded.model.set_version(version.clone());
    let key = M::key_text(&loaded.model.id());
    outgoing(op, key, M::number(version), Some(&*loaded.model)).map(Some)
}

/// Builds the event of a row, which is written or about to be written. Returns `None` without an
/// outbox.
pub(crate) fn event_of_row<M: OwnerModel>(op: Op, row: &M) -> Result<Option<NewEvent>> {
    if !M::OUTBOX {
        return Ok(None);
    }
    let key = M::key_text(&row.id());
    outgoing(op, key, M::number(row.loaded()), Some(row)).map(Some)
}

/// Builds the event of a deletion. Returns `None` without an outbox.
pub(crate) fn event_of_deletion<M: OwnerModel>(
    record: Record<'_, M>,
    version: &M::Version,
) -> Result<Option<NewEvent>> {
    if !M::OUTBOX {
        return Ok(None);
    }
    outgoing::<M>(Op::Deleted, record.key_text(), M::number(version), None).map(Some)
}

/// Builds the event that shows a record as it is, or as deleted at this version.
pub(crate) fn event_of_state<M: OwnerModel>(
    key: String,
    version: i64,
    row: Option<&M>,
) -> Result<NewEvent> {
    outgoing(Op::Snapshot, key, version, row)
}

fn outgoing<M: OwnerModel>(
    op: Op,
    key: String,
    version: i64,
    data: Option<&M>,
) -> Result<NewEvent> {
    short_enough::<M>(&key)?;
    let context = Context::current();
    let event = Event {
        trace: context.trace,
        metadata: context.metadata,
        ..Event::new(op, M::ENTITY, key, version, data)
    };
    Ok(NewEvent {
        payload: M::event_json(&event).map_err(|error| match error {
            NotSent::NotFinite(field) => Error::NotFinite {
                table: M::table_name(),
                id: event.key.clone(),
                field,
            },
            NotSent::Json(error) => Error::other(error),
        })?,
        entity: M::ENTITY,
        version: event.version,
        key: event.key,
        op: op.name(),
    })
}

/// Returns `Error::KeyTooLong` if the key does not fit into this crate's tables.
pub(crate) fn short_enough<M: OwnerModel>(key: &str) -> Result<()> {
    if key.len() <= LONGEST_KEY {
        return Ok(());
    }
    Err(Error::KeyTooLong {
        table: M::table_name(),
        bytes: key.len(),
    })
}

/// Inserts an event into the outbox, in the transaction of its write.
pub(crate) async fn announce<M, C>(event: &NewEvent, conn: &mut C) -> QueryResult<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    conn.execute(InsertEvent::<M::Sql>::new(event))
        .await
        .map(drop)
}

/// Inserts the event of a written row, in the transaction of its write. Does nothing without an
/// outbox.
pub(crate) async fn announce_row<M, C>(op: Op, row: &M, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    if let Some(event) = event_of_row(op, row)? {
        announce::<M, C>(&event, conn).await?;
    }
    Ok(())
}

/// Inserts the events of written rows, in the transaction of their writes: in one statement on
/// PostgreSQL. Does nothing without an outbox.
pub(crate) async fn announce_rows<M, C>(op: Op, rows: &[M], conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    if !M::OUTBOX || rows.is_empty() {
        return Ok(());
    }
    if <M::Sql as SqlFor<C::Backend>>::KNOWN != Some(Dialect::Postgres) {
        for row in rows {
            announce_row(op, row, conn).await?;
        }
        return Ok(());
    }
    let mut events = NewEvents::with_capacity(M::ENTITY, op.name(), rows.len());
    for row in rows {
        if let Some(event) = event_of_row(op, row)? {
            events.push(event);
        }
    }
    conn.execute(InsertEvents::<M::Sql>::new(&events)).await?;
    Ok(())
}

/// Restores the loaded version, even if the model's `Serialize` panics.
struct Loaded<'m, M: OwnerModel> {
    model: &'m mut M,
    version: Option<M::Version>,
}

impl<M: OwnerModel> Drop for Loaded<'_, M> {
    fn drop(&mut self) {
        if let Some(version) = self.version.take() {
            self.model.set_version(version);
        }
    }
}
