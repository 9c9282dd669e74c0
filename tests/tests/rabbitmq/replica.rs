//! The replica that the tests of the consumer fill, and what they ask of it and of its queue.

use std::num::NonZeroU32;

use versioned_core::outbox::Publisher as _;
use versioned_core::rabbitmq::{Queue, RabbitMqConsumer};
use versioned_core::{Event, Op};
pub(crate) use versioned_tests::applied::{apply_and_note_at, noted_ids as noted};
use versioned_tests::rabbitmq::Broker;

use super::*;

#[derive(
    Debug,
    Clone,
    PartialEq,
    diesel::Queryable,
    diesel::Selectable,
    Serialize,
    Deserialize,
    Versioned,
)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
pub(crate) struct Copy {
    id: i64,
    note: String,
    version: i64,
}

/// The same for closures, which have no place for dead letters.
#[derive(
    Debug,
    Clone,
    PartialEq,
    diesel::Queryable,
    diesel::Selectable,
    Serialize,
    Deserialize,
    Versioned,
)]
#[diesel(table_name = tickets)]
#[versioned(dependent, gap = "park")]
pub(crate) struct Parking {
    id: i64,
    note: String,
    version: i64,
}

pub(crate) fn replica() -> (Db, PgConnection) {
    let (db, mut conn) = database();
    let table = "CREATE TABLE applied (key TEXT NOT NULL, version BIGINT NOT NULL)";
    diesel::connection::SimpleConnection::batch_execute(&mut conn, table).unwrap();
    (db, conn)
}

pub(crate) fn event_row(id: i64, version: i64) -> OutboxRow {
    let data = Copy {
        id,
        note: format!("note {version}"),
        version,
    };
    let event = Event::new(Op::Updated, "tickets", id.to_string(), version, Some(data));
    OutboxRow {
        payload: serde_json::to_string(&event).unwrap(),
        ..row(&id.to_string(), version)
    }
}

/// Publishes events, each as often as it takes.
pub(crate) async fn publish(publisher: &RabbitMqPublisher, mut rows: Vec<OutboxRow>) {
    let end = Instant::now() + STUCK;
    while !rows.is_empty() {
        let mut answers = publisher.publish(&rows).await.into_iter();
        rows.retain(|_| answers.next() != Some(Ok(())));
        assert!(Instant::now() < end, "{} events are not sent", rows.len());
        if !rows.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(crate) fn held(conn: &mut PgConnection) -> Vec<(i64, i64)> {
    let rows = tickets::table.order(tickets::id);
    rows.select((tickets::id, tickets::version))
        .load(conn)
        .unwrap()
}

pub(crate) type Running = versioned_tests::running::Running<Copy>;

pub(crate) type Noting = versioned_tests::running::Running<Parking>;

pub(crate) fn consumer(url: &str, queue: Queue) -> RabbitMqConsumer {
    RabbitMqConsumer::new(Servers::new([url]).unwrap(), queue)
}

pub(crate) fn limit(returns: u32) -> NonZeroU32 {
    NonZeroU32::new(returns).unwrap()
}

/// Messages in a queue: those that wait, and all with those in hand. A quorum queue renews these figures every 200 ms,
/// and the tool needs longer to start.
pub(crate) fn counts(broker: &Broker, queue: &str) -> (usize, usize) {
    let arguments = ["list_queues", "name", "messages_ready", "messages"];
    let queues = broker.ctl(&arguments);
    let mut lines = queues.lines().map(str::split_whitespace);
    let line = lines.find(|line| line.clone().next() == Some(queue));
    let mut numbers = line.expect("a queue").skip(1);
    let mut next = || numbers.next().unwrap().parse().unwrap();
    (next(), next())
}
