//! JetStream as the broker, on a real server: what the publisher and the consumer promise.

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

mod batches;
mod consumer;
mod counters;
mod dead_letters;
mod lanes;
mod missing;
mod outage;
mod publisher;
mod purge;
mod requests;
mod shutdown;
mod window;

use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context, stream};
use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use versioned_core::prelude::Versioned;
use versioned_core::{Event, MIGRATIONS, Op};
use versioned_tests::applied::{apply_and_note, noted};
use versioned_tests::heard::Heard;
use versioned_tests::nats::{Broker, undelivered};
use versioned_tests::postgres::Db;
use versioned_tests::proxy::Proxy;
use versioned_tests::running;
use versioned_tests::waiting::until;

diesel::table! {
    tickets {
        id -> BigInt,
        note -> Text,
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
#[versioned(dependent)]
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

async fn jetstream(broker: &Broker) -> Context {
    let client = async_nats::connect(broker.url()).await.unwrap();
    let mut context = jetstream::new(client);
    context.set_timeout(Duration::from_secs(1));
    context
}

/// A stream of everything below `events`.
async fn events(context: &Context) -> stream::Stream {
    let config = stream::Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["events.>".to_owned()],
        ..stream::Config::default()
    };
    context.get_or_create_stream(config).await.unwrap()
}

async fn stored(stream: &mut stream::Stream) -> u64 {
    stream.info().await.unwrap().state.messages
}

fn event(op: Op, id: i64, version: i64) -> Event<Copy> {
    Event {
        entity: "tickets".into(),
        key: id.to_string(),
        version,
        op,
        at: "2026-11-23T05:10:00Z".into(),
        data: (op != Op::Deleted).then(|| Copy {
            id,
            note: format!("note {version}"),
            version,
        }),
        trace: None,
        metadata: None,
    }
}
