//! Statements that write many rows on SQLite. A statement always writes [`ROWS`] rows, so that it
//! is prepared once.
//!
//! ```sql
//! WITH given (c0, c1, ..) AS (VALUES (?, ?, ..), (?, ?, ..), ..)
//! UPDATE tickets AS target SET title = given.c2, version = given.c3 FROM given
//!     WHERE target.version = given.c0 AND target.id = given.c1
//! ```

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::Conversions;
use crate::loadable::Persisted;
use crate::model::{Clause, WriteKind};
use crate::statement::batch::rows::BatchRows;

/// The number of rows that the statement writes. More rows would hardly lower the cost of a row.
pub(crate) const ROWS: usize = 50;

/// Inserts the rows, or updates those that are at the loaded version. `W` is the operation, which
/// determines the text.
pub(crate) struct WriteValues<'a, W, M: Persisted<DB>, DB: Backend> {
    source: M::Source,
    given: &'a BatchRows<'a, M>,
    conversions: Conversions,
    work: PhantomData<fn() -> (W, DB)>,
}

impl<'a, W, M: Persisted<DB>, DB: Backend> WriteValues<'a, W, M, DB> {
    pub(crate) fn new(given: &'a BatchRows<'a, M>) -> Self {
        Self {
            source: M::source(),
            given,
            conversions: Conversions::default(),
            work: PhantomData,
        }
    }

    /// `VALUES (?, ?, ..), (?, ?, ..)`
    fn values<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("VALUES ");
        for row in 0..self.given.models.len() {
            out.push_sql(if row > 0 { "), (" } else { "(" });
            self.given.binds(row, &self.conversions, out.reborrow())?;
        }
        out.push_sql(")");
        Ok(())
    }
}

pub(crate) enum WriteValuesId {}

impl<W: 'static, M: Persisted<DB>, DB: Backend> QueryId for WriteValues<'_, W, M, DB> {
    type QueryId = (WriteValuesId, W, M::Static);
}

impl<W, M, DB> QueryFragment<DB> for WriteValues<'_, W, M, DB>
where
    M: Persisted<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Self {
            given, conversions, ..
        } = self;
        if given.by == WriteKind::Insert {
            out.push_sql("INSERT INTO ");
            self.source.walk_ast(out.reborrow())?;
            out.push_sql(" (");
            given.names(conversions, out.reborrow())?;
            out.push_sql(") ");
            return self.values(out);
        }
        out.push_sql("WITH given (");
        given.places::<DB>(&mut out)?;
        out.push_sql(") AS (");
        self.values(out.reborrow())?;
        out.push_sql(") UPDATE ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" AS target SET ");
        given.assignments(Clause::FromArrays, conversions, out.reborrow())?;
        out.push_sql(" FROM given WHERE ");
        given.guard(Clause::OnTable, conversions, out)
    }
}
