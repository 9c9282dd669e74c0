//! `UPDATE "tickets" SET "title" = $1, "version" = $2 WHERE "id" = $3 AND "version" = $4`

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::Conversions;
use crate::loadable::Persisted;
use crate::model::{Clause, Walk};
use crate::statement::{Record, VersionGuard};

pub(crate) struct Save<'a, M: Persisted<DB>, DB: Backend> {
    source: M::Source,
    model: &'a M,
    next: &'a M::Version,
    guard: VersionGuard<'a, M>,
    clause: Clause,
    conversions: Conversions,
}

impl<'a, M: Persisted<DB>, DB: Backend> Save<'a, M, DB> {
    /// Replaces the version at which the model was loaded.
    pub(crate) fn new(model: &'a M, next: &'a M::Version) -> Self {
        Self {
            clause: Clause::Assignments,
            ..Self::onto(model, next, model.loaded())
        }
    }

    /// Replaces a replica's row at the version `before`.
    pub(crate) fn onto(model: &'a M, next: &'a M::Version, before: &'a M::Version) -> Self {
        Self {
            source: M::source(),
            model,
            next,
            guard: VersionGuard {
                record: Record::Of(model),
                loaded: before,
            },
            clause: Clause::Replacements,
            conversions: Conversions::default(),
        }
    }
}

pub(crate) enum SaveId {}

impl<M: Persisted<DB>, DB: Backend> QueryId for Save<'_, M, DB> {
    type QueryId = (SaveId, M::Static);
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for Save<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        let mut walk = Walk::new(out.reborrow(), &self.conversions, self.clause);
        self.model.columns(&mut walk)?;
        M::version_column(self.next, &mut walk)?;
        self.guard.condition(&self.conversions, out)
    }
}
