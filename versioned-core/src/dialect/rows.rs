//! The rows of this crate's tables, as statements return them.

use diesel::sql_types::{BigInt, Integer, Text};

/// `id, entity, key, version, op, payload, attempts` of an event in the outbox, and its age in
/// microseconds; or of a rejected one, with the reason for the payload and the time at which it was
/// written.
pub(crate) type Waiting = (i64, String, String, i64, String, String, i32, i64);

pub(super) type WaitingSql = (BigInt, Text, Text, BigInt, Text, Text, Integer, BigInt);

/// `id, key, version, source, subject, message_key, headers, body, reason, attempts, first_at,
/// last_at` of a dead letter.
pub(crate) type Letter = (
    i64,
    String,
    i64,
    String,
    String,
    String,
    String,
    String,
    String,
    i64,
    i64,
    i64,
);

pub(super) type LetterSql = (
    BigInt,
    Text,
    BigInt,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    BigInt,
    BigInt,
    BigInt,
);

/// `key, position, turn, events, at, error` of a record with parked events.
pub(crate) type Parked = (String, i64, i64, i64, i64, String);

pub(super) type ParkedSql = (Text, BigInt, BigInt, BigInt, BigInt, Text);

/// `id, kind, replica, entity, state, terms, progress, note, created_at, last_at` of a request.
pub(crate) type Requested = (
    i64,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    i64,
    i64,
);

pub(super) type RequestedSql = (
    BigInt,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    BigInt,
    BigInt,
);

/// `item, key, version, outcome, error, at` of a letter or record of a request.
pub(crate) type Item = (i64, String, i64, String, String, i64);

pub(super) type ItemSql = (BigInt, Text, BigInt, Text, Text, BigInt);

/// `id, replica, entity, key, version, source, subject, message_key, headers, body, reason, attempts,
/// first_at, last_at` of a dead letter, and the numbers of parked events and of letters that wait
/// for it.
pub(crate) type AnyLetter = (
    i64,
    String,
    String,
    String,
    i64,
    String,
    String,
    String,
    String,
    String,
    String,
    i64,
    i64,
    i64,
    i64,
    i64,
);

pub(super) type AnyLetterSql = (
    BigInt,
    Text,
    Text,
    Text,
    BigInt,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
);

/// `replica, entity, key, position, turn, events, at, error` of a record with parked events, and the
/// id of its first dead letter.
pub(crate) type AnyParked = (String, String, String, i64, i64, i64, i64, String, i64);

pub(super) type AnyParkedSql = (
    Text,
    Text,
    Text,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    Text,
    BigInt,
);

/// `id, entity, key, version, op, at, attempts, due, error` of an event in the outbox.
pub(crate) type Pending = (i64, String, String, i64, String, i64, i32, i64, String);

pub(super) type PendingSql = (
    BigInt,
    Text,
    Text,
    BigInt,
    Text,
    BigInt,
    Integer,
    BigInt,
    Text,
);
