//! Kafka as the broker, on a real server and on librdkafka's mock cluster: what the publisher and the consumer promise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
    clippy::too_many_lines,
    clippy::large_futures,
    missing_docs,
    reason = "tests"
)]

mod consumer;
mod faults;
mod groups;
mod logs;
mod members;
mod publisher;

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use versioned_core::consumer::ConsumerError;
use versioned_core::kafka::{KafkaConfig, KafkaConsumer, KafkaPublisher};
use versioned_core::outbox::{OutboxRow, Shutdown};
use versioned_core::prelude::{OwnerDsl as _, Versioned};
use versioned_core::{Event, MIGRATIONS, Op};
use versioned_tests::applied::noted;
use versioned_tests::heard::Heard;
use versioned_tests::kafka::{Broker, Shared};
use versioned_tests::postgres::Db;
use versioned_tests::proxy::Proxy;
use versioned_tests::running;
use versioned_tests::waiting::{STUCK, until};

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

/// Sends messages, each a key and a body.
#[allow(
    clippy::unused_async,
    reason = "it blocks in place, which needs a runtime"
)]
async fn send_raw<B: AsRef<[u8]>>(
    broker: &Shared,
    topic: &str,
    messages: impl IntoIterator<Item = (String, Option<B>)>,
) {
    use rdkafka::producer::{BaseRecord, Producer as _};

    let mut settings = broker.config();
    settings.set("partitioner", "murmur2_random");
    let producer: rdkafka::producer::ThreadedProducer<_> = settings
        .create_with_context(rdkafka::producer::DefaultProducerContext)
        .unwrap();
    for (key, body) in messages {
        let mut record = BaseRecord::to(topic).key(&key);
        record.payload = body.as_ref().map(AsRef::as_ref);
        producer.send::<String, [u8]>(record).unwrap();
    }
    tokio::task::block_in_place(|| producer.flush(STUCK)).unwrap();
}

async fn send_all(broker: &Shared, topic: &str, events: impl IntoIterator<Item = Event<Copy>>) {
    let messages = events.into_iter().map(|event| {
        let body = serde_json::to_vec(&event).unwrap();
        (event.key, Some(body))
    });
    send_raw(broker, topic, messages).await;
}

/// Sends this version of these records.
async fn send_version(
    broker: &Shared,
    topic: &str,
    ids: std::ops::RangeInclusive<i64>,
    version: i64,
) {
    send_all(broker, topic, ids.map(|id| event(Op::Updated, id, version))).await;
}

/// A consumer of this topic, in a group of the same name.
fn consumer(broker: &Shared, topic: &str) -> KafkaConsumer {
    KafkaConsumer::subscribe(&quick(broker), topic, [topic]).unwrap()
}

/// Settings by which members are missed soon, and new topics are found soon.
fn quick(broker: &Shared) -> KafkaConfig {
    config(broker)
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "500")
        .set("topic.metadata.refresh.interval.ms", "1000")
}

type Running = running::Running<Copy>;

fn rows(conn: &mut PgConnection) -> Vec<(i64, i64)> {
    let all = tickets::table.select((tickets::id, tickets::version));
    all.order(tickets::id).load(conn).unwrap()
}

fn all_at(ids: std::ops::RangeInclusive<i64>, version: i64) -> Vec<(i64, i64)> {
    ids.map(|id| (id, version)).collect()
}

/// Waits until the group has committed the end of each partition.
async fn all_committed(broker: &Shared, topic: &str) {
    until("all is committed", async || is_committed(broker, topic)).await;
}

fn is_committed(broker: &Shared, topic: &str) -> bool {
    let mut partitions = broker.watermarks(topic).into_iter();
    partitions.all(|(partition, low, high)| {
        low == high || broker.committed(topic, topic, partition) == Some(high)
    })
}
