//! Statements that write many rows on MySQL and MariaDB. The rows are one JSON text, so that the
//! statement does not depend on their number.
//!
//! ```sql
//! UPDATE JSON_TABLE(?, '$[*]' COLUMNS (c0 BIGINT PATH '$[0]' ERROR ON ERROR, ..)) AS given
//!     STRAIGHT_JOIN tickets AS target ON target.version = given.c0 AND target.id = given.c1
//!     SET target.title = given.c2, target.version = given.c3
//! ```
//!
//! `STRAIGHT_JOIN` reads `given` from its beginning to its end. Rows are locked in its order, so
//! that concurrent batches wait for each other but never deadlock.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::{Conversions, JsonColumn};
use crate::dialect::{Dialect, SqlFor};
use crate::loadable::{Loadable, Persisted};
use crate::model::{Clause, WriteKind};
use crate::statement::batch::rows::BatchRows;
use crate::statement::safe_updates::push_verb;

/// Locks the rows that are at the loaded version, in the order of `given`, and selects a number for
/// each:
///
/// ```sql
/// SELECT 1 FROM JSON_TABLE(..) AS given STRAIGHT_JOIN tickets AS target ON .. FOR UPDATE
/// ```
pub(crate) struct HoldTable<'a, W, M: Persisted<DB>, DB: Backend>(
    pub(crate) WriteTable<'a, W, M, DB>,
);

pub(crate) enum HoldTableId {}

impl<W, M: Persisted<DB>, DB: Backend> QueryId for HoldTable<'_, W, M, DB> {
    type QueryId = (HoldTableId, M::Static);
}

impl<W, M, DB> QueryFragment<DB> for HoldTable<'_, W, M, DB>
where
    M: Persisted<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT 1 FROM ");
        self.0.target(out.reborrow())?;
        out.push_sql(" FOR UPDATE");
        Ok(())
    }
}

/// Inserts the rows, or writes those that are at the loaded version. `W` is the operation, which
/// determines the text.
pub(crate) struct WriteTable<'a, W, M: Persisted<DB>, DB: Backend> {
    source: M::Source,
    given: &'a BatchRows<'a, M>,
    columns: &'a [JsonColumn],
    rows: &'a str,
    conversions: Conversions,
    work: PhantomData<fn() -> W>,
}

impl<'a, W, M: Persisted<DB>, DB: Backend> WriteTable<'a, W, M, DB> {
    pub(crate) fn new(
        given: &'a BatchRows<'a, M>,
        columns: &'a [JsonColumn],
        rows: &'a str,
    ) -> Self {
        Self {
            source: M::source(),
            given,
            columns,
            rows,
            conversions: Conversions::default(),
            work: PhantomData,
        }
    }

    /// `JSON_TABLE(?, '$[*]' COLUMNS (c0 BIGINT PATH '$[0]' ERROR ON ERROR, ..)) AS given`
    fn table<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("JSON_TABLE(");
        <<M as Loadable<DB>>::Sql as SqlFor<DB>>::push_text(&mut out, self.rows)?;
        out.push_sql(", '$[*]' COLUMNS (");
        for (place, column) in self.columns.iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            out.push_sql(&format!(
                "{comma}c{place} {column} PATH '$[{place}]' ERROR ON ERROR"
            ));
        }
        out.push_sql(")) AS given");
        Ok(())
    }

    /// `JSON_TABLE(..) AS given STRAIGHT_JOIN tickets AS target ON ..`
    fn target<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.table(out.reborrow())?;
        out.push_sql(" STRAIGHT_JOIN ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" AS target ON ");
        self.given.guard(Clause::OnTable, &self.conversions, out)
    }
}

pub(crate) enum WriteTableId {}

impl<W: 'static, M: Persisted<DB>, DB: Backend> QueryId for WriteTable<'_, W, M, DB> {
    type QueryId = (WriteTableId, W, M::Static);
}

impl<W, M, DB> QueryFragment<DB> for WriteTable<'_, W, M, DB>
where
    M: Persisted<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match self.given.by {
            WriteKind::Insert => {
                out.push_sql("INSERT INTO ");
                self.source.walk_ast(out.reborrow())?;
                out.push_sql(" (");
                self.given.names(&self.conversions, out.reborrow())?;
                out.push_sql(") SELECT ");
                self.given.places::<DB>(&mut out)?;
                out.push_sql(" FROM ");
                self.table(out)
            }
            WriteKind::Update => {
                push_verb("UPDATE", Some(Dialect::Mysql), &mut out);
                out.push_sql(" ");
                self.target(out.reborrow())?;
                out.push_sql(" SET ");
                self.given
                    .assignments(Clause::FromTable, &self.conversions, out)
            }
            WriteKind::Delete => {
                push_verb("DELETE", Some(Dialect::Mysql), &mut out);
                out.push_sql(" target FROM ");
                self.target(out)
            }
        }
    }
}
