//! `DELETE FROM "tickets" WHERE "id" = $1 AND "version" = $2`

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::Conversions;
use crate::loadable::Persisted;
use crate::statement::VersionGuard;

pub(crate) struct Delete<'a, M: Persisted<DB>, DB: Backend> {
    source: M::Source,
    guard: VersionGuard<'a, M>,
    conversions: Conversions,
}

impl<'a, M: Persisted<DB>, DB: Backend> Delete<'a, M, DB> {
    pub(crate) fn new(guard: VersionGuard<'a, M>) -> Self {
        Self {
            source: M::source(),
            guard,
            conversions: Conversions::default(),
        }
    }
}

pub(crate) enum DeleteId {}

impl<M: Persisted<DB>, DB: Backend> QueryId for Delete<'_, M, DB> {
    type QueryId = (DeleteId, M::Static);
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for Delete<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("DELETE FROM ");
        self.source.walk_ast(out.reborrow())?;
        self.guard.condition(&self.conversions, out)
    }
}
