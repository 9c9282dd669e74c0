//! The statements about chosen dead letters. Their text depends on the filter, or on the ids.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::filter::Filter;
use crate::statement::conditions::{LETTERS, not_cached};
use crate::statement::outbox::now::push_now;
use crate::statement::safe_updates::push_verb;

/// The letters of a replica that a filter matches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice<'a> {
    pub(crate) replica: &'a str,
    pub(crate) entity: &'a str,
    pub(crate) filter: &'a Filter,
    /// The id after which the letters begin.
    pub(crate) above: i64,
    /// The greatest id.
    pub(crate) newest: i64,
    /// The largest number of letters.
    pub(crate) limit: i64,
}

impl Choice<'_> {
    /// Pushes ` FROM versioned_dead_letters AS t WHERE .. ORDER BY t.id LIMIT $n`.
    fn push<'b, F, DB>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        F: SqlFor<DB> + ?Sized,
        DB: Backend,
    {
        out.unsafe_to_cache_prepared();
        out.push_sql(" FROM versioned_dead_letters AS t WHERE t.replica = ");
        F::push_text(out, self.replica)?;
        out.push_sql(" AND t.entity = ");
        F::push_text(out, self.entity)?;
        out.push_sql(" AND t.id > ");
        F::push_number(out, &self.above)?;
        out.push_sql(" AND t.id <= ");
        F::push_number(out, &self.newest)?;
        self.filter.push::<F, DB>(LETTERS, out)?;
        out.push_sql(" ORDER BY t.id LIMIT ");
        F::push_number(out, &self.limit)
    }
}

/// Selects the ids of the letters that a filter matches.
pub(crate) struct Choose<'a, F: ?Sized> {
    pub(crate) choice: Choice<'a>,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

/// `INSERT INTO versioned_request_items (..) SELECT .. FROM versioned_dead_letters AS t WHERE ..`: adds
/// the letters that a filter matches to a request.
pub(crate) struct LettersOfRequest<'a, F: ?Sized> {
    pub(crate) request: i64,
    pub(crate) choice: Choice<'a>,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

/// Locks letters of one record, and selects them in the order of their versions. On MySQL it uses the
/// index of the records, as `OfRecord` does: by their ids, it would lock the entries of the two indexes
/// in the opposite order, and deadlock with a redrive of the same record.
pub(crate) struct LettersOf<'a, F: ?Sized> {
    pub(crate) replica: &'a str,
    pub(crate) entity: &'a str,
    pub(crate) key: &'a str,
    pub(crate) ids: &'a [i64],
    pub(crate) flavor: PhantomData<fn(&F)>,
}

/// Deletes letters.
pub(crate) struct DiscardEach<'a, F: ?Sized> {
    pub(crate) replica: &'a str,
    pub(crate) entity: &'a str,
    pub(crate) ids: &'a [i64],
    pub(crate) flavor: PhantomData<fn(&F)>,
}

/// Writes the same result for items of a request.
pub(crate) struct SettleEach<'a, F: ?Sized> {
    pub(crate) request: i64,
    pub(crate) outcome: &'a str,
    pub(crate) items: &'a [i64],
    pub(crate) flavor: PhantomData<fn(&F)>,
}

not_cached! { Choose LettersOfRequest LettersOf DiscardEach SettleEach }

impl<F, DB> QueryFragment<DB> for Choose<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT t.id");
        self.choice.push::<F, DB>(&mut out)
    }
}

impl<F, DB> QueryFragment<DB> for LettersOfRequest<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO versioned_request_items (request, item, ");
        out.push_identifier("key")?;
        out.push_sql(", version, outcome, error, at) SELECT ");
        F::push_number(&mut out, &self.request)?;
        out.push_sql(", t.id, t.");
        out.push_identifier("key")?;
        out.push_sql(", t.version, '', '', 0");
        self.choice.push::<F, DB>(&mut out)
    }
}

/// Pushes ` WHERE replica = $1 AND entity = $2 AND id = ANY($3)`.
fn push_letters<'b, F, DB>(
    replica: &'b str,
    entity: &'b str,
    ids: &'b [i64],
    out: &mut AstPass<'_, 'b, DB>,
) -> QueryResult<()>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    out.push_sql(" WHERE replica = ");
    F::push_text(out, replica)?;
    out.push_sql(" AND entity = ");
    F::push_text(out, entity)?;
    out.push_sql(" AND id");
    F::push_any(out, ids)
}

impl<F, DB> QueryFragment<DB> for LettersOf<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT id, ");
        out.push_identifier("key")?;
        out.push_sql(
            ", version, source, subject, message_key, headers, body, reason, attempts, first_at, last_at",
        );
        out.push_sql(" FROM versioned_dead_letters");
        if F::dialect(out.backend()) == Some(Dialect::Mysql) && !self.key.is_empty() {
            out.push_sql(" FORCE INDEX (versioned_dead_letters_records)");
        }
        push_letters::<F, DB>(self.replica, self.entity, self.ids, &mut out)?;
        out.push_sql(" AND ");
        out.push_identifier("key")?;
        out.push_sql(" = ");
        F::push_text(&mut out, self.key)?;
        out.push_sql(" ORDER BY version, id");
        if F::dialect(out.backend()) != Some(Dialect::Sqlite) {
            out.push_sql(" FOR UPDATE");
        }
        Ok(())
    }
}

impl<F, DB> QueryFragment<DB> for DiscardEach<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("DELETE FROM versioned_dead_letters");
        push_letters::<F, DB>(self.replica, self.entity, self.ids, &mut out)
    }
}

impl<F, DB> QueryFragment<DB> for SettleEach<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        push_verb("UPDATE", F::dialect(out.backend()), &mut out);
        out.push_sql(" versioned_request_items SET outcome = ");
        F::push_text(&mut out, self.outcome)?;
        out.push_sql(", at = ");
        push_now::<F, DB>(&mut out);
        out.push_sql(" WHERE request = ");
        F::push_number(&mut out, &self.request)?;
        out.push_sql(" AND item");
        F::push_any(&mut out, self.items)
    }
}
