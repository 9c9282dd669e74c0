//! The statements that insert the events of an owner's writes.
//!
//! `versioned_outbox (id, entity, key, version, op, payload, at, attempts, due, error)` stores an
//! event from the transaction that wrote the record until a relay has published it.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::SqlFor;
use crate::statement::outbox::now::push_now;

/// A new event for the outbox.
#[derive(Debug)]
pub(crate) struct NewEvent {
    pub(crate) entity: &'static str,
    pub(crate) key: String,
    pub(crate) version: i64,
    pub(crate) op: &'static str,
    /// The exact bytes that are sent.
    pub(crate) payload: String,
}

/// The events of a batch, in the order of its rows. They all have the same kind.
#[derive(Debug)]
pub(crate) struct NewEvents {
    pub(crate) entity: &'static str,
    pub(crate) op: &'static str,
    pub(crate) keys: Vec<String>,
    pub(crate) versions: Vec<i64>,
    pub(crate) payloads: Vec<String>,
}

impl NewEvents {
    /// No events yet, and room for so many.
    pub(crate) fn with_capacity(entity: &'static str, op: &'static str, events: usize) -> Self {
        Self {
            entity,
            op,
            keys: Vec::with_capacity(events),
            versions: Vec::with_capacity(events),
            payloads: Vec::with_capacity(events),
        }
    }

    pub(crate) fn push(&mut self, event: NewEvent) {
        self.keys.push(event.key);
        self.versions.push(event.version);
        self.payloads.push(event.payload);
    }

    /// `unnest($1) AS event_key, ..`
    pub(crate) fn arrays<'b, F, DB>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        F: SqlFor<DB> + ?Sized,
        DB: Backend,
    {
        out.push_sql("unnest(");
        F::push_texts(out, &self.keys)?;
        out.push_sql(") AS event_key, unnest(");
        F::push_numbers(out, &self.versions)?;
        out.push_sql(") AS event_version, unnest(");
        F::push_texts(out, &self.payloads)?;
        out.push_sql(") AS event_payload");
        Ok(())
    }

    /// The values of an event, for a row of `given`.
    pub(crate) fn row<'b, F, DB>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        F: SqlFor<DB> + ?Sized,
        DB: Backend,
    {
        F::push_text(out, self.entity)?;
        out.push_sql(", event_key, event_version, ");
        F::push_text(out, self.op)?;
        out.push_sql(", event_payload, ");
        push_now::<F, DB>(out);
        Ok(())
    }
}

/// ```sql
/// INSERT INTO versioned_outbox (entity, key, version, op, payload, at)
/// VALUES ($1, $2, $3, $4, $5, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint)
/// ```
pub(crate) struct InsertEvent<'a, F: ?Sized> {
    event: &'a NewEvent,
    flavor: PhantomData<fn(&F)>,
}

impl<'a, F: ?Sized> InsertEvent<'a, F> {
    pub(crate) fn new(event: &'a NewEvent) -> Self {
        Self {
            event,
            flavor: PhantomData,
        }
    }
}

pub(crate) enum InsertEventId {}

impl<F: ?Sized> QueryId for InsertEvent<'_, F> {
    type QueryId = InsertEventId;
}

impl<F, DB> QueryFragment<DB> for InsertEvent<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        into_outbox(&mut out)?;
        out.push_sql(" VALUES (");
        values::<F, DB>(self.event, &mut out)?;
        out.push_sql(")");
        Ok(())
    }
}

/// Inserts many events, on PostgreSQL:
///
/// ```sql
/// INSERT INTO versioned_outbox (entity, key, version, op, payload, at)
/// SELECT $1, event_key, event_version, $2, event_payload, ..
/// FROM (SELECT unnest($3) AS event_key, unnest($4) AS event_version, ..) AS given
/// ```
pub(crate) struct InsertEvents<'a, F: ?Sized> {
    events: &'a NewEvents,
    flavor: PhantomData<fn(&F)>,
}

impl<'a, F: ?Sized> InsertEvents<'a, F> {
    pub(crate) fn new(events: &'a NewEvents) -> Self {
        Self {
            events,
            flavor: PhantomData,
        }
    }
}

pub(crate) enum InsertEventsId {}

impl<F: ?Sized> QueryId for InsertEvents<'_, F> {
    type QueryId = InsertEventsId;
}

impl<F, DB> QueryFragment<DB> for InsertEvents<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        into_outbox(&mut out)?;
        out.push_sql(" SELECT ");
        self.events.row::<F, DB>(&mut out)?;
        out.push_sql(" FROM (SELECT ");
        self.events.arrays::<F, DB>(&mut out)?;
        out.push_sql(") AS given");
        Ok(())
    }
}

/// A write and its event in one statement, on PostgreSQL. Its row count is 1 exactly if the write
/// found its row.
///
/// ```sql
/// WITH written AS (UPDATE tickets SET .. WHERE .. RETURNING 1)
/// INSERT INTO versioned_outbox (entity, key, version, op, payload, at)
/// SELECT $5, $6, $7, $8, $9, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
/// FROM written
/// ```
pub(crate) struct WithEvent<'a, S, F: ?Sized> {
    write: S,
    announce: InsertEvent<'a, F>,
}

impl<'a, S, F: ?Sized> WithEvent<'a, S, F> {
    pub(crate) fn new(write: S, event: &'a NewEvent) -> Self {
        Self {
            write,
            announce: InsertEvent::new(event),
        }
    }
}

pub(crate) enum WithEventId {}

impl<S: QueryId, F: ?Sized> QueryId for WithEvent<'_, S, F> {
    type QueryId = (WithEventId, S::QueryId);
    const HAS_STATIC_QUERY_ID: bool = S::HAS_STATIC_QUERY_ID;
}

impl<S, F, DB> QueryFragment<DB> for WithEvent<'_, S, F>
where
    S: QueryFragment<DB>,
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("WITH written AS (");
        self.write.walk_ast(out.reborrow())?;
        out.push_sql(" RETURNING 1) ");
        into_outbox(&mut out)?;
        out.push_sql(" SELECT ");
        values::<F, DB>(self.announce.event, &mut out)?;
        out.push_sql(" FROM written");
        Ok(())
    }
}

pub(crate) fn into_outbox<DB: Backend>(out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
    out.push_sql("INSERT INTO versioned_outbox (entity, ");
    out.push_identifier("key")?;
    out.push_sql(", version, op, payload, at)");
    Ok(())
}

fn values<'b, F, DB>(event: &'b NewEvent, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    F::push_text(out, event.entity)?;
    out.push_sql(", ");
    F::push_text(out, &event.key)?;
    out.push_sql(", ");
    F::push_number(out, &event.version)?;
    out.push_sql(", ");
    F::push_text(out, event.op)?;
    out.push_sql(", ");
    F::push_text(out, &event.payload)?;
    out.push_sql(", ");
    push_now::<F, DB>(out);
    Ok(())
}

/// Begins to write without a change, on `SQLite`. No event has the id 0.
///
/// ```sql
/// UPDATE versioned_outbox SET due = due WHERE id = 0
/// ```
#[derive(Debug, Clone, Copy, QueryId)]
pub(crate) struct TouchOutbox;

impl<DB: Backend> QueryFragment<DB> for TouchOutbox {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE versioned_outbox SET due = due WHERE id = 0");
        Ok(())
    }
}
