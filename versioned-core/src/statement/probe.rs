//! Statements without effect, which fail if a table, a column or a right is missing.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::SqlFor;

/// The tables, and the columns that operators see.
pub(crate) const TABLES: &[(&str, &[&str])] = &[
    (
        "versioned_positions",
        &["replica", "entity", "key", "version", "deleted_at"],
    ),
    (
        "versioned_parked",
        &[
            "replica", "entity", "key", "version", "event", "at", "error",
        ],
    ),
    (
        "versioned_dead_letters",
        &[
            "id",
            "replica",
            "entity",
            "key",
            "version",
            "source",
            "subject",
            "message_key",
            "headers",
            "body",
            "reason",
            "attempts",
            "first_at",
            "last_at",
        ],
    ),
    (
        "versioned_outbox",
        &[
            "id", "entity", "key", "version", "op", "payload", "at", "attempts", "due", "error",
        ],
    ),
];

/// The table, the right, and a statement that needs it.
pub(crate) const WRITES: &[(&str, &str, &str)] = &[
    (
        "versioned_outbox",
        "UPDATE",
        "UPDATE versioned_outbox SET due = 0 WHERE id = 0 AND attempts > 0 AND due > 0",
    ),
    (
        "versioned_dead_letters",
        "DELETE",
        "DELETE FROM versioned_dead_letters WHERE id = 0",
    ),
];

/// `SELECT count(*) FROM (SELECT id, .. FROM versioned_outbox WHERE 1 = 0) AS c`
pub(crate) struct ReadNothing<F: ?Sized> {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [&'static str],
    pub(crate) flavor: PhantomData<fn(&F)>,
}

impl<F: ?Sized> QueryId for ReadNothing<F> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<F, DB> QueryFragment<DB> for ReadNothing<F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT count(*) FROM (SELECT ");
        for (place, column) in self.columns.iter().enumerate() {
            if place > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(column)?;
        }
        out.push_sql(" FROM ");
        out.push_sql(self.table);
        out.push_sql(" WHERE 1 = 0) AS c");
        Ok(())
    }
}

/// One of [`WRITES`].
pub(crate) struct WriteNothing(pub(crate) &'static str);

impl QueryId for WriteNothing {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> QueryFragment<DB> for WriteNothing {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql(self.0);
        Ok(())
    }
}
