//! The position of a record at a dependent, and the events that wait for it.
//!
//! `versioned_positions (replica, entity, key, version, deleted_at)` is the one row that every operation of a record locks. It
//! remembers the version that was applied last, also when the replica's row is gone: a position without a row is a
//! tombstone. `versioned_parked (replica, entity, key, version, event, at, error)` keeps events that came too
//! early.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::loadable::Loadable;
use crate::statement::safe_updates::push_verb;

/// What a statement about a position can bind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position<'a> {
    /// The replica's name; none of an owner's tombstone.
    pub(crate) replica: &'static str,
    pub(crate) entity: &'static str,
    pub(crate) key: &'a str,
    /// The version that the position moves to.
    pub(crate) version: i64,
    /// The versions that it may move from.
    pub(crate) oldest: i64,
    pub(crate) newest: i64,
    /// Microseconds since 1970: when the record was deleted, if it is, or its event was parked; else 0.
    pub(crate) at: i64,
    /// The event that is parked, or why it cannot be applied.
    pub(crate) body: &'a str,
}

impl Position<'_> {
    /// No record in particular, of a replica or of an owner.
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

/// A piece of a statement about a position.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token {
    Sql(&'static str),
    /// The column `key`, which is a reserved word to some.
    KeyColumn,
    Replica,
    Entity,
    Key,
    Version,
    Oldest,
    Newest,
    At,
    Body,
    /// The verb of a statement that uses no whole key.
    Delete,
    /// `InnoDB` sees the row as it is only if it locks it.
    ShareLock,
}

use Token::{
    At, Body, Delete, Entity, Key, KeyColumn, Newest, Oldest, Replica, ShareLock, Sql, Version,
};

/// A statement about a position.
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
    /// Moves a position that is there.
    Advance = [
        Sql("UPDATE versioned_positions SET version = "), Version,
        Sql(", deleted_at = NULLIF("), At,
        Sql(", 0) WHERE replica = "), Replica, Sql(" AND entity = "), Entity, Sql(" AND "), KeyColumn, Sql(" = "), Key,
        Sql(" AND version BETWEEN "), Oldest, Sql(" AND "), Newest,
    ];

    /// Moves a position, or makes it. Locks it either way, also where it may not move. PostgreSQL and `SQLite`.
    Upsert = [
        Sql("INSERT INTO versioned_positions (replica, entity, "), KeyColumn,
        Sql(", version, deleted_at) VALUES ("), Replica, Sql(", "), Entity, Sql(", "), Key, Sql(", "), Version,
        Sql(", NULLIF("), At,
        Sql(", 0)) ON CONFLICT (replica, entity, "), KeyColumn,
        Sql(") DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at \
            WHERE versioned_positions.version BETWEEN "), Oldest, Sql(" AND "), Newest,
    ];

    /// Makes a position; a unique violation if it is there.
    Enter = [
        Sql("INSERT INTO versioned_positions (replica, entity, "), KeyColumn,
        Sql(", version, deleted_at) VALUES ("), Replica, Sql(", "), Entity, Sql(", "), Key, Sql(", "), Version,
        Sql(", NULLIF("), At, Sql(", 0))"),
    ];

    /// Makes a position, or locks it. MySQL: where a refused INSERT would take a shared lock, this one takes the whole.
    EnterOrLock = [
        Sql("INSERT INTO versioned_positions (replica, entity, "), KeyColumn,
        Sql(", version) VALUES ("), Replica, Sql(", "), Entity, Sql(", "), Key, Sql(", "), Version,
        Sql(") ON DUPLICATE KEY UPDATE version = versioned_positions.version"),
    ];

    /// Locks a position. A SELECT FOR UPDATE would not be enough at REPEATABLE READ on PostgreSQL.
    Lock = [
        Sql("UPDATE versioned_positions SET version = version WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key,
    ];

    /// Forgets the deletions before a time. PostgreSQL and `SQLite`.
    Purge = [
        Sql("DELETE FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND deleted_at < "), At,
    ];
    /// The first deletions before a time, as many as `newest` says: locks none. MySQL.
    Expired = [
        Sql("SELECT "), KeyColumn, Sql(", version FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND deleted_at < "), At, Sql(" ORDER BY "), KeyColumn, Sql(" LIMIT "), Newest,
    ];
    /// Forgets one deletion, if it is still one.
    PurgeOne = [
        Sql("DELETE FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, Sql(" AND deleted_at < "), At,
    ];

    /// Keeps out all others that move a position. PostgreSQL.
    LockAll = [Sql("LOCK TABLE versioned_positions IN SHARE ROW EXCLUSIVE MODE")];
    /// Forgets all positions of an entity.
    Forget = [Delete, Sql(" FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity];

    /// Drops all parked events of an entity.
    DropAll = [Delete, Sql(" FROM versioned_parked WHERE replica = "), Replica, Sql(" AND entity = "), Entity];

    /// The first deleted records, as many as `newest` says.
    FirstTombstones = [
        Sql("SELECT "), KeyColumn, Sql(", version FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND deleted_at IS NOT NULL ORDER BY "), KeyColumn, Sql(" LIMIT "), Newest,
    ];
    /// The deleted records after a key, as many as `newest` says.
    Tombstones = [
        Sql("SELECT "), KeyColumn, Sql(", version FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND deleted_at IS NOT NULL AND "), KeyColumn, Sql(" > "), Key,
        Sql(" ORDER BY "), KeyColumn, Sql(" LIMIT "), Newest,
    ];

    /// The version of a position.
    Look = [
        Sql("SELECT version FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, ShareLock,
    ];

    /// The version of a position as the transaction sees it: locks neither the row nor, on MySQL, the gap where it would be.
    Peek = [
        Sql("SELECT version FROM versioned_positions WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key,
    ];

    /// Keeps an event; a unique violation if it is kept already.
    Park = [
        Sql("INSERT INTO versioned_parked (replica, entity, "), KeyColumn,
        Sql(", version, event, at) VALUES ("), Replica, Sql(", "), Entity, Sql(", "), Key, Sql(", "), Version,
        Sql(", "), Body, Sql(", "), At, Sql(")"),
    ];

    /// Notes why an event that is kept could not be applied.
    Refuse = [
        Sql("UPDATE versioned_parked SET error = "), Body, Sql(" WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, Sql(" AND version = "), Version,
    ];

    /// Whether an event of this version is kept.
    IsParked = [
        Sql("SELECT version FROM versioned_parked WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, Sql(" AND version = "), Version, ShareLock,
    ];

    /// The event of this version that is kept.
    Unpark = [
        Sql("SELECT event FROM versioned_parked WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, Sql(" AND version = "), Version, ShareLock,
    ];

    /// Drops the events up to this version.
    Drop = [
        Sql("DELETE FROM versioned_parked WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, Sql(" AND version <= "), Version,
    ];
}

/// The statement `T` about a position; `F` knows the backend.
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
