//! The position of a record at a replica, and the parked events that wait for it.
//!
//! `versioned_positions (replica, entity, key, version, deleted_at)` has the one row that every
//! operation on a record locks. It remembers the last applied version, even after the replica's row
//! was deleted. A position without a row is a tombstone.
//!
//! `versioned_parked (replica, entity, key, version, event, at, error)` stores events that arrived
//! too early. There, `version` is the event's turn: see `Event::turn`.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::loadable::Loadable;
use crate::statement::outbox::now::now;
use crate::statement::template::{Templated, Values, texts};

/// The values that a statement about a position can bind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position<'a> {
    /// The replica's name. It is empty for an owner's tombstone.
    pub(crate) replica: &'a str,
    pub(crate) entity: &'a str,
    pub(crate) key: &'a str,
    /// The version to which the position moves.
    pub(crate) version: i64,
    /// The range of versions from which it may move.
    pub(crate) oldest: i64,
    pub(crate) newest: i64,
    /// Whether it may not move from `version` if the record is deleted at it.
    pub(crate) only_live: bool,
    /// The time at which the record was deleted, in microseconds since 1970. For a purge, an age in
    /// microseconds. It is 0 otherwise.
    pub(crate) at: i64,
    /// The parked event, or the reason why it cannot be applied.
    pub(crate) body: &'a str,
}

impl<'a> Position<'a> {
    /// A position for statements about all records of a replica or an owner.
    pub(crate) fn of<M: Loadable<DB>, DB: Backend>() -> Self {
        Self::named(M::replica(), M::ENTITY)
    }

    /// As [`of`](Self::of), by the names in the tables.
    pub(crate) fn named(replica: &'a str, entity: &'a str) -> Self {
        Self {
            replica,
            entity,
            key: "",
            version: 0,
            oldest: 0,
            newest: 0,
            only_live: false,
            at: 0,
            body: "",
        }
    }
}

/// Names a value of a position.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PositionValue {
    Replica,
    Entity,
    Key,
    Version,
    Oldest,
    Newest,
    At,
    Body,
}

impl Values for Position<'_> {
    type Value = PositionValue;

    fn bind<'b, F, DB>(
        &'b self,
        value: PositionValue,
        out: &mut AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        F: SqlFor<DB> + ?Sized,
        DB: Backend,
    {
        match value {
            PositionValue::Replica => F::push_text(out, self.replica),
            PositionValue::Entity => F::push_text(out, self.entity),
            PositionValue::Key => F::push_text(out, self.key),
            PositionValue::Version => F::push_number(out, &self.version),
            PositionValue::Oldest => F::push_number(out, &self.oldest),
            PositionValue::Newest => F::push_number(out, &self.newest),
            PositionValue::At => F::push_number(out, &self.at),
            PositionValue::Body => F::push_text(out, self.body),
        }
    }
}

/// A lock, without which `InnoDB` does not see the current row.
fn share_lock(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Mysql) => " LOCK IN SHARE MODE",
        _ => "",
    }
}

/// The statement `T` about a position. `F` determines the backend.
pub(crate) type OnPosition<'a, T, F> = Templated<Position<'a>, T, F>;

texts! {
    PositionValue;

    /// Moves an existing position.
    Advance = [
        "UPDATE versioned_positions SET version = ", Version,
        ", deleted_at = NULLIF(", At,
        ", 0) WHERE replica = ", Replica, " AND entity = ", Entity, " AND ", KeyColumn, " = ", Key,
        " AND version BETWEEN ", Oldest, " AND ", Newest,
    ];

    /// Moves an existing position, unless the record is deleted at this version.
    AdvanceLive = [
        "UPDATE versioned_positions SET version = ", Version,
        ", deleted_at = NULLIF(", At,
        ", 0) WHERE replica = ", Replica, " AND entity = ", Entity, " AND ", KeyColumn, " = ", Key,
        " AND version BETWEEN ", Oldest, " AND ", Newest,
        " AND (version < ", Version, " OR deleted_at IS NULL)",
    ];

    /// Moves a position or creates it. Locks it in either case, even if it may not move. PostgreSQL
    /// and `SQLite`.
    Upsert = [
        "INSERT INTO versioned_positions (replica, entity, ", KeyColumn,
        ", version, deleted_at) VALUES (", Replica, ", ", Entity, ", ", Key, ", ", Version,
        ", NULLIF(", At,
        ", 0)) ON CONFLICT (replica, entity, ", KeyColumn,
        ") DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at \
            WHERE versioned_positions.version BETWEEN ", Oldest, " AND ", Newest,
    ];

    /// As `Upsert`, unless the record is deleted at this version.
    UpsertLive = [
        "INSERT INTO versioned_positions (replica, entity, ", KeyColumn,
        ", version, deleted_at) VALUES (", Replica, ", ", Entity, ", ", Key, ", ", Version,
        ", NULLIF(", At,
        ", 0)) ON CONFLICT (replica, entity, ", KeyColumn,
        ") DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at \
            WHERE versioned_positions.version BETWEEN ", Oldest, " AND ", Newest,
        " AND (versioned_positions.version < ", Version, " OR versioned_positions.deleted_at IS NULL)",
    ];

    /// Creates a position. Fails with a unique violation if it exists.
    Enter = [
        "INSERT INTO versioned_positions (replica, entity, ", KeyColumn,
        ", version, deleted_at) VALUES (", Replica, ", ", Entity, ", ", Key, ", ", Version,
        ", NULLIF(", At, ", 0))",
    ];

    /// Creates a position or locks it. On MySQL, a rejected INSERT takes a shared lock, but this
    /// statement takes an exclusive one.
    EnterOrLock = [
        "INSERT INTO versioned_positions (replica, entity, ", KeyColumn,
        ", version) VALUES (", Replica, ", ", Entity, ", ", Key, ", ", Version,
        ") ON DUPLICATE KEY UPDATE version = versioned_positions.version",
    ];

    /// Locks a position. On PostgreSQL at REPEATABLE READ, a SELECT FOR UPDATE would not be enough.
    Lock = [
        "UPDATE versioned_positions SET version = version WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key,
    ];

    /// Blocks every other transaction that moves a position. PostgreSQL.
    LockAll = ["LOCK TABLE versioned_positions IN SHARE ROW EXCLUSIVE MODE"];
    /// Forgets all positions of an entity.
    Forget = [Delete, " FROM versioned_positions WHERE replica = ", Replica, " AND entity = ", Entity];

    /// Drops all parked events of an entity.
    DropAll = [Delete, " FROM versioned_parked WHERE replica = ", Replica, " AND entity = ", Entity];

    /// Selects the first deleted records, at most `newest`.
    FirstTombstones = [
        "SELECT ", KeyColumn, ", version FROM versioned_positions WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND deleted_at IS NOT NULL ORDER BY ", KeyColumn, " LIMIT ", Newest,
    ];
    /// Selects the deleted records after a key, at most `newest`.
    Tombstones = [
        "SELECT ", KeyColumn, ", version FROM versioned_positions WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND deleted_at IS NOT NULL AND ", KeyColumn, " > ", Key,
        " ORDER BY ", KeyColumn, " LIMIT ", Newest,
    ];

    /// Selects the current version of a position.
    Look = [
        "SELECT version FROM versioned_positions WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key, (share_lock),
    ];

    /// Selects the current version of a position whose record is not deleted.
    LookLive = [
        "SELECT version FROM versioned_positions WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key, " AND deleted_at IS NULL", (share_lock),
    ];

    /// Selects the version of a position from the transaction's snapshot. Locks neither the row
    /// nor, on MySQL, the gap where it would be.
    Peek = [
        "SELECT version FROM versioned_positions WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key,
    ];

    /// As `Peek`, for a record that is deleted.
    PeekDeleted = [
        "SELECT version FROM versioned_positions WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key, " AND deleted_at IS NOT NULL",
    ];

    /// Parks an event. Fails with a unique violation if it is parked already.
    Park = [
        "INSERT INTO versioned_parked (replica, entity, ", KeyColumn,
        ", version, event, at) VALUES (", Replica, ", ", Entity, ", ", Key, ", ", Version,
        ", ", Body, ", ", (now), ")",
    ];

    /// Stores the reason why a parked event could not be applied.
    Refuse = [
        "UPDATE versioned_parked SET error = ", Body, " WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key, " AND version = ", Version,
    ];

    /// Parks another event in the place of one.
    Repark = [
        "UPDATE versioned_parked SET event = ", Body, ", at = ", (now), ", error = NULL WHERE replica = ", Replica,
        " AND entity = ", Entity, " AND ", KeyColumn, " = ", Key, " AND version = ", Version,
    ];

    /// Selects the event that is parked for this turn.
    Unpark = [
        "SELECT event FROM versioned_parked WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key, " AND version = ", Version, (share_lock),
    ];

    /// Selects the first records with parked events, at most `newest`: the key, the version of the
    /// position or else `oldest`, the lowest turn, the number of events, the time of the oldest, and
    /// why one of them could not be applied.
    FirstWaiting = [
        "SELECT k.", KeyColumn,
        ", COALESCE((SELECT p.version FROM versioned_positions AS p WHERE p.replica = ", Replica,
        " AND p.entity = ", Entity, " AND p.", KeyColumn, " = k.", KeyColumn, "), ", Oldest,
        "), min(k.version), count(*), min(k.at), COALESCE(max(k.error), '') \
            FROM versioned_parked AS k WHERE k.replica = ", Replica, " AND k.entity = ", Entity,
        " GROUP BY k.", KeyColumn, " ORDER BY k.", KeyColumn, " LIMIT ", Newest,
    ];
    /// As `FirstWaiting`, after a key.
    Waiting = [
        "SELECT k.", KeyColumn,
        ", COALESCE((SELECT p.version FROM versioned_positions AS p WHERE p.replica = ", Replica,
        " AND p.entity = ", Entity, " AND p.", KeyColumn, " = k.", KeyColumn, "), ", Oldest,
        "), min(k.version), count(*), min(k.at), COALESCE(max(k.error), '') \
            FROM versioned_parked AS k WHERE k.replica = ", Replica, " AND k.entity = ", Entity,
        " AND k.", KeyColumn, " > ", Key,
        " GROUP BY k.", KeyColumn, " ORDER BY k.", KeyColumn, " LIMIT ", Newest,
    ];

    /// Drops the parked events up to this version.
    Drop = [
        "DELETE FROM versioned_parked WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key, " AND version <= ", Version,
    ];
}
