//! The statements of a relay: they claim a batch of due events and record the outcomes.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::statement::outbox::now::push_now;
use crate::statement::safe_updates::push_verb;

/// The first events that are due. With `HEADS`, only the oldest event of each record. With
/// `RETRIED`, only events that were rejected before.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) limit: i64,
}

impl Due {
    fn push<'b, const HEADS: bool, const RETRIED: bool, F, DB>(
        &'b self,
        out: &mut AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        F: SqlFor<DB> + ?Sized,
        DB: Backend,
    {
        out.push_sql(" WHERE o.due <= ");
        push_now::<F, DB>(out);
        if RETRIED {
            out.push_sql(" AND o.attempts > 0");
        }
        if HEADS {
            out.push_sql(
                " AND NOT EXISTS (SELECT 1 FROM versioned_outbox e WHERE e.entity = o.entity AND e.",
            );
            out.push_identifier("key")?;
            out.push_sql(" = o.");
            out.push_identifier("key")?;
            out.push_sql(" AND e.version < o.version)");
        }
        out.push_sql(" ORDER BY o.attempts, o.id LIMIT ");
        F::push_number(out, &self.limit)
    }
}

/// Claims a batch of events that no other relay has claimed.
///
/// ```sql
/// SELECT o.id, .. FROM versioned_outbox o
/// WHERE o.due <= (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
///   AND o.attempts > 0        -- RETRIED
/// ORDER BY o.attempts, o.id LIMIT $1 FOR UPDATE SKIP LOCKED
/// ```
pub(crate) struct Claim<const RETRIED: bool, F: ?Sized> {
    pub(crate) due: Due,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

pub(crate) enum ClaimId<const RETRIED: bool> {}

impl<const RETRIED: bool, F: ?Sized> QueryId for Claim<RETRIED, F> {
    type QueryId = ClaimId<RETRIED>;
}

impl<const RETRIED: bool, F, DB> QueryFragment<DB> for Claim<RETRIED, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let dialect = F::dialect(out.backend());
        out.push_sql("SELECT ");
        columns::<F, DB>(&mut out)?;
        from_outbox(dialect, &mut out);
        self.due.push::<false, RETRIED, F, DB>(&mut out)?;
        if dialect != Some(Dialect::Sqlite) {
            out.push_sql(" FOR UPDATE SKIP LOCKED");
        }
        Ok(())
    }
}

/// Takes the lock of the ordered relays, on PostgreSQL. Returns 1 if no other relay has it, and
/// otherwise 0. The transaction holds it until its end.
///
/// A batch must be read by a statement that begins after this one. Otherwise it would not see what
/// the relay that had the lock before has written.
#[derive(Debug, QueryId)]
pub(crate) struct LockOrder;

impl<DB: Backend> QueryFragment<DB> for LockOrder {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // An oid has 32 bits and no sign. Each schema has its own outbox.
        out.push_sql(
            "SELECT pg_try_advisory_xact_lock(1449489012, ('versioned_outbox'::regclass::oid::bigint - 2147483648)::int)::int::bigint",
        );
        Ok(())
    }
}

/// Claims the oldest events for the one ordered relay that has the [lock](LockOrder), on PostgreSQL
/// and `SQLite`. It leaves out the records of which an event is put aside, which is their oldest.
/// PostgreSQL hashes these records. For a NOT EXISTS it would go through all of them for each
/// event.
///
/// ```sql
/// SELECT o.id, .. FROM versioned_outbox o
/// WHERE o.due <= (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
///   AND (o.entity, o.key) NOT IN (SELECT e.entity, e.key FROM versioned_outbox e
///     WHERE e.attempts > 0 AND e.due > (extract(epoch FROM statement_timestamp()) * 1000000)::bigint)
/// ORDER BY o.id LIMIT $1 FOR UPDATE
/// ```
///
/// The ids of a record's events rise, because each writer holds the lock on the record's row.
pub(crate) struct ClaimInOrder<F: ?Sized> {
    pub(crate) due: Due,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

pub(crate) enum ClaimInOrderId {}

impl<F: ?Sized> QueryId for ClaimInOrder<F> {
    type QueryId = ClaimInOrderId;
}

impl<F, DB> QueryFragment<DB> for ClaimInOrder<F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let dialect = F::dialect(out.backend());
        out.push_sql("SELECT ");
        columns::<F, DB>(&mut out)?;
        from_outbox(None, &mut out);
        out.push_sql(" WHERE o.due <= ");
        push_now::<F, DB>(&mut out);
        out.push_sql(" AND (o.entity, o.");
        out.push_identifier("key")?;
        out.push_sql(") NOT IN (SELECT e.entity, e.");
        out.push_identifier("key")?;
        out.push_sql(" FROM versioned_outbox e WHERE e.attempts > 0 AND e.due > ");
        push_now::<F, DB>(&mut out);
        out.push_sql(") ORDER BY o.id LIMIT ");
        F::push_number(&mut out, &self.due.limit)?;
        if dialect != Some(Dialect::Sqlite) {
            out.push_sql(" FOR UPDATE");
        }
        Ok(())
    }
}

/// On MySQL and `MariaDB`, selects the oldest event of each record, also if another relay has
/// claimed it. [`ClaimByIds`] then locks the events.
///
/// One statement would not be correct. A locking SELECT sees the current rows, but its subquery
/// sees the rows as of its beginning. An event would then seem to be the oldest one if an older
/// event was committed in between.
pub(crate) struct OldestPerKey<const RETRIED: bool, F: ?Sized> {
    pub(crate) due: Due,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

pub(crate) enum OldestPerKeyId<const RETRIED: bool> {}

impl<const RETRIED: bool, F: ?Sized> QueryId for OldestPerKey<RETRIED, F> {
    type QueryId = OldestPerKeyId<RETRIED>;
}

impl<const RETRIED: bool, F, DB> QueryFragment<DB> for OldestPerKey<RETRIED, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT o.id");
        let dialect = F::dialect(out.backend());
        from_outbox(dialect, &mut out);
        self.due.push::<true, RETRIED, F, DB>(&mut out)
    }
}

/// On MySQL and `MariaDB`, claims those of the given events that no other relay has claimed.
///
/// ```sql
/// SELECT o.id, .. FROM (SELECT v.id FROM JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$')) v) v
/// STRAIGHT_JOIN versioned_outbox o FORCE INDEX (PRIMARY) ON o.id = v.id
/// LIMIT ? FOR UPDATE SKIP LOCKED
/// ```
///
/// The subquery is necessary because MySQL rejects a lock on rows of a `JSON_TABLE`, and `MariaDB`
/// has no `FOR UPDATE OF`.
pub(crate) struct ClaimByIds<F: ?Sized> {
    json: String,
    limit: i64,
    flavor: PhantomData<fn(&F)>,
}

impl<F: ?Sized> ClaimByIds<F> {
    pub(crate) fn new(ids: &[i64], limit: i64) -> Self {
        Self {
            json: format!("{ids:?}"),
            limit,
            flavor: PhantomData,
        }
    }
}

pub(crate) enum ClaimByIdsId {}

impl<F: ?Sized> QueryId for ClaimByIds<F> {
    type QueryId = ClaimByIdsId;
}

impl<F, DB> QueryFragment<DB> for ClaimByIds<F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        columns::<F, DB>(&mut out)?;
        out.push_sql(" FROM (SELECT v.id FROM ");
        ids::<F, DB>(&self.json, &mut out)?;
        out.push_sql(") v");
        out.push_sql(THE_EVENTS);
        out.push_sql(" LIMIT ");
        F::push_number(&mut out, &self.limit)?;
        out.push_sql(" FOR UPDATE SKIP LOCKED");
        Ok(())
    }
}

fn columns<F, DB>(out: &mut AstPass<'_, '_, DB>) -> QueryResult<()>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    out.push_sql("o.id, o.entity, o.");
    out.push_identifier("key")?;
    out.push_sql(", o.version, o.op, o.payload, o.attempts, ");
    push_now::<F, DB>(out);
    out.push_sql(" - o.at");
    Ok(())
}

fn from_outbox<DB: Backend>(dialect: Option<Dialect>, out: &mut AstPass<'_, '_, DB>) {
    out.push_sql(" FROM versioned_outbox o");
    if dialect == Some(Dialect::Mysql) {
        // Without this index, the rows would be sorted, and a sort locks all of its rows first.
        out.push_sql(" FORCE INDEX (versioned_outbox_attempts)");
    }
}

/// Pushes the ids as a table.
fn ids<'b, F, DB>(json: &'b str, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    out.push_sql("JSON_TABLE(");
    F::push_text(out, json)?;
    out.push_sql(", '$[*]' COLUMNS (id BIGINT PATH '$')) v");
    Ok(())
}

/// Looks up each id. Without the hints, the optimizer would read the whole table if the table is
/// short or the list is long, and would wait for rows that other relays have locked.
const THE_EVENTS: &str = " STRAIGHT_JOIN versioned_outbox o FORCE INDEX (PRIMARY) ON o.id = v.id";

/// Deletes published events.
///
/// ```sql
/// DELETE FROM versioned_outbox WHERE id = ANY($1)     -- PostgreSQL; IN (1, 2) on SQLite
/// -- MySQL and MariaDB
/// DELETE o FROM JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$')) v
///     STRAIGHT_JOIN versioned_outbox o FORCE INDEX (PRIMARY) ON o.id = v.id
/// ```
pub(crate) struct DeletePublished<'a, F: ?Sized> {
    ids: &'a [i64],
    json: String,
    flavor: PhantomData<fn(&F)>,
}

impl<'a, F: ?Sized> DeletePublished<'a, F> {
    pub(crate) fn new(ids: &'a [i64], dialect: Dialect) -> Self {
        let json = if dialect == Dialect::Mysql {
            format!("{ids:?}")
        } else {
            String::new()
        };
        Self {
            ids,
            json,
            flavor: PhantomData,
        }
    }
}

impl<F: ?Sized> QueryId for DeletePublished<'_, F> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<F, DB> QueryFragment<DB> for DeletePublished<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if F::dialect(out.backend()) != Some(Dialect::Mysql) {
            out.push_sql("DELETE FROM versioned_outbox WHERE id");
            return F::push_any(&mut out, self.ids);
        }
        push_verb("DELETE", Some(Dialect::Mysql), &mut out);
        out.push_sql(" o FROM ");
        ids::<F, DB>(&self.json, &mut out)?;
        out.push_sql(THE_EVENTS);
        Ok(())
    }
}

/// For an event that the broker rejected:
///
/// ```sql
/// UPDATE versioned_outbox SET attempts = attempts + 1,
///     due = (extract(epoch FROM statement_timestamp()) * 1000000)::bigint + $1, error = $2
/// WHERE id = $3
/// ```
pub(crate) struct Reschedule<'a, F: ?Sized> {
    pub(crate) id: i64,
    /// Microseconds from now on.
    pub(crate) delay: i64,
    pub(crate) error: &'a str,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

pub(crate) enum RescheduleId {}

impl<F: ?Sized> QueryId for Reschedule<'_, F> {
    type QueryId = RescheduleId;
}

impl<F, DB> QueryFragment<DB> for Reschedule<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE versioned_outbox");
        if F::dialect(out.backend()) == Some(Dialect::Mysql) {
            out.push_sql(" FORCE INDEX (PRIMARY)");
        }
        out.push_sql(" SET attempts = attempts + 1, due = ");
        push_now::<F, DB>(&mut out);
        out.push_sql(" + ");
        F::push_number(&mut out, &self.delay)?;
        out.push_sql(", error = ");
        F::push_text(&mut out, self.error)?;
        out.push_sql(" WHERE id = ");
        F::push_number(&mut out, &self.id)
    }
}

/// `SET TRANSACTION ISOLATION LEVEL READ COMMITTED`. It applies to the open transaction on
/// PostgreSQL, and to the next one elsewhere.
///
/// At REPEATABLE READ, InnoDB would also lock the gaps between the events, where owners insert
/// theirs. PostgreSQL would reject a batch if another relay deleted some of its events meanwhile.
#[derive(Debug, Clone, Copy, QueryId)]
pub(crate) struct ReadCommitted;

impl<DB: Backend> QueryFragment<DB> for ReadCommitted {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
        Ok(())
    }
}

/// `SELECT pg_notify('versioned_outbox', $1)`, which a listener must hear, on PostgreSQL.
pub(crate) struct Probe<'a, F: ?Sized> {
    pub(crate) payload: &'a str,
    pub(crate) flavor: PhantomData<fn(&F)>,
}

pub(crate) enum ProbeId {}

impl<F: ?Sized> QueryId for Probe<'_, F> {
    type QueryId = ProbeId;
}

impl<F, DB> QueryFragment<DB> for Probe<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT pg_notify('versioned_outbox', ");
        F::push_text(&mut out, self.payload)?;
        out.push_sql(")");
        Ok(())
    }
}
