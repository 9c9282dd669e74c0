//! The rows of the tables of replicas for operators, whatever models they belong to.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::QueryResult;

use crate::dialect::SqlFor;
use crate::filter::Filter;
use crate::statement::conditions::{Columns, LETTERS, not_cached};

const PARKED: Columns = Columns {
    has_replica: true,
    has_id: false,
    reason: "error",
    at: "at",
    failed: "t.error IS NOT NULL",
};

not_cached! { AnyLetters CountLetters DiscardLetters AnyParkedRecords CountParked }

/// Selects dead letters in the order of their arrival, without their messages unless `whole`, and
/// counts what waits for each:
///
/// ```sql
/// SELECT t.id, t.replica, .., (SELECT count(*) FROM versioned_parked AS p WHERE p.replica = t.replica ..),
///     (SELECT count(*) FROM versioned_dead_letters AS b WHERE .. AND b.reason = '')
/// FROM versioned_dead_letters AS t WHERE t.id > $1 AND t.replica = $2 AND .. ORDER BY t.id LIMIT $3
/// ```
pub(crate) struct AnyLetters<'a, F: ?Sized> {
    pub(crate) filter: &'a Filter,
    pub(crate) whole: bool,
    pub(crate) after: i64,
    pub(crate) limit: i64,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

impl<F, DB> QueryFragment<DB> for AnyLetters<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT t.id, t.replica, t.entity, t.");
        out.push_identifier("key")?;
        out.push_sql(", t.version, t.source, t.subject, ");
        out.push_sql(if self.whole {
            "t.message_key, t.headers, t.body"
        } else {
            "'', '', ''"
        });
        out.push_sql(", t.reason, t.attempts, t.first_at, t.last_at, (SELECT count(*) FROM versioned_parked AS p WHERE ");
        push_later("p", &mut out)?;
        out.push_sql("), (SELECT count(*) FROM versioned_dead_letters AS b WHERE ");
        push_later("b", &mut out)?;
        out.push_sql(" AND b.reason = '') FROM versioned_dead_letters AS t WHERE t.id > ");
        F::push_number(&mut out, &self.after)?;
        self.filter.push::<F, DB>(LETTERS, &mut out)?;
        out.push_sql(" ORDER BY t.id LIMIT ");
        F::push_number(&mut out, &self.limit)
    }
}

/// Pushes the condition that a row is of the same record as `t`, and of a later version. A message
/// that could not be read is of no record.
fn push_later<DB: Backend>(alias: &str, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
    for column in ["replica", "entity", "key"] {
        out.push_sql(alias);
        out.push_sql(".");
        out.push_identifier(column)?;
        out.push_sql(" = t.");
        out.push_identifier(column)?;
        out.push_sql(" AND ");
    }
    out.push_sql(alias);
    out.push_sql(".version > t.version AND t.");
    out.push_identifier("key")?;
    out.push_sql(" <> ''");
    Ok(())
}

/// Counts dead letters, at most `limit`.
pub(crate) struct CountLetters<'a, F: ?Sized> {
    pub(crate) filter: &'a Filter,
    pub(crate) limit: i64,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

impl<F, DB> QueryFragment<DB> for CountLetters<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT count(*) FROM (SELECT 1 FROM versioned_dead_letters AS t WHERE 1 = 1");
        self.filter.push::<F, DB>(LETTERS, &mut out)?;
        out.push_sql(" LIMIT ");
        F::push_number(&mut out, &self.limit)?;
        out.push_sql(") AS c");
        Ok(())
    }
}

/// Deletes dead letters: `DELETE FROM versioned_dead_letters WHERE id = ANY($1)`.
pub(crate) struct DiscardLetters<'a, F: ?Sized> {
    pub(crate) ids: &'a [i64],
    pub(crate) flavor: PhantomData<fn(&F)>,
}

impl<F, DB> QueryFragment<DB> for DiscardLetters<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("DELETE FROM versioned_dead_letters WHERE id");
        F::push_any(&mut out, self.ids)
    }
}

/// Selects records with parked events, after a place:
///
/// ```sql
/// SELECT t.replica, t.entity, t.key, COALESCE((SELECT version FROM versioned_positions ..), $1),
///     min(t.version), count(*), min(t.at), COALESCE(max(t.error), ''),
///     COALESCE((SELECT min(id) FROM versioned_dead_letters ..), 0)
/// FROM versioned_parked AS t WHERE t.replica >= $2 AND (t.replica, t.entity, t.key) > ($2, $3, $4)
/// GROUP BY t.replica, t.entity, t.key ORDER BY t.replica, t.entity, t.key LIMIT $5
/// ```
pub(crate) struct AnyParkedRecords<'a, F: ?Sized> {
    pub(crate) filter: &'a Filter,
    pub(crate) after: Option<[&'a str; 3]>,
    /// Stands for a record without a position.
    pub(crate) nothing: i64,
    pub(crate) limit: i64,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

impl<F, DB> QueryFragment<DB> for AnyParkedRecords<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT ");
        push_record(&mut out)?;
        out.push_sql(", COALESCE((SELECT p.version FROM versioned_positions AS p WHERE ");
        push_same("p", &mut out)?;
        out.push_sql("), ");
        F::push_number(&mut out, &self.nothing)?;
        out.push_sql("), min(t.version), count(*), min(t.at), COALESCE(max(t.error), ''), COALESCE((SELECT min(d.id) FROM versioned_dead_letters AS d WHERE ");
        push_same("d", &mut out)?;
        out.push_sql("), 0) FROM versioned_parked AS t WHERE 1 = 1");
        if let Some([replica, entity, key]) = self.after {
            // MySQL and MariaDB look up no range in an index for a comparison of tuples.
            out.push_sql(" AND t.replica >= ");
            F::push_text(&mut out, replica)?;
            out.push_sql(" AND (");
            push_record(&mut out)?;
            out.push_sql(") > (");
            F::push_text(&mut out, replica)?;
            out.push_sql(", ");
            F::push_text(&mut out, entity)?;
            out.push_sql(", ");
            F::push_text(&mut out, key)?;
            out.push_sql(")");
        }
        self.filter.push::<F, DB>(PARKED, &mut out)?;
        out.push_sql(" GROUP BY ");
        push_record(&mut out)?;
        out.push_sql(" ORDER BY ");
        push_record(&mut out)?;
        out.push_sql(" LIMIT ");
        F::push_number(&mut out, &self.limit)
    }
}

/// Pushes `t.replica, t.entity, t.key`.
fn push_record<DB: Backend>(out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
    out.push_sql("t.replica, t.entity, t.");
    out.push_identifier("key")
}

/// Pushes the condition that a row is of the same record as `t`.
fn push_same<DB: Backend>(alias: &str, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
    for (column, before) in [("replica", ""), ("entity", " AND "), ("key", " AND ")] {
        out.push_sql(before);
        out.push_sql(alias);
        out.push_sql(".");
        out.push_identifier(column)?;
        out.push_sql(" = t.");
        out.push_identifier(column)?;
    }
    Ok(())
}

/// Counts parked events, at most `limit`.
pub(crate) struct CountParked<'a, F: ?Sized> {
    pub(crate) filter: &'a Filter,
    pub(crate) limit: i64,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

impl<F, DB> QueryFragment<DB> for CountParked<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT count(*) FROM (SELECT 1 FROM versioned_parked AS t WHERE 1 = 1");
        self.filter.push::<F, DB>(PARKED, &mut out)?;
        out.push_sql(" LIMIT ");
        F::push_number(&mut out, &self.limit)?;
        out.push_sql(") AS c");
        Ok(())
    }
}
