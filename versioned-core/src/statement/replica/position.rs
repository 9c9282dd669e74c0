//! The position of a record at a replica, and the parked events that wait for it.
//!
//! `versioned_positions (replica, entity, key, version, deleted_at)` has the one row that every
//! operation on a record locks. It remembers the last applied version, even after the replica's row
//! was deleted. A position without a row is a tombstone.
//!
//! `versioned_parked (replica, entity, key, version, event, at, error)` stores events that arrived
//! too early.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::loadable::Loadable;
use crate::statement::safe_updates::push_verb;

/// The values that a statement about a position can bind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position<'a> {
    /// The replica's name. It is empty for an owner's tombstone.
    pub(crate) replica: &'static str,
    pub(crate) entity: &'static str,
    pub(crate) key: &'a str,
    /// The version to which the position moves.
    pub(crate) version: i64,
    /// The range of versions from which it may move.
    pub(crate) oldest: i64,
    pub(crate) newest: i64,
    /// The time at which the record was deleted or its event was parked, in microseconds since
    /// 1970. It is 0 otherwise.
    pub(crate) at: i64,
    /// The parked event, or the reason why it cannot be applied.
    pub(crate) body: &'a str,
}

impl Position<'_> {
    /// A position for statements about all records of a replica or an owner.
    pub(crate) fn of<M: Loadable<DB>, DB: Backend>() -> Self {
        Self {
            replica: M::replica(),
            entity: M::ENTITY,
            key: "",
            version: 0,
            oldest: 0,
            newest: 0,
            at: 0,
            body: "",
        }
    }
}

/// A token of a statement about a position.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token {
    Sql(&'static str),
    /// The column `key`, which is a reserved word on some backends.
    KeyColumn,
    Replica,
    Entity,
    Key,
    Version,
    Oldest,
    Newest,
    At,
    Body,
    /// The verb DELETE of a statement that does not use a whole key.
    Delete,
    /// A lock, without which `InnoDB` does not see the current row.
    ShareLock,
}

use Token::{
    At, Body, Delete, Entity, Key, KeyColumn, Newest, Oldest, Replica, ShareLock, Sql, Version,
};

/// The text of a statement about a position.
pub(crate) trait SqlTemplate: 'static {
    const TOKENS: &'static [Token];
}

macro_rules! texts {
    ($($(#[$docs:meta])* $name:ident = [$($piece:expr),* $(,)?];)*) => {$(
        $(#[$docs])*
        pub(crate) enum $name {}

        impl SqlTemplate for $name {
            const TOKENS: &'static [Token] = &[$($piece),*];
        }
    )*};
}

texts! {
    /// Moves an existing position.
    Advance = [
        Sql("UPDATE versioned_positions SET version = "), Version,
        Sql(", deleted_at = NULLIF("), At,
        Sql(", 0) WHERE replica = "), Replica, Sql(" AND entity = "), Entity, Sql(" AND "), KeyColumn, Sql(" = "), Key,
        Sql(" AND version BETWEEN "), Oldest, Sql(" AND "), Newest,
    ];

    /// Moves a position or creates it. Locks it in either case, even if it may not move. PostgreSQL
    /// and `SQLite`.
    Upsert = [
        Sql("INSERT INTO versioned_positions (replica, entity, "), KeyColumn,
        Sql(", version, deleted_at) VALUES ("), Replica, Sql(", "), Entity, Sql(", "), Key, Sql(", "), Version,
        Sql(", NULLIF("), At,
        Sql(", 0)) ON CONFLICT (replica, entity, "), KeyColumn,
        Sql(") DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at \
            WHERE versioned_positions.version BETWEEN "), Oldest, Sql(" AND "), Newest,
    ];

    /// Creates a position. Fails with a unique violation if it exists.
    Enter = [
        Sql("INSERT INTO versioned_positions (replica, entity, "), KeyColumn,
        Sql(", version, deleted_at) VALUES ("), Replica, Sql(", "), Entity, Sql(", "), Key, Sql(", "), Version,
        Sql(", NULLIF("), At, Sql(", 0))"),
    ];

    /// Creates a position or locks it. On MySQL, a rejected INSERT takes a shared lock, but this
    /// statement takes an exclusive one.
    EnterOrLock = [
        Sql("INSERT INTO versioned_positions (replica, entity, "), KeyColumn,
        Sql(", version) VALUES ("), Replica, Sql(", "), Entity, Sql(", "), Key, Sql(", "), Version,
        Sql(") ON DUPLICATE KEY UPDATE version = versioned_positions.version"),
    ];

    /// Locks a position. On PostgreSQL at REPEATABLE READ, a SELECT FOR UPDATE would not be enough.
    Lock = [
        Sql("UPDATE versioned_positions SET version = version WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key,
    ];

    /// Forgets the deletions before a given time. PostgreSQL and `SQLite`.
    Purge = [
        Sql("DELETE FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND deleted_at < "), At,
    ];
    /// Selects the first deletions before a given time, at most `newest`, without locks. MySQL.
    Expired = [
        Sql("SELECT "), KeyColumn, Sql(", version FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND deleted_at < "), At, Sql(" ORDER BY "), KeyColumn, Sql(" LIMIT "), Newest,
    ];
    /// Forgets one deletion, if the record is still deleted.
    PurgeOne = [
        Sql("DELETE FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, Sql(" AND deleted_at < "), At,
    ];

    /// Blocks every other transaction that moves a position. PostgreSQL.
    LockAll = [Sql("LOCK TABLE versioned_positions IN SHARE ROW EXCLUSIVE MODE")];
    /// Forgets all positions of an entity.
    Forget = [Delete, Sql(" FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity];

    /// Drops all parked events of an entity.
    DropAll = [Delete, Sql(" FROM versioned_parked WHERE replica = "), Replica, Sql(" AND entity = "), Entity];

    /// Selects the first deleted records, at most `newest`.
    FirstTombstones = [
        Sql("SELECT "), KeyColumn, Sql(", version FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND deleted_at IS NOT NULL ORDER BY "), KeyColumn, Sql(" LIMIT "), Newest,
    ];
    /// Selects the deleted records after a key, at most `newest`.
    Tombstones = [
        Sql("SELECT "), KeyColumn, Sql(", version FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND deleted_at IS NOT NULL AND "), KeyColumn, Sql(" > "), Key,
        Sql(" ORDER BY "), KeyColumn, Sql(" LIMIT "), Newest,
    ];

    /// Selects the current version of a position.
    Look = [
        Sql("SELECT version FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, ShareLock,
    ];

    /// Selects the version of a position from the transaction's snapshot. Locks neither the row
    /// nor, on MySQL, the gap where it would be.
    Peek = [
        Sql("SELECT version FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key,
    ];

    /// Parks an event. Fails with a unique violation if it is parked already.
    Park = [
        Sql("INSERT INTO versioned_parked (replica, entity, "), KeyColumn,
        Sql(", version, event, at) VALUES ("), Replica, Sql(", "), Entity, Sql(", "), Key, Sql(", "), Version,
        Sql(", "), Body, Sql(", "), At, Sql(")"),
    ];

    /// Stores the reason why a parked event could not be applied.
    Refuse = [
        Sql("UPDATE versioned_parked SET error = "), Body, Sql(" WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, Sql(" AND version = "), Version,
    ];

    /// Selects whether an event of this version is parked.
    IsParked = [
        Sql("SELECT version FROM versioned_parked WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, Sql(" AND version = "), Version, ShareLock,
    ];

    /// Selects the parked event of this version.
    Unpark = [
        Sql("SELECT event FROM versioned_parked WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, Sql(" AND version = "), Version, ShareLock,
    ];

    /// Drops the parked events up to this version.
    Drop = [
        Sql("DELETE FROM versioned_parked WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, Sql(" AND version <= "), Version,
    ];
}

/// The statement `T` about a position. `F` determines the backend.
pub(crate) struct OnPosition<'a, T, F: ?Sized> {
    position: Position<'a>,
    text: PhantomData<fn() -> T>,
    flavor: PhantomData<fn(&F)>,
}

impl<'a, T: SqlTemplate, F: ?Sized> OnPosition<'a, T, F> {
    pub(crate) fn new(position: Position<'a>) -> Self {
        Self {
            position,
            text: PhantomData,
            flavor: PhantomData,
        }
    }
}

impl<T: SqlTemplate, F: ?Sized> QueryId for OnPosition<'_, T, F> {
    type QueryId = T;
}

impl<T, F, DB> QueryFragment<DB> for OnPosition<'_, T, F>
where
    T: SqlTemplate,
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        write::<F, DB>(T::TOKENS, &self.position, &mut out)
    }
}

fn write<'b, F, DB>(
    pieces: &[Token],
    position: &'b Position<'_>,
    out: &mut AstPass<'_, 'b, DB>,
) -> QueryResult<()>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    for piece in pieces {
        match piece {
            Sql(sql) => out.push_sql(sql),
            KeyColumn => out.push_identifier("key")?,
            Replica => F::push_text(out, position.replica)?,
            Entity => F::push_text(out, position.entity)?,
            Key => F::push_text(out, position.key)?,
            Version => F::push_number(out, &position.version)?,
            Oldest => F::push_number(out, &position.oldest)?,
            Newest => F::push_number(out, &position.newest)?,
            At => F::push_number(out, &position.at)?,
            Delete => push_verb("DELETE", F::dialect(out.backend()), out),
            Body => F::push_text(out, position.body)?,
            ShareLock => {
                if F::dialect(out.backend()) == Some(Dialect::Mysql) {
                    out.push_sql(" LOCK IN SHARE MODE");
                }
            }
        }
    }
    Ok(())
}
