//! `SELECT type = 'view' FROM pragma_table_list WHERE name = ?`, for the first table that SQLite
//! finds by this name.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::SqlFor;
use crate::table_name::TableName;

/// Selects whether `SQLite` resolves this name to a view: 1 or 0. `F` determines the backend.
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
        out.push_sql(
            "SELECT t.type = 'view' FROM pragma_table_list AS t \
             JOIN pragma_database_list AS d ON d.name = t.schema WHERE t.name = ",
        );
        F::push_text(&mut out, self.name.table)?;
        out.push_sql(" COLLATE NOCASE");
        if let Some(schema) = self.name.schema {
            out.push_sql(" AND t.schema = ");
            F::push_text(&mut out, schema)?;
            out.push_sql(" COLLATE NOCASE");
        }
        // Without a schema's name, SQLite looks first for a temporary table (1), then in `main`
        // (0), then in attached databases.
        out.push_sql(" ORDER BY d.seq <> 1, d.seq LIMIT 1");
        Ok(())
    }
}
