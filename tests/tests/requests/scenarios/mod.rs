//! The replica and its letters.

mod chosen;
mod forgets;
mod many;
mod outcomes;
pub(crate) mod resends;
mod several;

use std::time::Duration;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use versioned_core::model::FromJson;
use versioned_core::requests::{ItemOutcome, Redrive, Request, RequestState};
use versioned_core::{Event, MIGRATIONS, Op};

use super::backend::prelude::*;
use super::backend::{self, Backend, Conn, Db};
use super::front;

diesel::table! {
    copies {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

const COPIES: &str =
    "CREATE TABLE copies (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)";

diesel::table! {
    tickets {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

/// The owner.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox, tombstones)]
pub(crate) struct Ticket {
    pub(crate) id: i64,
    pub(crate) price: i64,
    pub(crate) version: i64,
}

macro_rules! replicas {
    ($($(#[$docs:meta])* $name:ident($($keys:tt)*) $(#[$price:meta])*;)*) => {$(
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = copies)]
        #[versioned(dependent, entity = "tickets", $($keys)*)]
        pub(crate) struct $name {
            id: i64,
            $(#[$price])*
            price: i64,
            version: i64,
        }
    )*};
}

replicas! {
    Copy();
    Parking(gap = "park");
    Latest(policy = "latest");
    /// The same replica as [`Copy`], of a deployment that is wrong: no event has this field.
    Broken() #[serde(rename = "cents")];
}

/// A fresh replica database.
pub(crate) fn replica() -> (Db, Conn) {
    use diesel_migrations::MigrationHarness as _;

    let db = Db::fresh(COPIES);
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS.with_requests())
        .unwrap();
    (db, conn)
}

fn body(id: i64, version: i64) -> String {
    let row = Copy {
        id,
        price: version,
        version,
    };
    let event = Event::new(Op::Updated, "tickets", id.to_string(), version, Some(row));
    serde_json::to_string(&event).unwrap()
}

/// A letter as a consumer writes it.
pub(crate) struct Letter {
    key: String,
    version: i64,
    body: String,
    reason: String,
    at: i64,
}

impl Letter {
    pub(crate) fn of(id: i64, version: i64) -> Self {
        Self {
            key: id.to_string(),
            version,
            body: body(id, version),
            reason: "not now".to_owned(),
            at: 1_000_000,
        }
    }
}

/// Writes dead letters, whose ids count up from 1 in a new database.
pub(crate) fn keep(letters: impl IntoIterator<Item = Letter>, conn: &mut Conn) {
    let quote = if backend::NAME == "mysql" { '`' } else { '"' };
    let letters: Vec<Letter> = letters.into_iter().collect();
    for page in letters.chunks(500) {
        let rows = page.iter().map(|letter| {
            let Letter { key, version, body, reason, at } = letter;
            let source = format!("{key}:{version}:{at}:{}", body.len());
            format!(
                "('copies', 'tickets', '{source}', '{key}', {version}, '{body}', 'events', 'none:', '', '{reason}', 0, {at}, {at})"
            )
        });
        let rows: Vec<String> = rows.collect();
        let insert = format!(
            "INSERT INTO versioned_dead_letters (replica, entity, source, {quote}key{quote}, version, body, subject, message_key,
                headers, reason, attempts, first_at, last_at) VALUES {}",
            rows.join(", ")
        );
        diesel::sql_query(insert).execute(conn).unwrap();
    }
}

/// A number that a statement selects.
pub(crate) fn number(sql: &str, conn: &mut Conn) -> i64 {
    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        number: i64,
    }
    let sql = match backend::NAME {
        "mysql" => format!("SELECT CAST(({sql}) AS SIGNED) AS number"),
        _ => format!("SELECT CAST(({sql}) AS BIGINT) AS number"),
    };
    let row: Number = diesel::sql_query(sql).get_result(conn).unwrap();
    row.number
}

/// The number of attempts on all letters.
pub(crate) fn attempts(conn: &mut Conn) -> i64 {
    number(
        "SELECT COALESCE(SUM(attempts), 0) FROM versioned_dead_letters",
        conn,
    )
}

pub(crate) fn letters_left(conn: &mut Conn) -> i64 {
    number("SELECT COUNT(*) FROM versioned_dead_letters", conn)
}

pub(crate) fn versions(conn: &mut Conn) -> Vec<(i64, i64)> {
    copies::table
        .select((copies::id, copies::version))
        .order(copies::id)
        .load(conn)
        .unwrap()
}

fn redrive(filter: versioned_core::requests::Filter) -> Redrive {
    Redrive::new("copies", "tickets", filter)
}

pub(crate) fn all() -> Redrive {
    Redrive::all("copies", "tickets")
}

/// Executes what is open, as a service does.
pub(crate) fn serve<M: Dependent<Backend> + FromJson>(conn: &mut Conn) {
    while let Some(pause) = front::execute::<M>(conn).unwrap() {
        std::thread::sleep(pause);
    }
}

/// Stores a request, executes it, and returns it.
fn served<M: Dependent<Backend> + FromJson>(redrive: &Redrive, conn: &mut Conn) -> Request {
    let request = front::store(redrive, conn).unwrap();
    serve::<M>(conn);
    front::find(request.id, conn).unwrap().unwrap()
}

/// The letters of a request, with their results.
fn results(request: &Request, conn: &mut Conn) -> Vec<(i64, ItemOutcome)> {
    let found = front::results(request.id, 0, 100_000, conn).unwrap();
    found
        .into_iter()
        .map(|item| (item.item, item.outcome))
        .collect()
}

/// Keeps 200 letters, and asks for all of them.
pub(crate) fn keep_many(conn: &mut Conn) -> Request {
    let letters = (1..=20).flat_map(|id| (1..=10).map(move |version| Letter::of(id, version)));
    keep(letters, conn);
    front::store(&all().limit(200), conn).unwrap()
}
