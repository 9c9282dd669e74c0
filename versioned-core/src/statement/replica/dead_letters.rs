//! The dead letters of a replica: messages that a consumer could not apply.
//!
//! `versioned_dead_letters (id, replica, entity, key, version, source, headers, body, reason,
//! attempts, first_at, last_at)` keeps each message as it came. The key is empty if the message
//! names no record. The reason is empty if the letter only waits for another one of its record.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::loadable::Loadable;
use crate::statement::safe_updates::push_verb;

/// The values that a statement about dead letters can bind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Letters<'a> {
    pub(crate) replica: &'static str,
    pub(crate) entity: &'static str,
    pub(crate) key: &'a str,
    pub(crate) version: i64,
    /// Where the message came from: its coordinates at the broker.
    pub(crate) source: &'a str,
    pub(crate) headers: &'a str,
    pub(crate) body: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) attempts: i64,
    /// The time of the last attempt, in microseconds since 1970.
    pub(crate) at: i64,
    /// The id of a letter, or the one before the first.
    pub(crate) id: i64,
    /// A number of letters, or the version of the replica.
    pub(crate) limit: i64,
}

impl Letters<'_> {
    /// For statements about all dead letters of a replica.
    pub(crate) fn of<M: Loadable<DB>, DB: Backend>() -> Self {
        Self {
            replica: M::replica(),
            entity: M::ENTITY,
            key: "",
            version: 0,
            source: "",
            headers: "",
            body: "",
            reason: "",
            attempts: 0,
            at: 0,
            id: 0,
            limit: 0,
        }
    }
}

/// A token of a statement about dead letters.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token {
    Sql(&'static str),
    KeyColumn,
    Replica,
    Entity,
    Key,
    Version,
    Source,
    Headers,
    Body,
    Reason,
    Attempts,
    At,
    Id,
    Limit,
    /// The beginning of the part of an INSERT that says what happens to a letter that exists.
    Again,
    /// The verb DELETE of a statement that does not use a whole key.
    Delete,
    /// A lock, except on `SQLite`, which has one writer.
    ForUpdate,
}

use Token::{
    Again, At, Attempts, Body, Delete, Entity, ForUpdate, Headers, Id, Key, KeyColumn, Limit,
    Reason, Replica, Source, Sql, Version,
};

/// The text of a statement about dead letters.
pub(crate) trait LetterText: 'static {
    const TOKENS: &'static [Token];
}

macro_rules! texts {
    ($($(#[$docs:meta])* $name:ident = [$($piece:expr),* $(,)?];)*) => {$(
        $(#[$docs])*
        pub(crate) enum $name {}

        impl LetterText for $name {
            const TOKENS: &'static [Token] = &[$($piece),*];
        }
    )*};
}

texts! {
    /// Keeps a message. If it is kept already, adds the attempts.
    KeepLetter = [
        Sql("INSERT INTO versioned_dead_letters (replica, entity, "), KeyColumn,
        Sql(", version, source, headers, body, reason, attempts, first_at, last_at) VALUES ("), Replica,
        Sql(", "), Entity, Sql(", "), Key, Sql(", "), Version, Sql(", "), Source, Sql(", "), Headers,
        Sql(", "), Body, Sql(", "), Reason, Sql(", "), Attempts, Sql(", "), At, Sql(", "), At, Sql(") "),
        Again, Sql("attempts = versioned_dead_letters.attempts + "), Attempts,
        Sql(", reason = "), Reason, Sql(", last_at = "), At,
    ];

    /// Locks the first letter of a record that is newer than the version `limit` and older than
    /// `version`, and selects its version.
    Between = [
        Sql("SELECT version FROM versioned_dead_letters WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, Sql(" AND version > "), Limit, Sql(" AND version < "), Version,
        Sql(" ORDER BY version, id LIMIT 1"), ForUpdate,
    ];

    /// Selects letters in the order of their arrival, at most `limit`.
    Page = [
        Sql("SELECT id, "), KeyColumn, Sql(", version, source, headers, body, reason, attempts, first_at, last_at \
            FROM versioned_dead_letters WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND id > "), Id, Sql(" ORDER BY id LIMIT "), Limit,
    ];

    /// Locks the letters of a record, and selects them in the order of their versions, at most
    /// `limit`.
    OfRecord = [
        Sql("SELECT id, "), KeyColumn, Sql(", version, source, headers, body, reason, attempts, first_at, last_at \
            FROM versioned_dead_letters WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND "), KeyColumn, Sql(" = "), Key, Sql(" ORDER BY version, id LIMIT "), Limit, ForUpdate,
    ];

    /// Locks a letter and selects it.
    OfId = [
        Sql("SELECT id, "), KeyColumn, Sql(", version, source, headers, body, reason, attempts, first_at, last_at \
            FROM versioned_dead_letters WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND id = "), Id, ForUpdate,
    ];

    /// Begins to write without a change, on `SQLite`. No letter has the id 0.
    TouchLetter = [
        Sql("UPDATE versioned_dead_letters SET attempts = attempts WHERE replica = "), Replica,
        Sql(" AND entity = "), Entity, Sql(" AND id = 0"),
    ];

    /// Records an attempt that failed.
    Retried = [
        Sql("UPDATE versioned_dead_letters SET attempts = attempts + 1, reason = "), Reason,
        Sql(", last_at = "), At, Sql(" WHERE replica = "), Replica, Sql(" AND entity = "), Entity, Sql(" AND id = "), Id,
    ];

    /// Deletes all letters of a replica.
    DiscardAll = [
        Delete, Sql(" FROM versioned_dead_letters WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
    ];

    /// Deletes a letter.
    Discard = [
        Sql("DELETE FROM versioned_dead_letters WHERE replica = "), Replica, Sql(" AND entity = "), Entity,
        Sql(" AND id = "), Id,
    ];
}

/// The statement `T` about dead letters. `F` determines the backend.
pub(crate) struct OnLetters<'a, T, F: ?Sized> {
    letters: Letters<'a>,
    text: PhantomData<fn() -> T>,
    flavor: PhantomData<fn(&F)>,
}

impl<'a, T: LetterText, F: ?Sized> OnLetters<'a, T, F> {
    pub(crate) fn new(letters: Letters<'a>) -> Self {
        Self {
            letters,
            text: PhantomData,
            flavor: PhantomData,
        }
    }
}

pub(crate) enum OnLettersId {}

impl<T: LetterText, F: ?Sized> QueryId for OnLetters<'_, T, F> {
    type QueryId = (OnLettersId, T);
}

impl<T, F, DB> QueryFragment<DB> for OnLetters<'_, T, F>
where
    T: LetterText,
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let letters = &self.letters;
        let dialect = F::dialect(out.backend());
        for piece in T::TOKENS {
            match piece {
                Sql(sql) => out.push_sql(sql),
                KeyColumn => out.push_identifier("key")?,
                Replica => F::push_text(&mut out, letters.replica)?,
                Entity => F::push_text(&mut out, letters.entity)?,
                Key => F::push_text(&mut out, letters.key)?,
                Version => F::push_number(&mut out, &letters.version)?,
                Source => F::push_text(&mut out, letters.source)?,
                Headers => F::push_text(&mut out, letters.headers)?,
                Body => F::push_text(&mut out, letters.body)?,
                Reason => F::push_text(&mut out, letters.reason)?,
                Attempts => F::push_number(&mut out, &letters.attempts)?,
                At => F::push_number(&mut out, &letters.at)?,
                Id => F::push_number(&mut out, &letters.id)?,
                Limit => F::push_number(&mut out, &letters.limit)?,
                Delete => push_verb("DELETE", dialect, &mut out),
                Again => out.push_sql(match dialect {
                    Some(Dialect::Mysql) => "ON DUPLICATE KEY UPDATE ",
                    _ => "ON CONFLICT (replica, entity, source) DO UPDATE SET ",
                }),
                ForUpdate => {
                    if dialect != Some(Dialect::Sqlite) {
                        out.push_sql(" FOR UPDATE");
                    }
                }
            }
        }
        Ok(())
    }
}
