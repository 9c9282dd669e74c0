//! `SELECT .. FROM "tickets" WHERE ("id") > ($1) ORDER BY "id" LIMIT $2`, and with a scope
//! `.. WHERE "tenant" = $1 AND ("id") > ($2) ..`

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::Conversions;
use crate::dialect::SqlFor;
use crate::loadable::Persisted;
use crate::model::{Clause, KeyColumns, ShowScope, Walk};
use crate::statement::Record;
use crate::statement::owner::select::Reading;

/// Selects the rows after a record, in the order of their keys. `R` is the state of the rows that it
/// sees.
pub(crate) struct Page<'a, R, M: Persisted<DB>, DB: Backend> {
    selection: M::Selection,
    source: M::Source,
    scope: Option<&'a dyn ShowScope<DB>>,
    after: Option<Record<'a, M>>,
    limit: i64,
    conversions: Conversions,
    reading: PhantomData<fn() -> R>,
}

impl<'a, R, M: Persisted<DB>, DB: Backend> Page<'a, R, M, DB> {
    pub(crate) fn new(
        scope: Option<&'a dyn ShowScope<DB>>,
        after: Option<Record<'a, M>>,
        limit: i64,
    ) -> Self {
        Self {
            selection: M::selection(),
            source: M::source(),
            scope,
            after,
            limit,
            conversions: Conversions::default(),
            reading: PhantomData,
        }
    }
}

/// Cached under its text, because a scope and a record to start after may be there or not.
impl<R, M: Persisted<DB>, DB: Backend> QueryId for Page<'_, R, M, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<R: Reading, M: Persisted<DB>, DB: Backend> QueryFragment<DB> for Page<'_, R, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.selection.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.source.walk_ast(out.reborrow())?;
        if let Some(scope) = self.scope {
            out.push_sql(" WHERE ");
            scope.show(&mut Walk::new(
                out.reborrow(),
                &self.conversions,
                Clause::Condition,
            ))?;
        }
        if let Some(after) = &self.after {
            out.push_sql(if self.scope.is_some() {
                " AND ("
            } else {
                " WHERE ("
            });
            M::KeyColumns::write_order(&mut out)?;
            out.push_sql(") > (");
            after.walk(&mut Walk::new(
                out.reborrow(),
                &self.conversions,
                Clause::KeyValues,
            ))?;
            out.push_sql(")");
        }
        out.push_sql(" ORDER BY ");
        M::KeyColumns::write_order(&mut out)?;
        out.push_sql(" LIMIT ");
        M::Sql::push_number(&mut out, &self.limit)?;
        out.push_sql(R::suffix(M::Sql::dialect(out.backend())));
        Ok(())
    }
}
