//! The events that were written after another one.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::dialect::SqlFor as _;
use crate::error::Result;
use crate::event::{self, Event, EventError};
use crate::executor::Executor;
use crate::operation::outbox::relay::Sql;
use crate::outbox::SupportedBackend;
use crate::statement::{EventsAfter, LastEvent};

/// Returns the id of the last event in the outbox, or 0.
pub(crate) async fn last_event<C>(conn: &mut C) -> Result<i64>
where
    C: Executor<Backend: SupportedBackend>,
{
    Ok(Sql::<C>::number(conn, LastEvent).await?.unwrap_or(0))
}

/// Loads the events that were written after the one with this id.
pub(crate) async fn events_after<T, C>(id: i64, conn: &mut C) -> Result<Vec<Event<T>>>
where
    T: DeserializeOwned,
    C: Executor<Backend: SupportedBackend>,
{
    let flavor = PhantomData;
    let found = Sql::<C>::waiting(conn, EventsAfter::<Sql<C>> { id, flavor }).await?;
    let payloads = found.into_iter().map(|(.., payload, _, _)| payload);
    let read = |json: String| event::read(json.as_bytes());
    let events: Result<Vec<_>, String> = payloads.map(read).collect();
    Ok(events.map_err(|reason| EventError::Unreadable { reason })?)
}
