//! A statement whose type is not known to the driver.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

/// The part of [`QueryFragment`] that differs between statements. Its table of methods is short, and
/// there is one for each statement of each model.
trait Statement<DB: Backend> {
    fn push<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

impl<S: QueryFragment<DB>, DB: Backend> Statement<DB> for S {
    fn push<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.walk_ast(out)
    }
}

/// A statement of any type. The code of a driver is compiled once for all of them, and not once for
/// each statement of each model.
///
/// It has no static id: the driver finds the prepared statement by its SQL.
pub(crate) struct Erased<'a, DB>(&'a dyn Statement<DB>);

impl<'a, DB: Backend> Erased<'a, DB> {
    pub(crate) fn new<S: QueryFragment<DB>>(statement: &'a S) -> Self {
        Self(statement)
    }
}

impl<DB> QueryId for Erased<'_, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> QueryFragment<DB> for Erased<'_, DB> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.push(out)
    }
}
