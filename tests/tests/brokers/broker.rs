//! What the scenarios need of a broker.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use versioned_core::consumer::{Consumer, Source};
use versioned_core::format::{Decode, Encode};
use versioned_core::outbox::{OutboxRow, PublishError, Publisher};
use versioned_core::prelude::Versioned;
use versioned_core::{Event, MIGRATIONS, Op};
pub(crate) use versioned_tests::applied::noted_ids as noted;
use versioned_tests::postgres::Db;
use versioned_tests::running;
pub(crate) use versioned_tests::waiting::{STUCK, until};

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
pub(crate) struct Ticket {
    pub(crate) id: i64,
    pub(crate) note: String,
    pub(crate) version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
pub(crate) struct Copy {
    pub(crate) id: i64,
    pub(crate) note: String,
    pub(crate) version: i64,
}

/// The same for closures, which have no place for dead letters.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent, gap = "park")]
pub(crate) struct Parking {
    pub(crate) id: i64,
    pub(crate) note: String,
    pub(crate) version: i64,
}

/// A consumer that replicates.
pub(crate) type Running = running::Running<Copy>;

/// A consumer with a closure.
pub(crate) type Noting = running::Running<Parking>;

/// A broker, and a way through it for the events of `tickets`.
pub(crate) trait Broker: Sized + Send + Sync + 'static {
    type Source: Source;

    /// A new way, through a broker that other tests may use.
    async fn shared() -> Self;

    /// A new way, through a broker of its own.
    async fn own() -> Self;

    /// A publisher to it, in this form.
    async fn publisher(&self, form: impl Encode + 'static) -> impl Publisher + 'static;

    /// A consumer from it, of the group `orders`.
    async fn consumer(&self) -> Consumer<Self::Source>;

    /// Sends a body that need not be an event.
    async fn send(&self, key: &str, body: &[u8]);

    /// Whether the group `orders` has settled all messages.
    async fn is_done(&self) -> bool;

    /// Kills the broker, which comes again by itself.
    fn kill(&self);

    /// Kills the broker, which does not come again before [`up`](Self::up).
    fn down(&self);

    fn up(&self);

    /// Deletes what the group `orders` receives from, with the messages in it.
    async fn delete(&self);

    /// Makes it again.
    async fn make(&self);
}

/// Reads and writes the messages of a test.
pub(crate) trait Form: Encode + Decode + Clone + 'static {}

impl<F: Encode + Decode + Clone + 'static> Form for F {}

pub(crate) fn database() -> (Db, PgConnection) {
    let db = Db::fresh(DDL);
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

/// The rows of the replica.
pub(crate) fn rows(conn: &mut PgConnection) -> Vec<(i64, i64)> {
    let rows = tickets::table.order(tickets::id);
    let rows = rows.select((tickets::id, tickets::note, tickets::version));
    let rows: Vec<(i64, String, i64)> = rows.load(conn).unwrap();
    let rows = rows.into_iter().map(|(id, note, version)| {
        assert_eq!(note, format!("note {version}"));
        (id, version)
    });
    rows.collect()
}

pub(crate) fn event(id: i64, version: i64) -> Event<Copy> {
    let data = Copy {
        id,
        note: format!("note {version}"),
        version,
    };
    Event::new(Op::Updated, "tickets", id.to_string(), version, Some(data))
}

/// Each version of each record, the records in turn.
pub(crate) fn events(records: i64, versions: i64) -> Vec<(i64, i64)> {
    let versions = 1..=versions;
    versions
        .flat_map(|version| (1..=records).map(move |id| (id, version)))
        .collect()
}

fn row((id, version): (i64, i64)) -> OutboxRow {
    OutboxRow {
        id: version * 1_000_000 + id,
        entity: "tickets".to_owned(),
        key: id.to_string(),
        version,
        op: "updated".to_owned(),
        payload: serde_json::to_string(&event(id, version)).unwrap(),
        attempts: 0,
    }
}

/// Publishes the events in this order, in batches, each as often as it takes.
pub(crate) async fn publish(publisher: &impl Publisher, events: &[(i64, i64)]) {
    for batch in events.chunks(500) {
        let mut rows: Vec<OutboxRow> = batch.iter().map(|event| row(*event)).collect();
        let end = Instant::now() + STUCK;
        while !rows.is_empty() {
            let sending = publisher.publish(&rows);
            let answers = tokio::time::timeout(Duration::from_secs(20), sending).await;
            let mut answers = answers.unwrap_or_default().into_iter();
            rows.retain(|_| answers.next() != Some(Ok(())));
            assert!(Instant::now() < end, "{} events are not sent", rows.len());
            if !rows.is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Publishes one event, once.
pub(crate) async fn try_publish(
    publisher: &impl Publisher,
    event: (i64, i64),
) -> Result<(), PublishError> {
    let sending = [row(event)];
    let mut answers = publisher.publish(&sending).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// The events in an order that looks random.
pub(crate) fn shuffled(mut events: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    events.sort_by_key(|(id, version)| (version * 7_919 + id * 104_729) % 1_009);
    events
}
