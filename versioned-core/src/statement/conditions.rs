//! Conditions that an operator combines. The text of a statement with them depends on which there
//! are, so it is not cached.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::filter::Filter;

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

/// Those of dead letters.
pub(crate) const LETTERS: Columns = Columns {
    has_replica: true,
    has_id: true,
    reason: "reason",
    at: "first_at",
    failed: "t.reason <> ''",
};

impl Filter {
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
        let replicas = self.replicas.iter().filter(|_| columns.has_replica);
        let replicas = replicas.map(|replica| ("replica", replica));
        let entities = self.entities.iter().map(|entity| ("entity", entity));
        let records = self.records.iter().map(|key| ("key", key));
        for (column, text) in replicas.chain(entities).chain(records) {
            out.push_sql(" AND t.");
            out.push_identifier(column)?;
            out.push_sql(" = ");
            F::push_text(out, text)?;
        }
        for part in &self.reasons {
            push_contains::<F, DB>(columns.reason, part, out)?;
        }
        let id = columns.has_id.then_some("id");
        let bounds = [
            (&self.since, Some(columns.at), " >= "),
            (&self.until, Some(columns.at), " < "),
            (&self.after, id, " > "),
            (&self.up_to, id, " <= "),
        ];
        for (bound, column, sql) in bounds {
            if let (Some(bound), Some(column)) = (bound, column) {
                out.push_sql(" AND t.");
                out.push_sql(column);
                out.push_sql(sql);
                F::push_number(out, bound)?;
            }
        }
        if let Some(ids) = self.ids.as_ref().filter(|_| columns.has_id) {
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

/// Pushes a condition on a part of the reason, byte by byte. MySQL would compare the texts by their
/// collation, MySQL 9 even where one of the two is binary.
fn push_contains<'b, F, DB>(
    column: &str,
    part: &'b str,
    out: &mut AstPass<'_, 'b, DB>,
) -> QueryResult<()>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    let dialect = F::dialect(out.backend());
    if dialect == Some(Dialect::Mysql) {
        out.push_sql(" AND LOCATE(CAST(");
        F::push_text(out, part)?;
        out.push_sql(" AS BINARY), CAST(t.");
        out.push_sql(column);
        out.push_sql(" AS BINARY)");
    } else {
        let is_sqlite = dialect == Some(Dialect::Sqlite);
        out.push_sql(if is_sqlite {
            " AND instr(t."
        } else {
            " AND strpos(t."
        });
        out.push_sql(column);
        out.push_sql(", ");
        F::push_text(out, part)?;
    }
    out.push_sql(") > 0");
    Ok(())
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
