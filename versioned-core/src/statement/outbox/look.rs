//! The statements that look at the outbox, for operators. None of them reads the whole table.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::statement::outbox::now::push_now;
use crate::statement::safe_updates::push_verb;

/// Counts the pending events and the rejected ones, at most `most` each, and selects the ages of the
/// oldest in microseconds:
///
/// ```sql
/// SELECT p.events, COALESCE(now - p.oldest, 0), r.events, COALESCE(now - r.oldest, 0)
/// FROM (SELECT COUNT(*) AS events, MIN(at) AS oldest FROM (
///     SELECT at FROM versioned_outbox ORDER BY id LIMIT $1) AS e) AS p
/// CROSS JOIN (SELECT COUNT(*) AS events, MIN(at) AS oldest FROM (
///     SELECT at FROM versioned_outbox WHERE attempts > 0 ORDER BY attempts, id LIMIT $1) AS e) AS r
/// ```
pub(crate) struct BacklogOfOutbox<F: ?Sized> {
    /// How far to count.
    pub(crate) most: i64,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

pub(crate) enum BacklogId {}

impl<F: ?Sized> QueryId for BacklogOfOutbox<F> {
    type QueryId = BacklogId;
}

impl<F, DB> QueryFragment<DB> for BacklogOfOutbox<F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT p.events, COALESCE(");
        push_now::<F, DB>(&mut out);
        out.push_sql(" - p.oldest, 0), r.events, COALESCE(");
        push_now::<F, DB>(&mut out);
        out.push_sql(
            " - r.oldest, 0) FROM (SELECT COUNT(*) AS events, MIN(at) AS oldest FROM (\
                SELECT at FROM versioned_outbox ORDER BY id LIMIT ",
        );
        F::push_number(&mut out, &self.most)?;
        out.push_sql(
            ") AS e) AS p CROSS JOIN (SELECT COUNT(*) AS events, MIN(at) AS oldest FROM (\
                SELECT at FROM versioned_outbox WHERE attempts > 0 ORDER BY attempts, id LIMIT ",
        );
        F::push_number(&mut out, &self.most)?;
        out.push_sql(") AS e) AS r");
        Ok(())
    }
}

/// Selects rejected events, after one with so many attempts and this id:
///
/// ```sql
/// SELECT id, entity, key, version, op, COALESCE(error, ''), attempts, at FROM versioned_outbox
/// WHERE attempts >= $1 AND (attempts, id) > ($1, $2) ORDER BY attempts, id LIMIT $3
/// ```
pub(crate) struct RejectedEvents<F: ?Sized> {
    /// At least 1.
    pub(crate) attempts: i64,
    pub(crate) id: i64,
    pub(crate) limit: i64,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

pub(crate) enum RejectedEventsId {}

impl<F: ?Sized> QueryId for RejectedEvents<F> {
    type QueryId = RejectedEventsId;
}

impl<F, DB> QueryFragment<DB> for RejectedEvents<F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT id, entity, ");
        out.push_identifier("key")?;
        out.push_sql(
            ", version, op, COALESCE(error, ''), attempts, at FROM versioned_outbox WHERE ",
        );
        // MySQL and MariaDB look up no range in an index for a comparison of tuples.
        out.push_sql("attempts >= ");
        F::push_number(&mut out, &self.attempts)?;
        out.push_sql(" AND (attempts, id) > (");
        F::push_number(&mut out, &self.attempts)?;
        out.push_sql(", ");
        F::push_number(&mut out, &self.id)?;
        out.push_sql(") ORDER BY attempts, id LIMIT ");
        F::push_number(&mut out, &self.limit)
    }
}

/// Makes the rejected events due. Those that a relay has claimed are due already.
///
/// ```sql
/// UPDATE versioned_outbox SET due = 0
/// WHERE attempts > 0 AND due > (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
/// ```
pub(crate) struct MakeDue<F: ?Sized> {
    pub(crate) flavor: PhantomData<fn(&F)>,
}

pub(crate) enum MakeDueId {}

impl<F: ?Sized> QueryId for MakeDue<F> {
    type QueryId = MakeDueId;
}

impl<F, DB> QueryFragment<DB> for MakeDue<F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        push_verb("UPDATE", F::dialect(out.backend()), &mut out);
        out.push_sql(" versioned_outbox");
        if F::dialect(out.backend()) == Some(Dialect::Mysql) {
            // A scan would lock all events.
            out.push_sql(" FORCE INDEX (versioned_outbox_attempts)");
        }
        out.push_sql(" SET due = 0 WHERE attempts > 0 AND due > ");
        push_now::<F, DB>(&mut out);
        Ok(())
    }
}

/// `PRAGMA data_version`, on `SQLite`. The number changes when another connection commits, and means
/// nothing on any other connection.
#[derive(Debug, Clone, Copy, QueryId)]
pub(crate) struct DataVersion;

impl<DB: Backend> QueryFragment<DB> for DataVersion {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("PRAGMA data_version");
        Ok(())
    }
}
