//! The version guard: `WHERE "id" = $1 AND "version" = $2`.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

use crate::dialect::Conversions;
use crate::loadable::Persisted;
use crate::model::{Clause, Versioned, Walk};

/// The record of a statement. It is named by a model in memory, whose key is then not copied, or by
/// a key.
#[derive(Debug)]
pub(crate) enum Record<'a, M: Versioned> {
    Of(&'a M),
    At(&'a M::Id),
}

impl<M: Versioned> Clone for Record<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Versioned> Copy for Record<'_, M> {}

impl<M: Versioned> Record<'_, M> {
    /// Returns the key as text, for an error.
    pub(crate) fn key_text(&self) -> String {
        match self {
            Record::Of(model) => M::key_text(&model.id()),
            Record::At(id) => M::key_text(id),
        }
    }

    /// Shows the key's columns to `walk`.
    pub(crate) fn walk<'b, DB>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend,
        M: Persisted<DB>,
    {
        match self {
            Record::Of(model) => model.keys(walk),
            Record::At(id) => M::key(id, walk),
        }
    }

    /// ` WHERE "id" = $1`
    pub(crate) fn condition<'b, DB>(
        &'b self,
        conversions: &'b Conversions,
        mut out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        DB: Backend,
        M: Persisted<DB>,
    {
        out.push_sql(" WHERE ");
        self.walk(&mut Walk::new(out, conversions, Clause::Condition))
    }
}

/// The record at the loaded version, which every guarded statement requires.
#[derive(Debug)]
pub(crate) struct VersionGuard<'a, M: Versioned> {
    pub(crate) record: Record<'a, M>,
    pub(crate) loaded: &'a M::Version,
}

impl<'a, M: Versioned> VersionGuard<'a, M> {
    pub(crate) fn of(model: &'a M) -> Self {
        Self {
            record: Record::Of(model),
            loaded: model.loaded(),
        }
    }

    /// ` WHERE "id" = $1 AND "version" = $2`
    pub(crate) fn condition<'b, DB>(
        &'b self,
        conversions: &'b Conversions,
        mut out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        DB: Backend,
        M: Persisted<DB>,
    {
        out.push_sql(" WHERE ");
        let mut walk = Walk::new(out, conversions, Clause::Condition);
        self.record.walk(&mut walk)?;
        M::version_column(self.loaded, &mut walk)
    }
}

impl<M: Versioned> Clone for VersionGuard<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Versioned> Copy for VersionGuard<'_, M> {}
