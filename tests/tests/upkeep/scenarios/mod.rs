//! An owner and its replica, in two databases.

mod concurrent;
mod pages;
mod purgers;
mod retention;
mod verdicts;

use std::time::Duration;

use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use versioned_core::compare::{Answer, Compared, Comparison, Question, Verdict};
use versioned_core::model::FromJson;
use versioned_core::{Event, MIGRATIONS, Outcome, Result};

use super::backend::prelude::*;
use super::backend::{self, Backend, Conn, Db};
use super::front;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> VarChar,
        note -> Nullable<VarChar>,
        price -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    copies {
        id -> BigInt,
        title -> VarChar,
        note -> Nullable<VarChar>,
        seen -> Nullable<BigInt>,
        version -> BigInt,
    }
}

const TICKETS: &str = "CREATE TABLE tickets (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL,
    note VARCHAR(100), price BIGINT NOT NULL, version BIGINT NOT NULL)";
const COPIES: &str = "CREATE TABLE copies (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL,
    note VARCHAR(100), seen BIGINT, version BIGINT NOT NULL)";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox, tombstones)]
struct Ticket {
    id: i64,
    title: String,
    note: Option<String>,
    price: i64,
    version: i64,
}

/// It does not have the price. `seen` is its own.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "tickets", gap = "park")]
struct Copy {
    id: i64,
    title: String,
    note: Option<String>,
    #[serde(default)]
    #[diesel(skip_insertion, skip_update)]
    seen: Option<i64>,
    version: i64,
}

/// The column `key` of the library's tables.
const KEY: &str = match backend::NAME.as_bytes() {
    b"mysql" => "`key`",
    _ => "\"key\"",
};

/// Two databases, and a connection to each.
struct Pair {
    owner_db: Db,
    replica_db: Db,
    owner: Conn,
    replica: Conn,
}

impl Pair {
    fn new() -> Self {
        let fresh = |ddl| {
            let db = Db::fresh(ddl);
            let mut conn = db.connect();
            conn.run_pending_migrations(MIGRATIONS).unwrap();
            (db, conn)
        };
        let (owner_db, owner) = fresh(TICKETS);
        let (replica_db, replica) = fresh(COPIES);
        Self {
            owner_db,
            replica_db,
            owner,
            replica,
        }
    }

    /// With these records, which the replica has.
    fn with(ids: impl IntoIterator<Item = i64>) -> Self {
        let mut pair = Self::new();
        for id in ids {
            pair.insert(id);
        }
        pair.relay();
        pair
    }

    fn insert(&mut self, id: i64) {
        let mut ticket = Ticket {
            id,
            title: format!("show {id}"),
            note: None,
            price: 10 * id,
            version: 0,
        };
        ticket.insert(&mut self.owner).unwrap();
    }

    fn save(&mut self, id: i64) {
        let mut ticket = Ticket::find(&id, &mut self.owner).unwrap();
        ticket.price += 1;
        ticket.title = format!("show {id} at {}", ticket.price);
        ticket.save(&mut self.owner).unwrap();
    }

    fn delete(&mut self, id: i64) {
        let mut ticket = Ticket::find(&id, &mut self.owner).unwrap();
        ticket.delete(&mut self.owner).unwrap();
    }

    /// Applies the events of the outbox.
    fn relay(&mut self) {
        for event in self.events() {
            let outcome = Copy::apply(&event, &mut self.replica).unwrap();
            assert!(outcome.should_ack(), "{outcome:?}");
        }
    }

    /// Loses the events of the outbox.
    fn lose(&mut self) {
        self.events();
    }

    fn events(&mut self) -> Vec<Event<Copy>> {
        #[derive(QueryableByName)]
        struct Sent {
            #[diesel(sql_type = diesel::sql_types::Text)]
            payload: String,
        }
        let all = diesel::sql_query("SELECT payload FROM versioned_outbox ORDER BY id");
        let all: Vec<Sent> = all.load(&mut self.owner).unwrap();
        at_owner(self, "DELETE FROM versioned_outbox");
        let events = all.iter().map(|sent| serde_json::from_str(&sent.payload));
        events.collect::<Result<_, _>>().unwrap()
    }

    fn compare(&mut self) -> Compared {
        self.run(&at_once())
    }

    fn run<M>(&mut self, comparison: &Comparison<M>) -> Compared
    where
        M: Dependent<Backend> + FromJson,
    {
        let owner = &mut self.owner;
        let ask = |question| asked(&question, owner);
        front::compare(comparison, ask, &mut self.replica).unwrap()
    }
}

/// A comparison that does not wait.
fn at_once() -> Comparison<Copy> {
    Comparison::new().settle(Duration::ZERO)
}

/// The answer of the owner, by way of JSON.
fn asked(question: &Question, owner: &mut Conn) -> Result<Answer> {
    let question = serde_json::from_str(&serde_json::to_string(question).unwrap()).unwrap();
    let answer = front::answer::<Ticket, _>(&question, owner)?;
    Ok(serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap())
}

fn at_owner(pair: &mut Pair, sql: &str) {
    diesel::sql_query(sql).execute(&mut pair.owner).unwrap();
}

fn at_replica(pair: &mut Pair, sql: &str) {
    diesel::sql_query(sql).execute(&mut pair.replica).unwrap();
}

/// The keys and verdicts of the differences, by key.
fn found(compared: &Compared) -> Vec<(String, Verdict)> {
    let differences = compared.differences.iter();
    let mut found: Vec<_> = differences
        .map(|one| (one.key.clone(), one.verdict))
        .collect();
    found.sort_by_key(|(key, _)| key.parse::<i64>().unwrap());
    found
}

fn expected(all: &[(i64, Verdict)]) -> Vec<(String, Verdict)> {
    all.iter()
        .map(|(id, verdict)| (id.to_string(), *verdict))
        .collect()
}
