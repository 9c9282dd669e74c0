//! Events of busy records, gaps, failures and shutdowns: what a consumer does with the messages in
//! hand, at its defaults unless a test says otherwise.

use std::sync::atomic::{AtomicUsize, Ordering};

use versioned_core::async_prelude::*;
use versioned_core::nats::JetStreamConsumer;
use versioned_core::outbox::Shutdown;
use versioned_core::{Error, Outcome};

use super::consumer::{Running, rows, send};
use super::*;

/// How many messages the broker waits for an acknowledgement of, has not delivered yet, and has
/// delivered more than once.
pub(crate) async fn outstanding(stream: &stream::Stream) -> (u64, u64) {
    let mut consumer = stream
        .get_consumer::<jetstream::consumer::pull::Config>("orders")
        .await
        .unwrap();
    let info = consumer.info().await.unwrap();
    let outstanding = info.num_ack_pending as u64 + undelivered(stream, info).await;
    (outstanding, info.num_redelivered as u64)
}

pub(crate) async fn durable(stream: &stream::Stream) -> JetStreamConsumer {
    JetStreamConsumer::durable(stream, "orders", "events.tickets.*")
        .await
        .unwrap()
}

/// Publishes without waiting for each acknowledgement.
pub(crate) async fn send_all(context: &Context, events: impl IntoIterator<Item = Event<Copy>>) {
    let mut acks = Vec::new();
    for event in events {
        let payload = serde_json::to_vec(&event).unwrap();
        let subject = format!("events.tickets.{}", event.key);
        acks.push(context.publish(subject, payload.into()).await.unwrap());
    }
    for ack in acks {
        ack.await.unwrap();
    }
}

pub(crate) async fn all_done(stream: &stream::Stream) {
    until("nothing outstanding", async || {
        outstanding(stream).await.0 == 0
    })
    .await;
}

/// In the order in which the owner wrote them, there are no gaps and no redeliveries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_waiting_versions_of_one_record_are_applied_one_after_the_other() {
    for versions in [5, 20, 50, 500] {
        for concurrency in [1, 8, 64] {
            let broker = Broker::start();
            let (db, mut conn) = database();
            let context = jetstream(&broker).await;
            let stream = events(&context).await;
            send_all(
                &context,
                (1..=versions).map(|version| event(Op::Updated, 7, version)),
            )
            .await;
            let consumer = durable(&stream).await.concurrency(concurrency);
            let running = Running::replica(consumer, db.url());
            all_done(&stream).await;
            let (_, redelivered) = outstanding(&stream).await;
            let figures = running.stop().await;
            assert_eq!(
                (figures.applied, figures.gaps, redelivered),
                (versions.unsigned_abs(), 0, 0)
            );
            assert_eq!(rows(&mut conn), [(7, versions)]);
        }
    }
}

/// Shuffled, an early event waits in the process. Two processes share the durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shuffled_versions_of_busy_records_wait_for_each_other_in_the_process() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let mut all: Vec<_> = (1..=20)
        .flat_map(|id| (1..=20).map(move |version| event(Op::Updated, id, version)))
        .collect();
    // A fixed shuffle.
    all.sort_by_key(|event| {
        (event.version * 7_919 + event.key.parse::<i64>().unwrap() * 104_729) % 1_009
    });
    send_all(&context, all).await;
    let one = Running::replica(durable(&stream).await, db.url());
    let two = Running::replica(durable(&stream).await, db.url());
    all_done(&stream).await;
    let (one, two) = (one.stop().await, two.stop().await);
    assert_eq!(one.applied + two.applied, 400, "{one:?} {two:?}");
    let all: Vec<_> = (1..=20).map(|id| (id, 20)).collect();
    assert_eq!(rows(&mut conn), all);
}

/// The room is full of events that wait, and their predecessors are still at the broker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_events_make_room_for_their_predecessors() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    for version in [2, 1] {
        send_all(&context, (1..=40).map(|id| event(Op::Updated, id, version))).await;
    }
    let start = Instant::now();
    let running = Running::replica(durable(&stream).await.in_hand(20), db.url());
    all_done(&stream).await;
    assert!(
        start.elapsed() < Duration::from_mins(1),
        "{:?}",
        start.elapsed()
    );
    let figures = running.stop().await;
    assert_eq!(figures.applied, 80, "{figures:?}");
    let all: Vec<_> = (1..=40).map(|id| (id, 2)).collect();
    assert_eq!(rows(&mut conn), all);
}

/// The record is reported, the others are not held back, and a snapshot ends the wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_never_comes_is_reported_and_holds_back_no_other_record() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    send(&context, &event(Op::Updated, 1, 2)).await;
    let others =
        (2..=30).flat_map(|id| (1..=5).map(move |version| event(Op::Updated, id, version)));
    send_all(&context, others).await;
    let heard = Heard::default();
    let consumer = durable(&stream)
        .await
        .patience(Duration::from_secs(2))
        .on_problem(heard.hook());
    let running = Running::replica(consumer, db.url());
    until("the others", async || rows(&mut conn).len() == 29).await;
    until("the report", async || !heard.all().is_empty()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    {
        let heard = heard.all();
        assert_eq!(heard.len(), 1, "once: {heard:?}");
        let waits = "tickets/1 is at version 0, and version 2 has waited for";
        assert!(heard[0].starts_with(waits), "{heard:?}");
    }
    send(&context, &event(Op::Snapshot, 1, 2)).await;
    all_done(&stream).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.applied, figures.duplicates),
        (146, 1),
        "{figures:?}"
    );
    let heard = heard.all();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[1].starts_with("tickets/1 goes on"), "{heard:?}");
}

/// A poison event in the middle of a busy record: the others flow, later versions wait in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_event_holds_back_its_own_record_alone() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    diesel::sql_query(
        "ALTER TABLE tickets ADD CONSTRAINT poison CHECK (id <> 1 OR note < 'note 3')",
    )
    .execute(&mut conn)
    .unwrap();
    let all = (1..=9).flat_map(|version| (1..=9).map(move |id| event(Op::Updated, id, version)));
    send_all(&context, all).await;
    let heard = Heard::default();
    let consumer = durable(&stream).await.on_problem(heard.hook());
    let running = Running::replica(consumer, db.url());
    let others: Vec<_> = std::iter::once((1, 2))
        .chain((2..=9).map(|id| (id, 9)))
        .collect();
    until("the others", async || rows(&mut conn) == others).await;
    until("the poison failed twice", async || heard.all().len() >= 2).await;
    assert_eq!(outstanding(&stream).await.0, 7, "it, and those behind it");
    {
        let heard = heard.all();
        assert!(
            heard
                .iter()
                .all(|text| text.starts_with("tickets/1/3 could not be applied")),
            "{heard:?}"
        );
    }
    diesel::sql_query("ALTER TABLE tickets DROP CONSTRAINT poison")
        .execute(&mut conn)
        .unwrap();
    all_done(&stream).await;
    let (_, redelivered) = outstanding(&stream).await;
    let figures = running.stop().await;
    assert_eq!((figures.applied, redelivered), (81, 0), "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_panics_or_hangs_is_a_failure_of_its_event() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    send_all(&context, (1..=20).map(|id| event(Op::Created, id, 1))).await;
    let heard = Heard::default();
    let consumer = durable(&stream)
        .await
        .deadline(Duration::from_millis(300))
        .on_problem(heard.hook());
    let attempts = AtomicUsize::new(0);
    let shutdown = Shutdown::new();
    let url = db.url();
    let handle = async |event: Event<Copy>| {
        let panics = event.key == "3" && attempts.fetch_add(1, Ordering::SeqCst) < 2;
        assert!(!panics, "three");
        if event.key == "4" && attempts.fetch_add(10, Ordering::SeqCst) < 10 {
            std::future::pending::<()>().await;
        }
        let conn = AsyncPgConnection::establish(url).await;
        Copy::apply(&event, &mut conn.map_err(Error::other)?).await
    };
    let done = async {
        all_done(&stream).await;
        shutdown.stop();
    };
    let (figures, ()) = tokio::join!(consumer.run(handle, shutdown.clone()), done);
    let figures = figures.unwrap();
    assert_eq!(figures.applied, 20, "{figures:?}");
    assert!(figures.failed >= 2, "{figures:?}");
    assert_eq!(rows(&mut conn).len(), 20);
    assert!(
        heard.has("tickets/3/1 could not be applied: the handler panicked: three"),
        "{heard:?}"
    );
    assert!(
        heard.has("tickets/4/1 could not be applied: it took longer than 300ms"),
        "{heard:?}"
    );
}

/// A closure may panic before it has made its future.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_panics_before_its_future_is_a_failure_of_its_event() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    send_all(&context, (1..=5).map(|id| event(Op::Created, id, 1))).await;
    let heard = Heard::default();
    let consumer = durable(&stream).await.on_problem(heard.hook());
    let attempts = AtomicUsize::new(0);
    let shutdown = Shutdown::new();
    let url = db.url();
    let handle = |event: Event<Copy>| {
        let panics = event.key == "3" && attempts.fetch_add(1, Ordering::SeqCst) == 0;
        assert!(!panics, "too early");
        async move {
            let conn = AsyncPgConnection::establish(url).await;
            Copy::apply(&event, &mut conn.map_err(Error::other)?).await
        }
    };
    let done = async {
        all_done(&stream).await;
        shutdown.stop();
    };
    let (figures, ()) = tokio::join!(consumer.run(handle, shutdown.clone()), done);
    let figures = figures.unwrap();
    assert_eq!((figures.applied, figures.failed), (5, 1), "{figures:?}");
    assert_eq!(rows(&mut conn).len(), 5);
    let heard = heard.all();
    assert_eq!(
        heard,
        ["tickets/3/1 could not be applied: the handler panicked: too early"]
    );
}

/// Reads the first time, and never again.
#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
struct Moody {
    id: i64,
    version: i64,
}

impl<'de> Deserialize<'de> for Moody {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        static READ: AtomicUsize = AtomicUsize::new(0);
        serde::de::IgnoredAny::deserialize(from)?;
        match READ.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(Self { id: 1, version: 2 }),
            _ => Err(serde::de::Error::custom("not again")),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_event_that_cannot_be_read_again_is_terminated_and_reported() {
    let broker = Broker::start();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    send(&context, &event(Op::Updated, 1, 2)).await;
    let heard = Heard::default();
    let consumer = durable(&stream).await.on_problem(heard.hook());
    let shutdown = Shutdown::new();
    let early = async |_: Event<Moody>| {
        Ok(Outcome::Gap {
            current: 0,
            received: 2,
        })
    };
    let done = async {
        all_done(&stream).await;
        shutdown.stop();
    };
    let (figures, ()) = tokio::join!(consumer.run(early, shutdown.clone()), done);
    let figures = figures.unwrap();
    assert_eq!((figures.gaps, figures.terminated), (1, 1), "{figures:?}");
    let heard = heard.all();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].contains("not again"), "{heard:?}");
}
