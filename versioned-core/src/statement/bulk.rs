//! Many events at once: statements with a list of rows, for PostgreSQL and `SQLite`.
//!
//! Their text depends on the number of rows, so that Diesel does not keep them prepared.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use super::{Insert, Position, Record};
use crate::dialect::Flavor;
use crate::fetch::Stored;
use crate::model::{Clause, Conversions, KeyColumns, Walk};

/// Moves the positions that are older, makes those that are missing, and answers with those that moved. The rows must be
/// ordered by key, so that two that do this never wait for each other in a circle.
pub(crate) struct UpsertAll<'a, F: ?Sized> {
    positions: &'a [Position<'a>],
    flavor: PhantomData<fn(&F)>,
}

impl<'a, F: ?Sized> UpsertAll<'a, F> {
    pub(crate) fn new(positions: &'a [Position<'a>]) -> Self {
        Self {
            positions,
            flavor: PhantomData,
        }
    }
}

impl<F, DB> QueryFragment<DB> for UpsertAll<'_, F>
where
    F: Flavor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql(
            "INSERT INTO versioned_positions (entity, \"key\", version, deleted_at) VALUES ",
        );
        for (place, position) in self.positions.iter().enumerate() {
            out.push_sql(if place == 0 { "(" } else { ", (" });
            F::push_text(&mut out, position.entity)?;
            out.push_sql(", ");
            F::push_text(&mut out, position.key)?;
            out.push_sql(", ");
            F::push_number(&mut out, &position.version)?;
            out.push_sql(", NULLIF(");
            F::push_number(&mut out, &position.deleted_at)?;
            out.push_sql(", 0))");
        }
        out.push_sql(
            " ON CONFLICT (entity, \"key\") DO UPDATE SET version = excluded.version, \
             deleted_at = excluded.deleted_at WHERE versioned_positions.version < excluded.version \
             RETURNING \"key\", version",
        );
        Ok(())
    }
}

/// The versions of positions.
pub(crate) struct LookAll<'a, F: ?Sized> {
    positions: &'a [Position<'a>],
    flavor: PhantomData<fn(&F)>,
}

impl<'a, F: ?Sized> LookAll<'a, F> {
    pub(crate) fn new(positions: &'a [Position<'a>]) -> Self {
        Self {
            positions,
            flavor: PhantomData,
        }
    }
}

impl<F, DB> QueryFragment<DB> for LookAll<'_, F>
where
    F: Flavor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql(
            "SELECT \"key\", version FROM versioned_positions WHERE (entity, \"key\") IN (VALUES ",
        );
        for (place, position) in self.positions.iter().enumerate() {
            out.push_sql(if place == 0 { "(" } else { ", (" });
            F::push_text(&mut out, position.entity)?;
            out.push_sql(", ");
            F::push_text(&mut out, position.key)?;
            out.push_sql(")");
        }
        out.push_sql(")");
        Ok(())
    }
}

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

/// None of them is kept prepared, so none needs a name in the cache.
macro_rules! not_kept {
    ($($statement:ty => [$($parameters:tt)*];)*) => {$(
        impl<$($parameters)*> QueryId for $statement {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
    )*};
}

not_kept! {
    UpsertAll<'_, F> => [F: ?Sized];
    LookAll<'_, F> => [F: ?Sized];
    MergeAll<'_, M, DB> => [M: Stored<DB>, DB: Backend];
    RemoveAll<'_, M, DB> => [M: Stored<DB>, DB: Backend];
}
