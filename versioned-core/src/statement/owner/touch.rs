//! `UPDATE "tickets" SET "version" = $1 WHERE "id" = $2 AND "version" = $3`

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::Conversions;
use crate::loadable::Persisted;
use crate::model::{Clause, Walk};
use crate::statement::VersionGuard;

pub(crate) struct Touch<'a, M: Persisted<DB>, DB: Backend> {
    source: M::Source,
    next: &'a M::Version,
    guard: VersionGuard<'a, M>,
    conversions: Conversions,
}

impl<'a, M: Persisted<DB>, DB: Backend> Touch<'a, M, DB> {
    pub(crate) fn new(guard: VersionGuard<'a, M>, next: &'a M::Version) -> Self {
        Self {
            source: M::source(),
            next,
            guard,
            conversions: Conversions::default(),
        }
    }
}

pub(crate) enum TouchId {}

impl<M: Persisted<DB>, DB: Backend> QueryId for Touch<'_, M, DB> {
    type QueryId = (TouchId, M::Static);
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for Touch<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        let mut walk = Walk::new(out.reborrow(), &self.conversions, Clause::Assignments);
        M::version_column(self.next, &mut walk)?;
        self.guard.condition(&self.conversions, out)
    }
}
