//! The messages of each producer, through its form, into replicas.

pub(crate) mod cloud_events;
pub(crate) mod debezium;
pub(crate) mod mongoose;
pub(crate) mod ours;
pub(crate) mod own_forms;

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use versioned_core::format::Decode;
use versioned_core::{Event, MIGRATIONS};

use super::backend::prelude::*;
use super::backend::{Backend, Conn, Db, NAME};
use crate::messages::{Delivery, Sent, deliveries};

/// A replica of any kind.
pub(crate) trait Replica: Dependent<Backend> + Serialize + DeserializeOwned + Clone {}
impl<M: Dependent<Backend> + Serialize + DeserializeOwned + Clone> Replica for M {}

/// A database with the tables of this crate and these.
pub(crate) fn database(ddl: &str) -> (Db, Conn) {
    let db = Db::fresh(ddl);
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

/// The type of a timestamp with microseconds.
fn timestamp() -> &'static str {
    match NAME {
        "mysql" => "DATETIME(6)",
        _ => "TIMESTAMP",
    }
}

/// Makes the replica new.
fn empty(table: &str, conn: &mut Conn) {
    conn.batch_execute(&format!(
        "DELETE FROM {table}; DELETE FROM versioned_positions; DELETE FROM versioned_parked"
    ))
    .unwrap();
}

/// The number of parked events.
pub(crate) fn parked(conn: &mut Conn) -> i64 {
    diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM versioned_parked")
        .get_result(conn)
        .unwrap()
}

/// What became of the messages that were not applied.
#[derive(Debug, Clone, Default, PartialEq)]
struct Left {
    /// The number of messages that are not for the replica.
    skipped: usize,
    /// The reasons of the refusals, and how often each message was delivered.
    refused: Vec<String>,
    /// The events that wait for their predecessors, without repetitions.
    waiting: BTreeSet<String>,
}

impl Left {
    fn new(skipped: usize, refused: &[&str], waiting: &[&str]) -> Self {
        let text = |text: &&str| (*text).to_owned();
        Self {
            skipped,
            refused: refused.iter().map(text).collect(),
            waiting: waiting.iter().map(text).collect(),
        }
    }

    /// What is left if each message is delivered so often.
    fn times(&self, times: usize) -> Self {
        let refused = self.refused.iter();
        let mut refused: Vec<String> = refused
            .flat_map(|reason| std::iter::repeat_n(reason.clone(), times))
            .collect();
        refused.sort();
        Self {
            skipped: self.skipped * times,
            refused,
            waiting: self.waiting.clone(),
        }
    }
}

/// What a message is for the replica: an event, nothing, or the reason of a refusal.
type Read<M> = Result<Option<Event<M>>, String>;

fn read_all<M: Replica>(sent: &[Sent], form: &dyn Decode) -> Vec<Read<M>> {
    let read = sent.iter().map(|sent| sent.read::<M>(form));
    read.map(|read| read.map_err(|refused| refused.reason().to_owned()))
        .collect()
}

/// Applies the events as a consumer does: an early event is delivered again, until none can be
/// applied.
fn deliver<M: Replica>(delivery: &Delivery, read: &[Read<M>], conn: &mut Conn) -> Left {
    let mut left = Left::default();
    let mut waiting: Vec<Event<M>> = Vec::new();
    for place in &delivery.places {
        match &read[*place] {
            Ok(Some(event)) => waiting.push(event.clone()),
            Ok(None) => left.skipped += 1,
            Err(reason) => left.refused.push(reason.clone()),
        }
    }
    loop {
        let before = waiting.len();
        waiting = early(waiting, delivery.batch, conn);
        if waiting.is_empty() || waiting.len() == before {
            break;
        }
    }
    left.refused.sort();
    left.waiting = waiting.iter().map(Event::id).collect();
    left
}

/// Applies events, and returns those that have to be delivered again.
fn early<M: Replica>(
    events: Vec<Event<M>>,
    batch: Option<usize>,
    conn: &mut Conn,
) -> Vec<Event<M>> {
    let outcomes: Vec<_> = match batch {
        None => events
            .iter()
            .map(|event| M::apply(event, conn).unwrap())
            .collect(),
        Some(batch) => events
            .chunks(batch)
            .flat_map(|events| M::apply_all(events, conn).unwrap())
            .collect(),
    };
    let events = events.into_iter().zip(outcomes);
    events
        .filter(|(_, outcome)| !outcome.should_ack())
        .map(|(event, _)| event)
        .collect()
}

/// Delivers the messages in each order to a new replica. What is left of them, and then the rows, are
/// as expected each time.
fn in_each_order<M, R>(
    sent: &[Sent],
    form: &dyn Decode,
    table: &str,
    conn: &mut Conn,
    rows: impl Fn(&mut Conn) -> Vec<R>,
    expected: (&Left, &[R]),
) where
    M: Replica,
    R: std::fmt::Debug + PartialEq,
{
    let read = read_all::<M>(sent, form);
    for delivery in deliveries(sent.len()) {
        empty(table, conn);
        let left = deliver(&delivery, &read, conn);
        let context = format!("{}: {}", std::any::type_name::<M>(), delivery.name);
        assert_eq!(left, expected.0.times(delivery.times), "{context}");
        assert_eq!(rows(conn), expected.1, "{context}");
    }
}
