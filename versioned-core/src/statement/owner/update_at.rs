//! `UPDATE "tickets" SET <changes>, "version" = $1 WHERE "id" = $2 AND "version" = $3`

use diesel::backend::Backend;
use diesel::query_builder::{AsChangeset, AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::Conversions;
use crate::loadable::Persisted;
use crate::model::Versioned;
use crate::statement::VersionGuard;
use crate::statement::owner::assigned::Assigned;
use crate::statement::owner::with_version::WithVersion;

/// Changes that [`at(..).update`](crate::At) can make to a row of `M`: any Diesel `AsChangeset` of
/// its table.
///
/// An empty changeset (all fields `None`) moves the version only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't change a row of `{M}`, derive Diesel's `AsChangeset` for its table",
    label = "not changes of `{M}` on `{DB}`",
    note = "pass what Diesel's `.set(..)` accepts: `tickets::price.eq(3)`, a tuple of assignments, or a struct that derives `AsChangeset`"
)]
pub trait Changes<M: Versioned, DB: Backend> {
    /// The changes and the assignment of the version, as Diesel builds them.
    type Assignments: QueryFragment<DB> + Send;

    /// The changes, followed by the assignment of `next` to the version.
    fn assignments(self, next: M::Version) -> Self::Assignments;
}

impl<S, M, DB, P, A> Changes<M, DB> for S
where
    DB: Backend,
    M: Versioned,
    S: WithVersion<M, Pair = P>,
    P: AsChangeset<Target = M::Table, Changeset = A>,
    A: QueryFragment<DB> + Send,
{
    type Assignments = A;

    fn assignments(self, next: M::Version) -> A {
        self.with_version(next).as_changeset()
    }
}

pub(crate) struct UpdateAt<'a, A, M: Persisted<DB>, DB: Backend> {
    source: M::Source,
    assignments: A,
    guard: VersionGuard<'a, M>,
    cached: bool,
    conversions: Conversions,
}

impl<'a, A, M: Persisted<DB>, DB: Backend> UpdateAt<'a, A, M, DB> {
    pub(crate) fn new(guard: VersionGuard<'a, M>, assignments: A, assigned: &Assigned) -> Self {
        Self {
            source: M::source(),
            assignments,
            guard,
            cached: assigned.is_kept::<(UpdateAtId, M::Static)>(),
            conversions: Conversions::default(),
        }
    }
}

enum UpdateAtId {}

/// Cached under its text, because the columns are known only at run time (`Option` fields).
impl<A, M: Persisted<DB>, DB: Backend> QueryId for UpdateAt<'_, A, M, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<A, M, DB> QueryFragment<DB> for UpdateAt<'_, A, M, DB>
where
    A: QueryFragment<DB>,
    M: Persisted<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.cached {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("UPDATE ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.assignments.walk_ast(out.reborrow())?;
        self.guard.condition(&self.conversions, out)
    }
}
