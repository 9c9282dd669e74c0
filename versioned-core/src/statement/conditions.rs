//! Conditions that an operator combines. The text of a statement with them depends on which there
//! are, so it is not cached.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};

/// The conditions on rows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RowConditions<'a> {
    pub(crate) replica: Option<&'a str>,
    pub(crate) entity: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    /// A part of the reason.
    pub(crate) reason: Option<&'a str>,
    /// In microseconds since 1970.
    pub(crate) since: Option<i64>,
    pub(crate) until: Option<i64>,
    pub(crate) ids: Option<&'a [i64]>,
    /// Whether there must be a reason.
    pub(crate) failed: bool,
}

/// The columns that conditions are about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) has_replica: bool,
    pub(crate) has_id: bool,
    pub(crate) reason: &'static str,
    pub(crate) at: &'static str,
    /// What is true of rows with a reason.
    pub(crate) failed: &'static str,
}

impl RowConditions<'_> {
    /// Pushes ` AND t.replica = $1 AND ..`, on the table with the alias `t`.
    pub(crate) fn push<'b, F, DB>(
        &'b self,
        columns: Columns,
        out: &mut AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        F: SqlFor<DB> + ?Sized,
        DB: Backend,
    {
        if let Some(replica) = self.replica.filter(|_| columns.has_replica) {
            out.push_sql(" AND t.replica = ");
            F::push_text(out, replica)?;
        }
        if let Some(entity) = self.entity {
            out.push_sql(" AND t.entity = ");
            F::push_text(out, entity)?;
        }
        if let Some(key) = self.key {
            out.push_sql(" AND t.");
            out.push_identifier("key")?;
            out.push_sql(" = ");
            F::push_text(out, key)?;
        }
        if let Some(part) = self.reason {
            out.push_sql(match F::dialect(out.backend()) {
                Some(Dialect::Postgres) => " AND strpos(t.",
                _ => " AND instr(t.",
            });
            out.push_sql(columns.reason);
            out.push_sql(", ");
            F::push_text(out, part)?;
            out.push_sql(") > 0");
        }
        if let Some(since) = &self.since {
            out.push_sql(" AND t.");
            out.push_sql(columns.at);
            out.push_sql(" >= ");
            F::push_number(out, since)?;
        }
        if let Some(until) = &self.until {
            out.push_sql(" AND t.");
            out.push_sql(columns.at);
            out.push_sql(" < ");
            F::push_number(out, until)?;
        }
        if let Some(ids) = self.ids.filter(|_| columns.has_id) {
            out.push_sql(" AND t.id");
            F::push_any(out, ids)?;
        }
        if self.failed {
            out.push_sql(" AND ");
            out.push_sql(columns.failed);
        }
        Ok(())
    }
}

/// A statement whose text depends on its conditions.
macro_rules! not_cached {
    ($($name:ident)*) => {$(
        impl<F: ?Sized> diesel::query_builder::QueryId for $name<'_, F> {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
    )*};
}

pub(crate) use not_cached;
