//! The dead letters of a replica: messages that a consumer could not apply.
//!
//! `versioned_dead_letters (id, replica, entity, key, version, source, subject, message_key,
//! headers, body, reason, attempts, first_at, last_at)` keeps each message as it came. The key is empty if the message
//! names no record. The reason is empty if the letter only waits for another one of its record.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::loadable::Loadable;
use crate::statement::outbox::now::now;
use crate::statement::template::{Templated, Values, texts};

/// The values that a statement about dead letters can bind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Letters<'a> {
    pub(crate) replica: &'a str,
    pub(crate) entity: &'a str,
    pub(crate) key: &'a str,
    pub(crate) version: i64,
    /// Where the message came from: its coordinates at the broker.
    pub(crate) source: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) message_key: &'a str,
    pub(crate) headers: &'a str,
    pub(crate) body: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) attempts: i64,
    /// For a purge, an age in microseconds.
    pub(crate) at: i64,
    /// The id of a letter, or the one before the first.
    pub(crate) id: i64,
    /// A number of letters, or the version of the replica.
    pub(crate) limit: i64,
}

impl<'a> Letters<'a> {
    /// For statements about all dead letters of a replica.
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
            source: "",
            subject: "",
            message_key: "",
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

/// Names a value of dead letters.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LetterValue {
    Replica,
    Entity,
    Key,
    Version,
    Source,
    Subject,
    MessageKey,
    Headers,
    Body,
    Reason,
    Attempts,
    At,
    Id,
    Limit,
}

impl Values for Letters<'_> {
    type Value = LetterValue;

    fn bind<'b, F, DB>(
        &'b self,
        value: LetterValue,
        out: &mut AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        F: SqlFor<DB> + ?Sized,
        DB: Backend,
    {
        match value {
            LetterValue::Replica => F::push_text(out, self.replica),
            LetterValue::Entity => F::push_text(out, self.entity),
            LetterValue::Key => F::push_text(out, self.key),
            LetterValue::Version => F::push_number(out, &self.version),
            LetterValue::Source => F::push_text(out, self.source),
            LetterValue::Subject => F::push_text(out, self.subject),
            LetterValue::MessageKey => F::push_text(out, self.message_key),
            LetterValue::Headers => F::push_text(out, self.headers),
            LetterValue::Body => F::push_text(out, self.body),
            LetterValue::Reason => F::push_text(out, self.reason),
            LetterValue::Attempts => F::push_number(out, &self.attempts),
            LetterValue::At => F::push_number(out, &self.at),
            LetterValue::Id => F::push_number(out, &self.id),
            LetterValue::Limit => F::push_number(out, &self.limit),
        }
    }
}

/// The beginning of the part of an INSERT that says what happens to a letter that exists.
fn if_kept(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Mysql) => "ON DUPLICATE KEY UPDATE ",
        _ => "ON CONFLICT (replica, entity, source) DO UPDATE SET ",
    }
}

/// The index of the letters of a replica by their ids. MySQL prefers another one that begins with the
/// same columns, reads all letters of the replica and sorts them.
pub(crate) fn by_id(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Mysql) => " FORCE INDEX (versioned_dead_letters_ids)",
        _ => "",
    }
}

/// The statement `T` about dead letters. `F` determines the backend.
pub(crate) type OnLetters<'a, T, F> = Templated<Letters<'a>, T, F>;

texts! {
    LetterValue;

    /// Keeps a message. If it is kept already, adds the attempts.
    KeepLetter = [
        "INSERT INTO versioned_dead_letters (replica, entity, ", KeyColumn,
        ", version, source, subject, message_key, headers, body, reason, attempts, first_at, last_at) VALUES (", Replica,
        ", ", Entity, ", ", Key, ", ", Version, ", ", Source, ", ", Subject, ", ", MessageKey, ", ", Headers,
        ", ", Body, ", ", Reason, ", ", Attempts, ", ", (now), ", ", (now), ") ",
        (if_kept), "attempts = versioned_dead_letters.attempts + ", Attempts,
        ", reason = ", Reason, ", last_at = ", (now),
    ];

    /// Locks the first letter of a record that is newer than the version `limit` and older than
    /// `version`, and selects its version.
    Between = [
        "SELECT version FROM versioned_dead_letters WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key, " AND version > ", Limit, " AND version < ", Version,
        " ORDER BY version, id LIMIT 1", ForUpdate,
    ];

    /// Selects the first letter of a record that is newer than the version `limit`, and not newer
    /// than `version`.
    FirstLetter = [
        "SELECT id FROM versioned_dead_letters WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key, " AND version > ", Limit, " AND version <= ", Version,
        " ORDER BY version, id LIMIT 1",
    ];

    /// Selects letters in the order of their arrival, at most `limit`.
    Page = [
        "SELECT id, ", KeyColumn, ", version, source, subject, message_key, headers, body, reason, attempts, first_at, last_at \
            FROM versioned_dead_letters", (by_id), " WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND id > ", Id, " ORDER BY id LIMIT ", Limit,
    ];

    /// Selects the keys and ids of letters in the order of their arrival, at most `limit`.
    Arrivals = [
        "SELECT ", KeyColumn, ", id FROM versioned_dead_letters", (by_id), " WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND id > ", Id, " ORDER BY id LIMIT ", Limit,
    ];

    /// Locks the letters of a record, and selects them in the order of their versions, at most
    /// `limit`.
    OfRecord = [
        "SELECT id, ", KeyColumn, ", version, source, subject, message_key, headers, body, reason, attempts, first_at, last_at \
            FROM versioned_dead_letters WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key, " ORDER BY version, id LIMIT ", Limit, ForUpdate,
    ];

    /// Locks a letter and selects it.
    OfId = [
        "SELECT id, ", KeyColumn, ", version, source, subject, message_key, headers, body, reason, attempts, first_at, last_at \
            FROM versioned_dead_letters WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND id = ", Id, ForUpdate,
    ];

    /// Begins to write without a change, on `SQLite`. No letter has the id 0.
    TouchLetter = [
        "UPDATE versioned_dead_letters SET attempts = attempts WHERE replica = ", Replica,
        " AND entity = ", Entity, " AND id = 0",
    ];

    /// Records an attempt that failed.
    Retried = [
        "UPDATE versioned_dead_letters SET attempts = attempts + 1, reason = ", Reason,
        ", last_at = ", (now), " WHERE replica = ", Replica, " AND entity = ", Entity, " AND id = ", Id,
    ];

    /// Deletes all letters of a replica.
    DiscardAll = [
        Delete, " FROM versioned_dead_letters WHERE replica = ", Replica, " AND entity = ", Entity,
    ];

    /// Deletes the letters of a record.
    DiscardRecord = [
        Delete, " FROM versioned_dead_letters WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND ", KeyColumn, " = ", Key,
    ];

    /// Deletes a letter.
    Discard = [
        "DELETE FROM versioned_dead_letters WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND id = ", Id,
    ];
}
