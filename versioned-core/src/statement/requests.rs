//! The statements about requests, and about their letters and records.
//!
//! `versioned_requests (id, kind, replica, entity, state, terms, progress, note, due, created_at,
//! last_at)` has a row for each request. `versioned_request_items (request, item, key, version,
//! outcome, error, at)` has a row for each letter or record that was chosen when the request was
//! stored. The outcome is empty until it has a result.

mod chosen;

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

pub(crate) use self::chosen::{
    Choice, Choose, DiscardEach, LettersOf, LettersOfRequest, SettleEach,
};
use crate::dialect::{Dialect, SqlFor};
use crate::statement::outbox::now::now;
use crate::statement::template::{Templated, Values, texts};

/// The values that a statement about requests can bind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Requests<'a> {
    /// The id of a request, or the one before the first.
    pub(crate) id: i64,
    pub(crate) kind: &'a str,
    pub(crate) replica: &'a str,
    pub(crate) entity: &'a str,
    pub(crate) state: &'a str,
    pub(crate) terms: &'a str,
    pub(crate) progress: &'a str,
    pub(crate) note: &'a str,
    /// The pause before the next step, in microseconds.
    pub(crate) pause: i64,
    /// The number of an item, or the one before the first.
    pub(crate) item: i64,
    pub(crate) key: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) error: &'a str,
    pub(crate) limit: i64,
}

/// Names a value of requests.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RequestValue {
    Id,
    Kind,
    Replica,
    Entity,
    State,
    Terms,
    Progress,
    Note,
    Pause,
    Item,
    Key,
    Outcome,
    Error,
    Limit,
}

impl Values for Requests<'_> {
    type Value = RequestValue;

    fn bind<'b, F, DB>(
        &'b self,
        value: RequestValue,
        out: &mut AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        F: SqlFor<DB> + ?Sized,
        DB: Backend,
    {
        match value {
            RequestValue::Id => F::push_number(out, &self.id),
            RequestValue::Kind => F::push_text(out, self.kind),
            RequestValue::Replica => F::push_text(out, self.replica),
            RequestValue::Entity => F::push_text(out, self.entity),
            RequestValue::State => F::push_text(out, self.state),
            RequestValue::Terms => F::push_text(out, self.terms),
            RequestValue::Progress => F::push_text(out, self.progress),
            RequestValue::Note => F::push_text(out, self.note),
            RequestValue::Pause => F::push_number(out, &self.pause),
            RequestValue::Item => F::push_number(out, &self.item),
            RequestValue::Key => F::push_text(out, self.key),
            RequestValue::Outcome => F::push_text(out, self.outcome),
            RequestValue::Error => F::push_text(out, self.error),
            RequestValue::Limit => F::push_number(out, &self.limit),
        }
    }
}

/// The statement `T` about requests. `F` determines the backend.
pub(crate) type OnRequests<'a, T, F> = Templated<Requests<'a>, T, F>;

/// Counts the table of requests, without an error if there is none.
fn existing(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Sqlite) => {
            "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'versioned_requests'"
        }
        Some(Dialect::Mysql) => {
            "SELECT COUNT(*) FROM information_schema.tables \
                WHERE table_schema = DATABASE() AND table_name = 'versioned_requests'"
        }
        Some(Dialect::Postgres) | None => "SELECT COUNT(to_regclass('versioned_requests'))",
    }
}

/// Returns the id of a new row, where an INSERT can.
fn returning_id(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Mysql) => "",
        _ => " RETURNING id",
    }
}

/// Passes over the requests that another executor has locked. `SQLite` has one writer.
fn skip_locked(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Sqlite) => "",
        _ => " FOR UPDATE SKIP LOCKED",
    }
}

/// The verb UPDATE of a statement that does not use a whole key, as
/// [`push_verb`](crate::statement::safe_updates::push_verb) pushes it.
fn update(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Mysql) => {
            "/*M!100100 SET STATEMENT sql_safe_updates = 0 FOR */ UPDATE /*+ SET_VAR(sql_safe_updates = 0) */"
        }
        _ => "UPDATE",
    }
}

/// The clock of `SQLite` knows milliseconds, and may be behind one that knows microseconds.
fn and_a_tick(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Sqlite) => " + 1000",
        _ => "",
    }
}

texts! {
    RequestValue;

    /// Counts the tables of requests.
    CountTables = [(existing)];

    /// Stores a request.
    StoreRequest = [
        "INSERT INTO versioned_requests (kind, replica, entity, state, terms, progress, note, due, created_at, last_at) VALUES (",
        Kind, ", ", Replica, ", ", Entity, ", ", State, ", ", Terms, ", ", Progress, ", ", Note, ", 0, ", (now), ", 0)",
        (returning_id),
    ];

    /// Returns the id of the request that this session has just stored, on MySQL.
    LastRequest = ["SELECT CAST(LAST_INSERT_ID() AS SIGNED)"];

    /// Selects the greatest id of a letter of a replica.
    NewestLetter = [
        "SELECT COALESCE(MAX(id), 0) FROM versioned_dead_letters WHERE replica = ", Replica, " AND entity = ", Entity,
    ];

    /// Selects the greatest item of a request.
    LastItem = ["SELECT COALESCE(MAX(item), 0) FROM versioned_request_items WHERE request = ", Id];

    /// Replaces the terms of a request.
    AmendRequest = [
        "UPDATE versioned_requests SET state = ", State, ", terms = ", Terms, " WHERE id = ", Id,
    ];

    /// Adds a record to a request.
    AddItem = [
        "INSERT INTO versioned_request_items (request, item, ", KeyColumn,
        ", version, outcome, error, at) VALUES (", Id, ", ", Item, ", ", Key, ", 0, '', '', 0)",
    ];

    /// Selects the time until the first open request is due, in microseconds.
    FirstDue = [
        "SELECT due - ", (now), " FROM versioned_requests WHERE state = 'open' AND kind = ", Kind,
        " AND replica = ", Replica, " AND entity = ", Entity, " ORDER BY due, id LIMIT 1",
    ];

    /// Selects the entity of each open request of this kind, and the time until it is due.
    OpenEntities = [
        "SELECT entity, MIN(due) - ", (now), " FROM versioned_requests WHERE state = 'open' AND kind = ", Kind,
        " GROUP BY entity ORDER BY entity",
    ];

    /// Selects the open requests of this kind, at most `limit`.
    OpenRequests = [
        "SELECT id, kind, replica, entity, state, terms, progress, note, created_at, last_at FROM versioned_requests \
            WHERE state = 'open' AND kind = ", Kind, " ORDER BY id LIMIT ", Limit,
    ];

    /// Locks the first open request that is due, and selects it.
    ClaimRequest = [
        "SELECT id, kind, replica, entity, state, terms, progress, note, created_at, last_at FROM versioned_requests \
            WHERE state = 'open' AND kind = ", Kind, " AND replica = ", Replica, " AND entity = ", Entity,
        " AND due <= ", (now), " ORDER BY due, id LIMIT 1", (skip_locked),
    ];

    /// Begins to write without a change, on `SQLite`. No request has the id 0.
    TouchRequest = ["UPDATE versioned_requests SET state = state WHERE id = 0"];

    /// Selects requests, at most `limit`.
    RequestPage = [
        "SELECT id, kind, replica, entity, state, terms, progress, note, created_at, last_at FROM versioned_requests \
            WHERE id > ", Id, " ORDER BY id LIMIT ", Limit,
    ];

    /// Selects the items of a request, at most `limit`.
    ItemPage = [
        "SELECT item, ", KeyColumn, ", version, outcome, error, at FROM versioned_request_items WHERE request = ", Id,
        " AND item > ", Item, " ORDER BY item LIMIT ", Limit,
    ];

    /// Selects the first items without a result from this one on, at most `limit`.
    FirstOpen = [
        "SELECT item, ", KeyColumn, ", version, outcome, error, at FROM versioned_request_items WHERE request = ", Id,
        " AND item >= ", Item, " AND outcome = '' ORDER BY item LIMIT ", Limit,
    ];

    /// Selects the items of a record without a result, in the order of their versions, at most
    /// `limit`.
    OpenOfRecord = [
        "SELECT item, ", KeyColumn, ", version, outcome, error, at FROM versioned_request_items WHERE request = ", Id,
        " AND ", KeyColumn, " = ", Key, " AND outcome = '' ORDER BY version, item LIMIT ", Limit,
    ];

    /// Writes the result of an item.
    SettleItem = [
        "UPDATE versioned_request_items SET outcome = ", Outcome, ", error = ", Error, ", at = ", (now),
        " WHERE request = ", Id, " AND item = ", Item,
    ];

    /// Writes how far a request is.
    AdvanceRequest = [
        "UPDATE versioned_requests SET state = ", State, ", progress = ", Progress, ", note = ", Note,
        ", due = ", (now), " + ", Pause, ", last_at = ", (now), " WHERE id = ", Id,
    ];

    /// Writes why the open requests of an entity do not go on.
    NoteRequests = [
        (update), " versioned_requests SET note = ", Note, " WHERE state = 'open' AND kind = ", Kind,
        " AND entity = ", Entity, " AND note = ''",
    ];

    /// Counts pending events, at most `limit`.
    CountPending = [
        "SELECT COUNT(*) FROM (SELECT 1 FROM versioned_outbox LIMIT ", Limit, ") AS p",
    ];

    /// Selects the first requests after one that have ended longer than `pause` ago, at most `limit`.
    OldRequests = [
        "SELECT id FROM versioned_requests WHERE replica = ", Replica, " AND entity = ", Entity, " AND id > ", Id,
        " AND state <> 'open' AND CASE WHEN last_at > created_at THEN last_at ELSE created_at END < ", (now), (and_a_tick), " - ", Pause,
        " ORDER BY id LIMIT ", Limit,
    ];

    /// Counts what `OldRequests` selects, at most `limit`.
    CountOldRequests = [
        "SELECT count(*) FROM (SELECT 1 AS one FROM versioned_requests WHERE replica = ", Replica, " AND entity = ", Entity,
        " AND state <> 'open' AND CASE WHEN last_at > created_at THEN last_at ELSE created_at END < ", (now), (and_a_tick), " - ", Pause,
        " LIMIT ", Limit, ") AS c",
    ];

    /// Locks a request that has ended, unless another transaction has locked it.
    HoldRequest = [
        "SELECT id FROM versioned_requests WHERE id = ", Id, " AND state <> 'open'", (skip_locked),
    ];

    /// Deletes the first items of a request, at most `limit`.
    PurgeItems = [
        "DELETE FROM versioned_request_items WHERE request = ", Id,
        " AND item <= (SELECT MAX(item) FROM (SELECT item FROM versioned_request_items WHERE request = ", Id,
        " ORDER BY item LIMIT ", Limit, ") AS f)",
    ];

    /// Deletes a request.
    PurgeRequest = ["DELETE FROM versioned_requests WHERE id = ", Id];

    /// Cancels an open request.
    CancelRequest = [
        "UPDATE versioned_requests SET state = 'canceled', last_at = ", (now), " WHERE id = ", Id,
        " AND state = 'open'",
    ];
}
