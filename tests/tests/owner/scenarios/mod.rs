//! Each scenario asserts the variant, its facts, the model in memory and the row afterwards.

mod aggregate;
mod bad_input;
mod batch;
pub(crate) mod concurrency;
mod conflict;
mod create;
mod guard;
mod guard_trigger;
mod handle;
mod key_changed;
mod outbox;
mod rollback;
mod shapes;
mod statements;
mod timestamps;
mod tracked;
mod version_trigger;

use diesel::prelude::*;
use versioned_core::version::Token;
use versioned_core::{Conflict, ConflictKind, Error, Retry};

use super::backend::prelude::*;
use super::backend::{self, Conn, Db};

diesel::table! {
    tickets {
        id -> BigInt,
        title -> VarChar,
        price -> BigInt,
        note -> Nullable<VarChar>,
        version -> BigInt,
    }
}

pub(crate) const TICKETS: &str = "CREATE TABLE tickets (
    id BIGINT PRIMARY KEY,
    title VARCHAR(100) NOT NULL UNIQUE,
    price BIGINT NOT NULL CHECK (price >= 0),
    note VARCHAR(100),
    version BIGINT NOT NULL
)";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
pub(crate) struct Ticket {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) price: i64,
    pub(crate) note: Option<String>,
    pub(crate) version: i64,
}

impl Ticket {
    pub(crate) fn concert() -> Self {
        Self {
            id: 7,
            title: "concert".into(),
            price: 20,
            note: Some("front row".into()),
            version: 0,
        }
    }

    /// A ticket that was inserted, at version 1.
    pub(crate) fn inserted(conn: &mut Conn) -> Self {
        let mut ticket = Self::concert();
        ticket.insert(conn).unwrap();
        ticket
    }

    /// The row, read by Diesel alone.
    pub(crate) fn row(id: i64, conn: &mut Conn) -> Option<Self> {
        tickets::table
            .find(id)
            .select(Self::as_select())
            .first(conn)
            .optional()
            .unwrap()
    }
}

/// A fresh database with the table of tickets, and two connections to it.
pub(crate) fn two_sessions() -> (Db, Conn, Conn) {
    let db = Db::fresh(TICKETS);
    let (one, two) = (db.connect(), db.connect());
    (db, one, two)
}

/// The conflict that an operation must have ended in.
#[track_caller]
pub(crate) fn conflict<T>(result: Result<T, Error>) -> Conflict {
    match result {
        Err(Error::Conflict(conflict)) => conflict,
        Err(error) => panic!("expected a conflict, got {error:?}"),
        Ok(_) => panic!("expected a conflict, but it went through"),
    }
}

/// A stale write of ticket 7.
#[track_caller]
pub(crate) fn assert_stale<T>(result: Result<T, Error>, expected: i64, found: i64) {
    let conflict = conflict(result);
    assert_eq!(conflict.kind(), ConflictKind::Stale);
    assert_eq!(conflict.table(), Some("tickets"));
    assert_eq!(conflict.id(), Some("7"));
    assert_eq!(conflict.expected(), Some(Token::Number(expected)));
    assert_eq!(conflict.found(), Some(Token::Number(found)));
}

/// A write of ticket 7, which is gone.
#[track_caller]
fn assert_deleted<T>(result: Result<T, Error>, expected: i64) {
    let conflict = conflict(result);
    assert_eq!(conflict.kind(), ConflictKind::Deleted);
    assert_eq!(conflict.table(), Some("tickets"));
    assert_eq!(conflict.id(), Some("7"));
    assert_eq!(conflict.expected(), Some(Token::Number(expected)));
    assert_eq!(conflict.found(), None);
}
