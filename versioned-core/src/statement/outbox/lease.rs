//! Leases: what one process does for all.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::SqlFor;
use crate::statement::outbox::now::push_now;

/// Takes a lease, or takes it on, unless another process has it:
///
/// ```sql
/// UPDATE versioned_leases SET holder = $1, until = now + $2
/// WHERE name = $3 AND (holder = $1 OR until < now)
/// ```
pub(crate) struct TakeLease<'a, F: ?Sized> {
    pub(crate) name: &'a str,
    pub(crate) holder: &'a str,
    /// For how long, in microseconds.
    pub(crate) time: i64,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

pub(crate) enum TakeLeaseId {}

impl<F: ?Sized> QueryId for TakeLease<'_, F> {
    type QueryId = TakeLeaseId;
}

impl<F, DB> QueryFragment<DB> for TakeLease<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE versioned_leases SET holder = ");
        F::push_text(&mut out, self.holder)?;
        out.push_sql(", until = ");
        push_now::<F, DB>(&mut out);
        out.push_sql(" + ");
        F::push_number(&mut out, &self.time)?;
        out.push_sql(" WHERE name = ");
        F::push_text(&mut out, self.name)?;
        out.push_sql(" AND (holder = ");
        F::push_text(&mut out, self.holder)?;
        out.push_sql(" OR until < ");
        push_now::<F, DB>(&mut out);
        out.push_sql(")");
        Ok(())
    }
}
