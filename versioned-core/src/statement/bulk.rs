//! The rows of many events: statements with a list of rows, for PostgreSQL and `SQLite`.
//!
//! Their text depends on the number of rows, so that Diesel does not keep them prepared.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use super::{Insert, Record};
use crate::fetch::Stored;
use crate::model::{Clause, Conversions, KeyColumns, Walk};

/// `INSERT INTO "tickets" (..) VALUES (..), (..) ON CONFLICT ("id") DO UPDATE SET ..`
pub(crate) struct MergeAll<'a, M: Stored<DB>, DB: Backend> {
    rows: Vec<Insert<'a, M, DB>>,
}

impl<'a, M: Stored<DB>, DB: Backend> MergeAll<'a, M, DB> {
    pub(crate) fn new(rows: impl Iterator<Item = (&'a M, &'a M::Version)>) -> Self {
        Self {
            rows: rows
                .map(|(model, version)| Insert::new(model, version))
                .collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl<M: Stored<DB>, DB: Backend> QueryFragment<DB> for MergeAll<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        let Some((first, others)) = self.rows.split_first() else {
            return Ok(());
        };
        first.walk_ast(out.reborrow())?;
        for row in others {
            out.push_sql(", (");
            row.clause(Clause::Values, out.reborrow())?;
            out.push_sql(")");
        }
        first.on_conflict(out)
    }
}

/// `DELETE FROM "tickets" WHERE ("id") IN (VALUES (..), (..))`
pub(crate) struct RemoveAll<'a, M: Stored<DB>, DB: Backend> {
    source: M::Source,
    records: Vec<Record<'a, M>>,
    conversions: Conversions,
}

impl<'a, M: Stored<DB>, DB: Backend> RemoveAll<'a, M, DB> {
    pub(crate) fn new(ids: impl Iterator<Item = &'a M::Id>) -> Self {
        Self {
            source: M::source(),
            records: ids.map(Record::At).collect(),
            conversions: Conversions::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

impl<M: Stored<DB>, DB: Backend> QueryFragment<DB> for RemoveAll<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("DELETE FROM ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE (");
        M::KeyColumns::write_names(&mut out)?;
        out.push_sql(") IN (VALUES ");
        for (place, record) in self.records.iter().enumerate() {
            out.push_sql(if place == 0 { "(" } else { ", (" });
            record.walk(&mut Walk::new(
                out.reborrow(),
                &self.conversions,
                Clause::KeyValues,
            ))?;
            out.push_sql(")");
        }
        out.push_sql(")");
        Ok(())
    }
}

impl<M: Stored<DB>, DB: Backend> QueryId for MergeAll<'_, M, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<M: Stored<DB>, DB: Backend> QueryId for RemoveAll<'_, M, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
