//! Whether `SQLite` finds a view by a table's name.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::SqlFor;
use crate::loadable::Loadable;
use crate::model::{Versioned, name_of_table};
use crate::table_name::TableName;

/// Selects whether `SQLite` resolves the name of the table of `M` to a view: 1 or 0, and -1 if the
/// name is in neither database.
///
/// ```sql
/// SELECT COALESCE(
///     (SELECT type = 'view' FROM temp.sqlite_master WHERE type IN ('table', 'view') AND name = ?),
///     (SELECT type = 'view' FROM main.sqlite_master WHERE ..),
///     -1
/// )
/// ```
///
/// A name without a schema may also be in an attached database, which only [`AttachedViews`] finds.
pub(crate) struct Views<M>(PhantomData<fn(&M)>);

impl<M> Views<M> {
    pub(crate) const UNKNOWN: i64 = -1;

    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

pub(crate) enum ViewsId {}

impl<M: Versioned> QueryId for Views<M> {
    type QueryId = (ViewsId, M::Static);
}

impl<M, DB> QueryFragment<DB> for Views<M>
where
    M: Loadable<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let TableName { schema, table, .. } = name_of_table::<M>();
        out.push_sql("SELECT COALESCE(");
        // SQLite looks first for a temporary table.
        let schemas = schema
            .as_ref()
            .map_or(&["temp", "main"][..], std::slice::from_ref);
        for schema in schemas {
            out.push_sql("(SELECT type = 'view' FROM ");
            out.push_identifier(schema)?;
            out.push_sql(".sqlite_master WHERE type IN ('table', 'view') AND name = ");
            M::Sql::push_text(&mut out, table)?;
            out.push_sql(" COLLATE NOCASE), ");
        }
        out.push_sql("-1)");
        Ok(())
    }
}

/// As [`Views`], for the first of all databases of the connection that has the name. `SQLite`
/// answers it at the price of about ten other queries.
///
/// ```sql
/// SELECT t.type = 'view' FROM pragma_table_list AS t
/// JOIN pragma_database_list AS d ON d.name = t.schema WHERE t.name = ? ORDER BY d.seq LIMIT 1
/// ```
pub(crate) struct AttachedViews<M>(PhantomData<fn(&M)>);

impl<M> AttachedViews<M> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

pub(crate) enum AttachedViewsId {}

impl<M: Versioned> QueryId for AttachedViews<M> {
    type QueryId = (AttachedViewsId, M::Static);
}

impl<M, DB> QueryFragment<DB> for AttachedViews<M>
where
    M: Loadable<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(
            "SELECT t.type = 'view' FROM pragma_table_list AS t \
             JOIN pragma_database_list AS d ON d.name = t.schema WHERE t.name = ",
        );
        M::Sql::push_text(&mut out, name_of_table::<M>().table)?;
        out.push_sql(" COLLATE NOCASE ORDER BY d.seq LIMIT 1");
        Ok(())
    }
}
