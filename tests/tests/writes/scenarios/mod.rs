//! Each scenario asserts the variant, its facts, the model in memory and the row afterwards.

mod aggregate;
mod changes;
#[path = "../../values/common.rs"]
mod common;
mod create_all;
mod filter;
mod key_order;
mod read_only;
mod scope;
mod tracked_batch;
mod upsert;
mod upsert_all;
mod upsert_races;

use std::sync::{Arc, Mutex};

use diesel::connection::{
    Connection as _, Instrumentation, InstrumentationEvent, SimpleConnection as _,
};
use diesel::prelude::*;
use serde::Serialize;
use versioned_core::{Conflict, ConflictKind, Error, Op};

use self::common::{fresh, on, told};
use super::backend::prelude::*;
use super::backend::{self, Conn, Db, NAME};

diesel::table! {
    tickets {
        id -> BigInt,
        tenant -> BigInt,
        title -> VarChar,
        price -> BigInt,
        version -> BigInt,
    }
}

const TICKETS: &str = "CREATE TABLE tickets (
    id BIGINT PRIMARY KEY,
    tenant BIGINT NOT NULL,
    title VARCHAR(100) NOT NULL,
    price BIGINT NOT NULL,
    version BIGINT NOT NULL
)";

/// Models of the same table, with and without what else an owner can have.
macro_rules! models {
    ($($name:ident($($key:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
        #[diesel(table_name = tickets)]
        #[versioned($($key)*)]
        struct $name {
            id: i64,
            tenant: i64,
            title: String,
            price: i64,
            version: i64,
        }

        impl $name {
            fn new(id: i64) -> Self {
                Self { id, tenant: 1, title: "concert".into(), price: 20, version: 0 }
            }
        }
    )*};
}

models! {
    Ticket(owner);
    Announced(owner, outbox, tombstones);
    Told(owner, outbox);
    Remembered(owner, tombstones);
}

/// The row, read by Diesel alone: the tenant, the title, the price and the version.
fn row(id: i64, conn: &mut Conn) -> Option<(i64, String, i64, i64)> {
    tickets::table
        .find(id)
        .select((
            tickets::tenant,
            tickets::title,
            tickets::price,
            tickets::version,
        ))
        .first(conn)
        .optional()
        .unwrap()
}

/// What a connection runs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn on(conn: &mut Conn) -> Self {
        let log = Self::default();
        conn.set_instrumentation(log.clone());
        log
    }

    /// The first words of what ran since the last look.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Instrumentation for Log {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string().replace('`', "\"");
            let text = text.split(" -- binds").next().unwrap();
            self.0.lock().unwrap().push(text.to_owned());
        }
    }
}

/// The verbs of statements: `["BEGIN", "INSERT", "COMMIT"]`.
fn verbs(statements: &[String]) -> Vec<&str> {
    statements
        .iter()
        .map(|text| text.split(' ').next().unwrap())
        .collect()
}

/// The events of the outbox: operation and version.
fn events(conn: &mut Conn) -> Vec<(String, i64)> {
    let events = told(conn).into_iter();
    events.map(|(op, _, version)| (op, version)).collect()
}

/// The facts of a conflict: its kind, the key, the expected version and the one that was found.
fn conflict<T: std::fmt::Debug>(
    result: Result<T, Error>,
) -> (ConflictKind, String, i64, Option<i64>) {
    let number = |token| match token {
        versioned_core::version::Token::Number(number) => number,
        other => panic!("{other:?}"),
    };
    let error = result.unwrap_err();
    let conflict = error.conflict().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(conflict.table(), Some("tickets"));
    (
        conflict.kind(),
        conflict.id().unwrap().to_owned(),
        number(conflict.expected().unwrap()),
        conflict.found().map(number),
    )
}
