//! The replica's rows of many events, on PostgreSQL. Each column is an array, as in
//! `statement/batch/arrays.rs`.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::{self, Output};

use crate::dialect::{Conversions, Elements, Rows};
use crate::loadable::Persisted;
use crate::model::{Clause, KeyColumns, Value, Versioned, Walk, WriteKind};
use crate::statement::BatchRows;
use crate::statement::batch::arrays::{Arrays, InsertAll};

/// ```sql
/// WITH given AS (..)
/// INSERT INTO tickets (..) SELECT .. FROM given ON CONFLICT (id) DO UPDATE SET ..
/// ```
pub(crate) struct MergeAll<'a, M: Persisted<DB>, DB: Backend> {
    given: &'a BatchRows<'a, M>,
    insert: InsertAll<'a, M, DB>,
    conversions: Conversions,
}

impl<'a, M: Persisted<DB>, DB: Backend> MergeAll<'a, M, DB> {
    pub(crate) fn new(given: &'a BatchRows<'a, M>) -> QueryResult<Self> {
        Ok(Self {
            given,
            insert: InsertAll::new(Arrays::new(given, None)?),
            conversions: Conversions::default(),
        })
    }
}

pub(crate) enum MergeAllId {}

impl<M: Persisted<DB>, DB: Backend> QueryId for MergeAll<'_, M, DB> {
    type QueryId = (MergeAllId, M::Static);
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for MergeAll<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.insert.merge(out.reborrow())?;
        out.push_sql(" ON CONFLICT (");
        M::KeyColumns::write_names(&mut out)?;
        out.push_sql(") DO UPDATE SET ");
        self.given
            .assignments(Clause::Excluded, &self.conversions, out.reborrow())?;
        self.given
            .assignments(Clause::SameBytes(false), &self.conversions, out)
    }
}

/// The keys of the rows to delete or count.
pub(crate) struct Keys<'a, M: Versioned>(pub(crate) Vec<&'a M::Id>);

impl<'a, M: Versioned> Keys<'a, M> {
    pub(crate) fn new(ids: impl Iterator<Item = &'a M::Id>) -> Self {
        Self(ids.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Shows the columns of a key.
    fn show<'b, DB>(&'b self, row: usize, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend,
        M: Persisted<DB>,
    {
        match self.0.get(row) {
            Some(id) => M::key(id, walk),
            None => Ok(()),
        }
    }
}

impl<M: Persisted<DB>, DB: Backend> Rows<DB> for Keys<'_, M> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn write<'o>(
        &'o self,
        row: usize,
        column: usize,
        conversions: &'o Conversions,
        out: &'o mut Output<'o, 'o, DB>,
    ) -> serialize::Result {
        Value::of(column, conversions, WriteKind::Delete, out, |walk| {
            self.show(row, walk)
        })
    }
}

/// The operation on the rows of many keys.
pub(crate) trait WithRows: 'static {
    /// The text before the table, and the text after it.
    const TEXT: (&'static str, &'static str);
}

/// The rows are deleted.
pub(crate) enum Removed {}

impl WithRows for Removed {
    const TEXT: (&'static str, &'static str) = (") DELETE FROM ", " AS target USING given WHERE ");
}

/// The rows are counted.
pub(crate) enum Counted {}

impl WithRows for Counted {
    const TEXT: (&'static str, &'static str) =
        (") SELECT count(*) FROM ", " AS target, given WHERE ");
}

/// Deletes the rows, or counts them with `SELECT count(*) FROM` instead:
///
/// ```sql
/// WITH given AS (SELECT unnest($1) AS c0)
/// DELETE FROM tickets AS target USING given WHERE target.id = ANY(ARRAY[given.c0])
/// ```
pub(crate) struct RowsOf<'a, W, M: Persisted<DB>, DB: Backend> {
    source: M::Source,
    keys: &'a Keys<'a, M>,
    columns: Vec<Elements<'a, DB>>,
    conversions: Conversions,
    with: PhantomData<fn() -> W>,
}

impl<'a, W: WithRows, M: Persisted<DB>, DB: Backend> RowsOf<'a, W, M, DB> {
    pub(crate) fn new(keys: &'a Keys<'a, M>) -> Self {
        let column = |column| Elements { rows: keys, column };
        Self {
            source: M::source(),
            keys,
            columns: (0..M::KeyColumns::NAMES.len()).map(column).collect(),
            conversions: Conversions::default(),
            with: PhantomData,
        }
    }
}

pub(crate) enum RowsOfId {}

impl<W: WithRows, M: Persisted<DB>, DB: Backend> QueryId for RowsOf<'_, W, M, DB> {
    type QueryId = (RowsOfId, W, M::Static);
}

impl<W: WithRows, M: Persisted<DB>, DB: Backend> QueryFragment<DB> for RowsOf<'_, W, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Self {
            keys, conversions, ..
        } = self;
        let (before, behind) = W::TEXT;
        out.push_sql("WITH given AS (SELECT ");
        let by = WriteKind::Delete;
        let mut walk = Walk::arrays(out.reborrow(), &self.columns, conversions, by);
        keys.show(0, &mut walk)?;
        out.push_sql(before);
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(behind);
        keys.show(0, &mut Walk::new(out, conversions, Clause::OnArrays))
    }
}
