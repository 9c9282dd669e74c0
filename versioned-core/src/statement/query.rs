//! An adapter that makes any statement a query whose rows have a SQL type.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;

/// A statement whose rows have the SQL type `ST`.
pub(crate) struct Rows<S, ST> {
    statement: S,
    sql_type: PhantomData<fn() -> ST>,
}

impl<S, ST> Rows<S, ST> {
    pub(crate) fn new(statement: S) -> Self {
        Self {
            statement,
            sql_type: PhantomData,
        }
    }
}

impl<S, ST> Query for Rows<S, ST> {
    type SqlType = ST;
}

impl<S: QueryId, ST> QueryId for Rows<S, ST> {
    type QueryId = S::QueryId;
    const HAS_STATIC_QUERY_ID: bool = S::HAS_STATIC_QUERY_ID;
}

impl<S, ST, DB> QueryFragment<DB> for Rows<S, ST>
where
    DB: Backend,
    S: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.statement.walk_ast(out)
    }
}
