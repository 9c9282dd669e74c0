//! The statements that find the events which a test caused.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::SqlFor;

/// `SELECT COALESCE(MAX(id), 0) FROM versioned_outbox`
#[derive(Debug, Clone, Copy, QueryId)]
pub(crate) struct LastEvent;

impl<DB: Backend> QueryFragment<DB> for LastEvent {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT COALESCE(MAX(id), 0) FROM versioned_outbox");
        Ok(())
    }
}

/// Selects the events that were written after the one with this id:
///
/// ```sql
/// SELECT id, entity, key, version, op, payload, attempts, at FROM versioned_outbox
/// WHERE id > $1 ORDER BY id
/// ```
pub(crate) struct EventsAfter<F: ?Sized> {
    pub(crate) id: i64,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

pub(crate) enum EventsAfterId {}

impl<F: ?Sized> QueryId for EventsAfter<F> {
    type QueryId = EventsAfterId;
}

impl<F, DB> QueryFragment<DB> for EventsAfter<F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT id, entity, ");
        out.push_identifier("key")?;
        out.push_sql(", version, op, payload, attempts, at FROM versioned_outbox WHERE id > ");
        F::push_number(&mut out, &self.id)?;
        out.push_sql(" ORDER BY id");
        Ok(())
    }
}
