//! Whether `SQLite` finds a view by a table's name.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::SqlFor;
use crate::table_name::TableName;

/// Selects whether `SQLite` resolves this name to a view: 1 or 0. `F` determines the backend.
///
/// ```sql
/// SELECT type = 'view' FROM (
///     SELECT type, 1 AS seq FROM sqlite_temp_master WHERE type IN ('table', 'view') AND name = ?
///     UNION ALL SELECT type, 2 FROM main.sqlite_master WHERE ..
/// ) ORDER BY seq LIMIT 1
/// ```
///
/// A name without a schema may also be in an attached database, which only [`AttachedViews`] finds.
pub(crate) struct Views<F: ?Sized> {
    name: TableName,
    flavor: PhantomData<fn(&F)>,
}

impl<F: ?Sized> Views<F> {
    pub(crate) fn named(name: TableName) -> Self {
        Self {
            name,
            flavor: PhantomData,
        }
    }
}

/// Cached under its text, which has the name of the schema.
impl<F: ?Sized> QueryId for Views<F> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<F, DB> QueryFragment<DB> for Views<F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT type = 'view' FROM (SELECT type, 1 AS seq FROM ");
        if let Some(schema) = self.name.schema {
            out.push_identifier(schema)?;
            out.push_sql(".sqlite_master");
            self.is_named(&mut out)?;
        } else {
            // SQLite looks first for a temporary table.
            out.push_sql("sqlite_temp_master");
            self.is_named(&mut out)?;
            out.push_sql(" UNION ALL SELECT type, 2 FROM main.sqlite_master");
            self.is_named(&mut out)?;
        }
        out.push_sql(") ORDER BY seq LIMIT 1");
        Ok(())
    }
}

impl<F: ?Sized> Views<F> {
    fn is_named<'b, DB>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        F: SqlFor<DB>,
        DB: Backend,
    {
        out.push_sql(" WHERE type IN ('table', 'view') AND name = ");
        F::push_text(out, self.name.table)?;
        out.push_sql(" COLLATE NOCASE");
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
pub(crate) struct AttachedViews<F: ?Sized>(pub(crate) Views<F>);

pub(crate) enum AttachedViewsId {}

impl<F: ?Sized> QueryId for AttachedViews<F> {
    type QueryId = AttachedViewsId;
}

impl<F, DB> QueryFragment<DB> for AttachedViews<F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(
            "SELECT t.type = 'view' FROM pragma_table_list AS t \
             JOIN pragma_database_list AS d ON d.name = t.schema WHERE t.name = ",
        );
        F::push_text(&mut out, self.0.name.table)?;
        out.push_sql(" COLLATE NOCASE ORDER BY d.seq LIMIT 1");
        Ok(())
    }
}
