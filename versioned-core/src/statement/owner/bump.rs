//! `"version" = "version" + 1`, for a plain Diesel update.

use std::fmt;
use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AsChangeset, AstPass, QueryFragment, QueryId};
use diesel::query_source::Column;
use diesel::result::QueryResult;

use crate::model::Versioned;

/// The assignment `version = version + 1`, returned by [`bump`](crate::prelude::OwnerDsl::bump).
///
/// It is not a guard. It moves the version of every row that the update finds, so that copies
/// loaded before become stale.
#[must_use = "`bump` alone does nothing: pass it to `.set(..)` of a Diesel update"]
pub struct Bump<M>(PhantomData<fn() -> M>);

impl<M> Bump<M> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<M: Versioned> AsChangeset for Bump<M> {
    type Target = M::Table;
    type Changeset = Self;

    fn as_changeset(self) -> Self {
        self
    }
}

#[derive(Debug)]
pub enum BumpId {}

impl<M: Versioned> QueryId for Bump<M> {
    type QueryId = (BumpId, M::Static);
}

impl<M: Versioned, DB: Backend> QueryFragment<DB> for Bump<M> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let version = <M::VersionColumn as Column>::NAME;
        out.push_identifier(version)?;
        out.push_sql(" = ");
        out.push_identifier(version)?;
        out.push_sql(" + 1");
        Ok(())
    }
}

impl<M> fmt::Debug for Bump<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bump")
    }
}
