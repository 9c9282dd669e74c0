//! The events in the outbox, for operators.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::filter::Filter;
use crate::statement::conditions::{Columns, not_cached};
use crate::statement::outbox::now::push_now;
use crate::statement::safe_updates::push_verb;

const EVENTS: Columns = Columns {
    has_replica: false,
    has_id: true,
    reason: "error",
    at: "at",
    failed: "t.attempts > 0",
};

not_cached! { PendingEvents CountEvents MakeSomeDue }

/// Selects events in the order of their ids, or with `failed`, rejected ones in the order in which
/// relays try them:
///
/// ```sql
/// SELECT t.id, t.entity, t.key, t.version, t.op, t.at, t.attempts,
///     CASE WHEN t.due > (extract(epoch FROM statement_timestamp()) * 1000000)::bigint THEN t.due ELSE 0 END,
///     COALESCE(t.error, '')
/// FROM versioned_outbox AS t WHERE t.id > $1 AND .. ORDER BY t.id LIMIT $2
/// ```
pub(crate) struct PendingEvents<'a, F: ?Sized> {
    pub(crate) filter: &'a Filter,
    /// Used with `failed`. At least 1.
    pub(crate) attempts: i64,
    pub(crate) id: i64,
    pub(crate) limit: i64,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

impl<F, DB> QueryFragment<DB> for PendingEvents<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT t.id, t.entity, t.");
        out.push_identifier("key")?;
        out.push_sql(", t.version, t.op, t.at, t.attempts, CASE WHEN t.due > ");
        push_now::<F, DB>(&mut out);
        out.push_sql(
            " THEN t.due ELSE 0 END, COALESCE(t.error, '') FROM versioned_outbox AS t WHERE ",
        );
        if self.filter.failed {
            out.push_sql("t.attempts >= ");
            F::push_number(&mut out, &self.attempts)?;
            out.push_sql(" AND (t.attempts, t.id) > (");
            F::push_number(&mut out, &self.attempts)?;
            out.push_sql(", ");
            F::push_number(&mut out, &self.id)?;
            out.push_sql(")");
        } else {
            out.push_sql("t.id > ");
            F::push_number(&mut out, &self.id)?;
        }
        self.filter.push::<F, DB>(EVENTS, &mut out)?;
        out.push_sql(if self.filter.failed {
            " ORDER BY t.attempts, t.id LIMIT "
        } else {
            " ORDER BY t.id LIMIT "
        });
        F::push_number(&mut out, &self.limit)
    }
}

/// Counts events, at most `limit`.
pub(crate) struct CountEvents<'a, F: ?Sized> {
    pub(crate) filter: &'a Filter,
    pub(crate) limit: i64,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

impl<F, DB> QueryFragment<DB> for CountEvents<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT count(*) FROM (SELECT 1 FROM versioned_outbox AS t WHERE 1 = 1");
        self.filter.push::<F, DB>(EVENTS, &mut out)?;
        out.push_sql(" LIMIT ");
        F::push_number(&mut out, &self.limit)?;
        out.push_sql(") AS c");
        Ok(())
    }
}

/// Makes rejected events due:
///
/// ```sql
/// UPDATE versioned_outbox SET due = 0 WHERE id = ANY($1) AND attempts > 0
///     AND due > (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
/// ```
pub(crate) struct MakeSomeDue<'a, F: ?Sized> {
    pub(crate) ids: &'a [i64],
    pub(crate) flavor: PhantomData<fn(&F)>,
}

impl<F, DB> QueryFragment<DB> for MakeSomeDue<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        push_verb("UPDATE", F::dialect(out.backend()), &mut out);
        out.push_sql(" versioned_outbox");
        if F::dialect(out.backend()) == Some(Dialect::Mysql) {
            // Another index would lock events that are not meant.
            out.push_sql(" FORCE INDEX (PRIMARY)");
        }
        out.push_sql(" SET due = 0 WHERE id");
        F::push_any(&mut out, self.ids)?;
        out.push_sql(" AND attempts > 0 AND due > ");
        push_now::<F, DB>(&mut out);
        Ok(())
    }
}
