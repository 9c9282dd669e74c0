//! Deletes old rows of a replica or an owner, in batches, and leaves out those that others have
//! locked.
//!
//! On PostgreSQL and `SQLite`, a batch is one statement. On MySQL and MariaDB, that statement would
//! also lock the rows that it reads and does not delete. There the keys are read without a lock, and
//! each row is locked by its key and deleted.

use crate::dialect::Dialect;
use crate::statement::outbox::now::now;
use crate::statement::replica::dead_letters::{LetterValue, by_id};
use crate::statement::replica::position::PositionValue;
use crate::statement::template::texts;

/// The clock of `SQLite` knows milliseconds, and may be behind one that knows microseconds.
fn and_a_tick(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Sqlite) => " + 1000",
        _ => "",
    }
}

/// The beginning of a subquery that PostgreSQL runs once.
fn any_of(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Sqlite) => " IN (",
        _ => " = ANY(ARRAY(",
    }
}

fn end_of_any(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Sqlite) => ")",
        _ => " FOR UPDATE SKIP LOCKED))",
    }
}

texts! {
    PositionValue;

    /// Takes the lock of the purges of a replica or an owner. Returns 1 if no other purge has it, and
    /// otherwise 0. The transaction holds it until its end. PostgreSQL. Each schema has its own
    /// tables.
    LockPurge = [
        "SELECT pg_try_advisory_xact_lock(1449489013, hashtext('versioned_positions'::regclass::oid::text || ' ' || ",
        Replica, " || ' ' || ", Entity, "))::int::bigint",
    ];

    /// Forgets the first deletions that are older than `at` and not before a key, at most `newest`,
    /// and returns them. PostgreSQL and `SQLite`. A deletion stays while an event from before it may
    /// still be applied, and that of an owner while an event of the record is not published.
    PurgeTombstones = [
        "DELETE FROM versioned_positions WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, (any_of), "SELECT p.", KeyColumn,
        " FROM versioned_positions AS p WHERE p.replica = ", Replica, " AND p.entity = ", Entity,
        " AND p.", KeyColumn, " >= ", Key, " AND p.deleted_at < ", (now), (and_a_tick), " - ", At,
        " AND NOT EXISTS (SELECT 1 FROM versioned_parked AS k WHERE k.replica = ", Replica,
        " AND k.entity = ", Entity, " AND k.", KeyColumn, " = p.", KeyColumn,
        ") AND NOT EXISTS (SELECT 1 FROM versioned_dead_letters AS d WHERE d.replica = ", Replica,
        " AND d.entity = ", Entity, " AND d.", KeyColumn, " IN (p.", KeyColumn, ", '')) AND (", Replica,
        " <> '' OR NOT EXISTS (SELECT 1 FROM versioned_outbox AS o WHERE o.entity = ", Entity,
        " AND o.", KeyColumn, " = p.", KeyColumn, "))",
        " ORDER BY p.", KeyColumn, " LIMIT ", Newest, (end_of_any), " RETURNING ", KeyColumn, ", version",
    ];
    /// Selects what `PurgeTombstones` deletes, without locks. MySQL.
    OldTombstones = [
        "SELECT p.", KeyColumn,
        ", p.version FROM versioned_positions AS p WHERE p.replica = ", Replica, " AND p.entity = ", Entity,
        " AND p.", KeyColumn, " >= ", Key, " AND p.deleted_at < ", (now), (and_a_tick), " - ", At,
        " AND NOT EXISTS (SELECT 1 FROM versioned_parked AS k WHERE k.replica = ", Replica,
        " AND k.entity = ", Entity, " AND k.", KeyColumn, " = p.", KeyColumn,
        ") AND NOT EXISTS (SELECT 1 FROM versioned_dead_letters AS d WHERE d.replica = ", Replica,
        " AND d.entity = ", Entity, " AND d.", KeyColumn, " IN (p.", KeyColumn, ", '')) AND (", Replica,
        " <> '' OR NOT EXISTS (SELECT 1 FROM versioned_outbox AS o WHERE o.entity = ", Entity,
        " AND o.", KeyColumn, " = p.", KeyColumn, "))",
        " ORDER BY p.", KeyColumn, " LIMIT ", Newest,
    ];
    /// Counts what `PurgeTombstones` deletes, at most `newest`.
    CountOldTombstones = [
        "SELECT count(*) FROM (SELECT 1 AS one FROM versioned_positions AS p WHERE p.replica = ", Replica, " AND p.entity = ", Entity,
        " AND p.deleted_at < ", (now), (and_a_tick), " - ", At,
        " AND NOT EXISTS (SELECT 1 FROM versioned_parked AS k WHERE k.replica = ", Replica,
        " AND k.entity = ", Entity, " AND k.", KeyColumn, " = p.", KeyColumn,
        ") AND NOT EXISTS (SELECT 1 FROM versioned_dead_letters AS d WHERE d.replica = ", Replica,
        " AND d.entity = ", Entity, " AND d.", KeyColumn, " IN (p.", KeyColumn, ", '')) AND (", Replica,
        " <> '' OR NOT EXISTS (SELECT 1 FROM versioned_outbox AS o WHERE o.entity = ", Entity,
        " AND o.", KeyColumn, " = p.", KeyColumn, ")) LIMIT ", Newest, ") AS c",
    ];
    /// Locks a deletion if it is older than `at`, unless another transaction has locked it. MySQL.
    HoldTombstone = [
        "SELECT version FROM versioned_positions WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key, " AND deleted_at < ", (now), (and_a_tick), " - ", At,
        " FOR UPDATE SKIP LOCKED",
    ];
    /// Forgets a position that is locked. MySQL.
    PurgePosition = [
        "DELETE FROM versioned_positions WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key,
    ];

    /// Selects the first records, not before a key and at most `newest`, with events that are parked
    /// for longer than `at`.
    OldParked = [
        "SELECT ", KeyColumn, ", min(version) FROM versioned_parked WHERE replica = ", Replica,
        " AND entity = ", Entity, " AND ", KeyColumn, " >= ", Key, " AND at < ", (now), (and_a_tick), " - ", At,
        " GROUP BY ", KeyColumn, " ORDER BY ", KeyColumn, " LIMIT ", Newest,
    ];
    /// Counts events that are parked for longer than `at`, at most `newest`.
    CountOldParked = [
        "SELECT count(*) FROM (SELECT 1 AS one FROM versioned_parked WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND at < ", (now), (and_a_tick), " - ", At, " LIMIT ", Newest, ") AS c",
    ];
    /// Locks a position, unless another transaction has locked it. PostgreSQL and MySQL.
    HoldPosition = [
        "SELECT version FROM versioned_positions WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key, " FOR UPDATE SKIP LOCKED",
    ];
    /// Drops the events of a record that are parked for longer than `at`.
    PurgeParked = [
        Delete, " FROM versioned_parked WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key, " AND at < ", (now), (and_a_tick), " - ", At,
    ];
}

texts! {
    LetterValue;

    /// Deletes the first letters that came longer than `at` ago, at most `limit`, and returns them.
    /// PostgreSQL and `SQLite`.
    PurgeLetters = [
        "DELETE FROM versioned_dead_letters WHERE id", (any_of),
        "SELECT d.id FROM versioned_dead_letters AS d WHERE d.replica = ", Replica, " AND d.entity = ", Entity,
        " AND d.first_at < ", (now), (and_a_tick), " - ", At, " ORDER BY d.id LIMIT ", Limit, (end_of_any),
        " RETURNING ", KeyColumn, ", id",
    ];
    /// Selects the letters after one that came longer than `at` ago, at most `limit`, without locks.
    /// MySQL.
    OldLetters = [
        "SELECT ", KeyColumn, ", id FROM versioned_dead_letters", (by_id), " WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND id > ", Id, " AND first_at < ", (now), (and_a_tick), " - ", At, " ORDER BY id LIMIT ", Limit,
    ];
    /// Counts letters that came longer than `at` ago, at most `limit`.
    CountOldLetters = [
        "SELECT count(*) FROM (SELECT 1 AS one FROM versioned_dead_letters WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND first_at < ", (now), (and_a_tick), " - ", At, " LIMIT ", Limit, ") AS c",
    ];
    /// Locks a letter, unless another transaction has locked it. MySQL.
    HoldLetter = [
        "SELECT id FROM versioned_dead_letters WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND id = ", Id, " FOR UPDATE SKIP LOCKED",
    ];
}
