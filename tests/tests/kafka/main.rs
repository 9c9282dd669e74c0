//! Kafka as the broker, on a real server and on librdkafka's mock cluster: what the publisher and the consumer promise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
    clippy::too_many_lines,
    missing_docs,
    reason = "tests"
)]

mod faults;
mod publisher;

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use versioned_core::kafka::{KafkaConfig, KafkaPublisher};
use versioned_core::outbox::OutboxRow;
use versioned_core::prelude::{OwnerDsl as _, Versioned};
use versioned_core::{Event, MIGRATIONS, Op};
use versioned_tests::kafka::{Broker, Shared};
use versioned_tests::postgres::Db;

diesel::table! {
    tickets {
        id -> BigInt,
        note -> Text,
        version -> BigInt,
    }
}

diesel::table! {
    applied (key, version) {
        key -> Text,
        version -> BigInt,
    }
}

const DDL: &str = "
    CREATE TABLE tickets (id BIGINT PRIMARY KEY, note TEXT NOT NULL, version BIGINT NOT NULL);
    CREATE TABLE applied (key TEXT NOT NULL, version BIGINT NOT NULL);
";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Ticket {
    id: i64,
    note: String,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent, gap = "park")]
struct Copy {
    id: i64,
    note: String,
    version: i64,
}

fn database() -> (Db, PgConnection) {
    let db = Db::fresh(DDL);
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

async fn connect(db: &Db) -> AsyncPgConnection {
    AsyncPgConnection::establish(db.url()).await.unwrap()
}

/// A prefix, and the topic `{prefix}.tickets`, which exists.
async fn tickets_topic(broker: &Shared, partitions: i32) -> (String, String) {
    let prefix = broker.name();
    let topic = format!("{prefix}.tickets");
    broker.create_topic(&topic, partitions, &[]).await;
    (prefix, topic)
}

fn config(broker: &Shared) -> KafkaConfig {
    KafkaConfig::new(broker.url())
}

fn publisher(broker: &Shared, prefix: &str) -> KafkaPublisher {
    KafkaPublisher::new(&config(broker), prefix).unwrap()
}

fn announce(ids: impl IntoIterator<Item = i64>, note: &str, conn: &mut PgConnection) {
    for id in ids {
        let mut ticket = Ticket {
            id,
            note: note.to_owned(),
            version: 0,
        };
        ticket.insert(conn).unwrap();
    }
}

fn row(key: &str, version: i64, payload: &str) -> OutboxRow {
    OutboxRow {
        id: version,
        entity: "tickets".to_owned(),
        key: key.to_owned(),
        version,
        op: "updated".to_owned(),
        payload: payload.to_owned(),
        attempts: 0,
    }
}

/// The key and the body of each message, by partition.
fn stored(broker: &Shared, topic: &str) -> Vec<(String, String)> {
    let stored = broker.stored(topic).into_iter();
    stored
        .map(|message| (message.key.unwrap(), message.body.unwrap_or_default()))
        .collect()
}

/// How long something may take that is bound to happen: no measure of speed, but of what is stuck, also on a loaded machine.
const STUCK: Duration = Duration::from_mins(3);

/// Waits until `done`, and fails if that takes too long.
async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + STUCK;
    while !done().await {
        assert!(Instant::now() < end, "not within {STUCK:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
