//! The replica that the tests of the consumer fill, and what they ask of it and of its queue.

use std::num::NonZeroU32;

use versioned_core::async_prelude::*;
use versioned_core::consumer::Consumed;
use versioned_core::outbox::{Publisher as _, Shutdown};
use versioned_core::rabbitmq::{Queue, RabbitMqConsumer};
use versioned_core::{Error, Event, Op, Outcome};
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

diesel::table! {
    applied (key, version) {
        key -> Text,
        version -> BigInt,
    }
}

pub(crate) fn replica() -> (Db, PgConnection) {
    let (db, mut conn) = database();
    let table = "CREATE TABLE applied (key TEXT NOT NULL, version BIGINT NOT NULL)";
    diesel::connection::SimpleConnection::batch_execute(&mut conn, table).unwrap();
    (db, conn)
}

pub(crate) fn event_row(id: i64, version: i64) -> OutboxRow {
    let event = Event {
        entity: "tickets".into(),
        key: id.to_string(),
        version,
        op: Op::Updated,
        at: "2026-11-23T05:10:00Z".into(),
        data: Some(Copy {
            id,
            note: format!("note {version}"),
            version,
        }),
        trace: None,
        metadata: None,
    };
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

pub(crate) struct Running {
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<Consumed>,
}

impl Running {
    pub(crate) fn replica(consumer: RabbitMqConsumer, url: &str) -> Self {
        let shutdown = Shutdown::new();
        let (stop, url) = (shutdown.clone(), url.to_owned());
        let task = tokio::spawn(async move {
            let connect = || AsyncPgConnection::establish(&url);
            consumer.replicate::<Copy, _>(connect, stop).await.unwrap()
        });
        Self { shutdown, task }
    }

    /// Notes each event that it applies, in the transaction.
    pub(crate) fn noting(consumer: RabbitMqConsumer, url: &str) -> Self {
        let shutdown = Shutdown::new();
        let (stop, url) = (shutdown.clone(), url.to_owned());
        let task = tokio::spawn(async move {
            let handle = async |event: Event<Copy>| note(&event, &url).await;
            consumer.run(handle, stop).await.unwrap()
        });
        Self { shutdown, task }
    }

    pub(crate) async fn stop(self) -> Consumed {
        self.shutdown.stop();
        self.task.await.unwrap()
    }
}

pub(crate) async fn note(event: &Event<Copy>, url: &str) -> versioned_core::Result<Outcome> {
    let conn = AsyncPgConnection::establish(url).await;
    let mut conn = conn.map_err(Error::other)?;
    let note = async |conn: &mut AsyncPgConnection, event: &Event<Copy>| {
        let row = (
            applied::key.eq(event.key.clone()),
            applied::version.eq(event.version),
        );
        let insert = diesel::insert_into(applied::table).values(row);
        diesel_async::RunQueryDsl::execute(insert, conn).await?;
        Ok(())
    };
    Copy::apply_with(event, &mut conn, note).await
}

pub(crate) fn noted(conn: &mut PgConnection) -> Vec<(i64, i64)> {
    let noted: Vec<(String, i64)> = applied::table.load(conn).unwrap();
    let mut noted: Vec<_> = noted
        .into_iter()
        .map(|(key, version)| (key.parse().unwrap(), version))
        .collect();
    noted.sort_unstable();
    noted
}

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
