//! The rows of a batch, as its statements read them.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::{self, Output};

use crate::dialect::{Conversions, Rows};
use crate::loadable::Persisted;
use crate::model::{Clause, ColumnSet, Value, Versioned, Walk, WriteKind};
use crate::statement::owner::changes::ChangedColumns;

/// Models, in the order in which their rows are locked.
pub(crate) struct BatchRows<'a, M: Versioned> {
    pub(crate) models: Vec<&'a M>,
    /// The next version of each model.
    pub(crate) next: Vec<&'a M::Version>,
    pub(crate) by: WriteKind,
    /// The columns that an UPDATE writes, if it does not write all.
    pub(crate) columns: Option<ChangedColumns>,
}

impl<M: Versioned> BatchRows<'_, M> {
    /// The columns besides key and version, if they are not all.
    fn only(&self) -> Option<ColumnSet> {
        match self.by {
            WriteKind::Insert => None,
            WriteKind::Update => self.columns.map(|columns| columns.set),
            WriteKind::Delete => Some(ColumnSet::default()),
        }
    }

    /// Shows the columns of one model to `walk`: the version that its row must have, the written
    /// columns, the next version.
    pub(crate) fn show<'b, DB>(&'b self, row: usize, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend,
        M: Persisted<DB>,
    {
        let (Some(model), Some(next)) = (self.models.get(row), self.next.get(row)) else {
            return Ok(());
        };
        if self.by != WriteKind::Insert {
            M::version_column(model.loaded(), walk)?;
        }
        walk.only(self.only());
        model.columns(walk)?;
        if self.by == WriteKind::Delete {
            return Ok(());
        }
        M::version_column(next, walk)
    }

    /// Returns the number of columns that `show` shows.
    pub(crate) fn columns<DB>(&self) -> QueryResult<usize>
    where
        DB: Backend,
        M: Persisted<DB>,
    {
        let conversions = Conversions::default();
        let mut walk = Walk::<DB>::count(&conversions, self.by);
        self.show(0, &mut walk)?;
        Ok(walk.shown())
    }

    /// `c0, c1`: the names of the columns in `given`.
    pub(crate) fn places<DB>(&self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()>
    where
        DB: Backend,
        M: Persisted<DB>,
    {
        for place in 0..self.columns()? {
            out.push_sql(&format!("{}c{place}", if place > 0 { ", " } else { "" }));
        }
        Ok(())
    }

    /// `?, ?`: the values of a row.
    pub(crate) fn binds<'b, DB>(
        &'b self,
        row: usize,
        conversions: &'b Conversions,
        out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        DB: Backend,
        M: Persisted<DB>,
    {
        self.show(
            row,
            &mut Walk::new(out, conversions, Clause::Value(self.by)),
        )
    }

    /// `"id", "title"`: the columns of an INSERT.
    pub(crate) fn names<'b, DB>(
        &'b self,
        conversions: &'b Conversions,
        out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        DB: Backend,
        M: Persisted<DB>,
    {
        self.show(0, &mut Walk::new(out, conversions, Clause::Names))
    }

    /// The condition that finds the row of each model: `Clause::OnArrays` or `Clause::OnTable`.
    pub(crate) fn guard<'b, DB>(
        &'b self,
        clause: Clause,
        conversions: &'b Conversions,
        out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        DB: Backend,
        M: Persisted<DB>,
    {
        let Some(model) = self.models.first() else {
            return Ok(());
        };
        let mut walk = Walk::new(out, conversions, clause);
        M::version_column(model.loaded(), &mut walk)?;
        walk.only(self.only());
        model.columns(&mut walk)
    }

    /// The assignments of an UPDATE: `Clause::FromArrays` or `Clause::FromTable`.
    pub(crate) fn assignments<'b, DB>(
        &'b self,
        clause: Clause,
        conversions: &'b Conversions,
        out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        DB: Backend,
        M: Persisted<DB>,
    {
        let (Some(model), Some(next)) = (self.models.first(), self.next.first()) else {
            return Ok(());
        };
        let mut walk = Walk::new(out, conversions, clause);
        walk.skip();
        walk.only(self.only());
        model.columns(&mut walk)?;
        M::version_column(next, &mut walk)
    }
}

/// A statement that writes only some columns, which are known only at run time. It is cached under
/// its text.
pub(crate) struct Partial<S>(pub(crate) S, pub(crate) ChangedColumns);

impl<S> QueryId for Partial<S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Partial<S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.1.cached {
            out.unsafe_to_cache_prepared();
        }
        self.0.walk_ast(out)
    }
}

/// The binds of one row, without SQL around them.
pub(crate) struct Binds<'a, M: Versioned> {
    given: &'a BatchRows<'a, M>,
    row: usize,
    conversions: Conversions,
}

impl<'a, M: Versioned> Binds<'a, M> {
    pub(crate) fn new(given: &'a BatchRows<'a, M>, row: usize) -> Self {
        Self {
            given,
            row,
            conversions: Conversions::default(),
        }
    }
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for Binds<'_, M> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.given.binds(self.row, &self.conversions, out)
    }
}

impl<M: Persisted<DB>, DB: Backend> Rows<DB> for BatchRows<'_, M> {
    fn len(&self) -> usize {
        self.models.len()
    }

    fn write<'o>(
        &'o self,
        row: usize,
        column: usize,
        conversions: &'o Conversions,
        out: &'o mut Output<'o, 'o, DB>,
    ) -> serialize::Result {
        Value::of(column, conversions, self.by, out, |walk| {
            self.show(row, walk)
        })
    }
}
