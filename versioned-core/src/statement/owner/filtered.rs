//! Further conditions of the caller in a guarded statement:
//! `.. AND "version" = $4 AND ("tickets"."tenant" = $5)`

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, NonAggregate};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_source::Column;
use diesel::result::QueryResult;
use diesel::sql_types::BoolOrNullableBool;

use crate::dialect::{Conversions, SqlFor as _};
use crate::loadable::Persisted;
use crate::model::Versioned;
use crate::statement::{Current, Reading, VersionGuard};

/// A condition on a row of `M`: any Diesel expression that its `.filter(..)` accepts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a condition on a row of `{M}`, pass what Diesel's `.filter(..)` accepts",
    label = "not a condition on `{M}` on `{DB}`",
    note = "for example `tickets::tenant.eq(7)`; several conditions are several calls, or one with `.and(..)`"
)]
pub trait Condition<M: Versioned, DB: Backend>: QueryFragment<DB> + QueryId + Send + Sync {}

impl<T, M, DB> Condition<M, DB> for T
where
    DB: Backend,
    M: Versioned,
    T: AppearsOnTable<M::Table> + NonAggregate,
    T: QueryFragment<DB> + QueryId + Send + Sync,
    T::SqlType: BoolOrNullableBool,
{
}

/// The conditions of [`At::filter`](crate::At::filter): none, or those before and one more.
pub trait Conditions<M: Versioned, DB: Backend>: Send + Sync {
    /// Whether there are none.
    #[doc(hidden)]
    const NONE: bool;

    /// Whether the SQL depends on the type alone.
    #[doc(hidden)]
    const STATIC: bool;

    /// Identifies the SQL.
    #[doc(hidden)]
    type Id: 'static;

    /// A statement with the conditions.
    #[doc(hidden)]
    type On<'a, S: QueryFragment<DB> + QueryId + Send>: QueryFragment<DB> + QueryId + Send
    where
        Self: 'a;

    /// Adds the conditions to a statement that ends with its guard.
    #[doc(hidden)]
    fn on<S: QueryFragment<DB> + QueryId + Send>(&self, statement: S) -> Self::On<'_, S>;

    /// ` AND (..)`
    #[doc(hidden)]
    fn walk<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

impl<M: Versioned, DB: Backend> Conditions<M, DB> for () {
    const NONE: bool = true;
    const STATIC: bool = true;
    type Id = ();
    type On<'a, S: QueryFragment<DB> + QueryId + Send> = S;

    fn on<S: QueryFragment<DB> + QueryId + Send>(&self, statement: S) -> S {
        statement
    }

    fn walk<'b>(&'b self, _out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        Ok(())
    }
}

impl<M, DB, P, T> Conditions<M, DB> for (P, T)
where
    M: Versioned,
    DB: Backend,
    P: Conditions<M, DB>,
    T: Condition<M, DB>,
{
    const NONE: bool = false;
    const STATIC: bool = P::STATIC && T::HAS_STATIC_QUERY_ID;
    type Id = (P::Id, T::QueryId);
    type On<'a, S: QueryFragment<DB> + QueryId + Send>
        = Filtered<'a, S, Self, M, DB>
    where
        Self: 'a;

    fn on<S: QueryFragment<DB> + QueryId + Send>(
        &self,
        statement: S,
    ) -> Filtered<'_, S, Self, M, DB> {
        Filtered {
            statement,
            conditions: self,
            on: PhantomData,
        }
    }

    fn walk<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk(out.reborrow())?;
        out.push_sql(" AND (");
        self.1.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

/// A guarded statement with further conditions.
#[derive(Debug)]
pub struct Filtered<'a, S, P, M, DB> {
    statement: S,
    conditions: &'a P,
    on: PhantomData<fn() -> (M, DB)>,
}

#[derive(Debug)]
pub enum FilteredId {}

impl<S, P, M, DB> QueryId for Filtered<'_, S, P, M, DB>
where
    S: QueryId,
    P: Conditions<M, DB>,
    M: Versioned,
    DB: Backend,
{
    type QueryId = (FilteredId, S::QueryId, P::Id);
    const HAS_STATIC_QUERY_ID: bool = S::HAS_STATIC_QUERY_ID && P::STATIC;
}

impl<S, P, M, DB> QueryFragment<DB> for Filtered<'_, S, P, M, DB>
where
    S: QueryFragment<DB>,
    P: Conditions<M, DB>,
    M: Versioned,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // The number of texts is bounded only if each type of condition has one.
        if !P::STATIC {
            out.unsafe_to_cache_prepared();
        }
        self.statement.walk_ast(out.reborrow())?;
        self.conditions.walk(out)
    }
}

/// Looks for the row at the loaded version with the conditions:
/// `SELECT "version" FROM "tickets" WHERE "id" = $1 AND "version" = $2 AND (..)`
pub(crate) struct Holding<'a, P, M: Persisted<DB>, DB: Backend> {
    source: M::Source,
    guard: VersionGuard<'a, M>,
    conditions: &'a P,
    conversions: Conversions,
}

impl<'a, P, M: Persisted<DB>, DB: Backend> Holding<'a, P, M, DB> {
    pub(crate) fn new(guard: VersionGuard<'a, M>, conditions: &'a P) -> Self {
        Self {
            source: M::source(),
            guard,
            conditions,
            conversions: Conversions::default(),
        }
    }
}

/// Prepared for one use: it only follows a write that failed.
impl<P, M: Persisted<DB>, DB: Backend> QueryId for Holding<'_, P, M, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<P, M, DB> QueryFragment<DB> for Holding<'_, P, M, DB>
where
    P: Conditions<M, DB>,
    M: Persisted<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT ");
        out.push_identifier(<M::VersionColumn as Column>::NAME)?;
        out.push_sql(" FROM ");
        self.source.walk_ast(out.reborrow())?;
        self.guard.condition(&self.conversions, out.reborrow())?;
        self.conditions.walk(out.reborrow())?;
        let dialect = M::Sql::dialect(out.backend());
        out.push_sql(Current::suffix(dialect));
        Ok(())
    }
}
