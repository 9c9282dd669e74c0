//! Messages of a stream, to a replica.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use versioned_core::async_prelude::*;
use versioned_core::nats::JetStreamConsumer;
use versioned_core::outbox::Shutdown;
use versioned_core::{Error, Outcome, Result};

use super::*;

const FAST: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));

pub(crate) async fn send(context: &Context, event: &Event<Copy>) {
    let subject = format!("events.tickets.{}", event.key);
    let payload = serde_json::to_vec(event).unwrap();
    let ack = context.publish(subject, payload.into()).await.unwrap();
    ack.await.unwrap();
}

/// The durable of these tests, with a short wait for acknowledgements.
async fn durable(stream: &stream::Stream) -> PullConsumer {
    durable_that_waits(stream, Duration::from_secs(2)).await
}

/// The same, where it is not there yet: it waits this long for an acknowledgement.
pub(crate) async fn durable_that_waits(
    stream: &stream::Stream,
    ack_wait: Duration,
) -> PullConsumer {
    let config = pull::Config {
        durable_name: Some("orders".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait,
        max_deliver: -1,
        max_ack_pending: -1,
        ..pull::Config::default()
    };
    stream
        .get_or_create_consumer("orders", config)
        .await
        .unwrap()
}

/// What the broker still waits for: deliveries without an acknowledgement, and messages that were not delivered.
async fn outstanding(stream: &stream::Stream) -> u64 {
    let info = stream.consumer_info("orders").await.unwrap();
    info.num_ack_pending as u64 + undelivered(stream, &info).await
}

pub(crate) fn rows(conn: &mut PgConnection) -> Vec<(i64, i64)> {
    tickets::table
        .select((tickets::id, tickets::version))
        .order(tickets::id)
        .load(conn)
        .unwrap()
}

pub(crate) type Running = running::Running<Copy>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_in_any_order_and_twice_are_each_applied_once() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    for version in [3, 1, 1, 2, 4, 2, 5] {
        for id in 1..=20 {
            let op = if version == 5 && id % 2 == 0 {
                Op::Deleted
            } else {
                Op::Updated
            };
            send(&context, &event(op, id, version)).await;
        }
    }
    let consumer = JetStreamConsumer::durable(&stream, "orders", "events.tickets.*")
        .await
        .unwrap()
        .redelivery(FAST.0, FAST.1);
    // Taken as it is, because it is there.
    let config = durable(&stream).await.cached_info().config.clone();
    assert_eq!(config.filter_subject, "events.tickets.*");
    assert_eq!(config.ack_policy, AckPolicy::Explicit);
    assert_eq!(config.ack_wait, Duration::from_secs(30));
    assert_eq!((config.max_deliver, config.max_ack_pending), (-1, -1));
    let running = Running::replica(consumer, db.url());
    until("nothing outstanding", async || {
        outstanding(&stream).await == 0
    })
    .await;
    let figures = running.stop().await;
    assert_eq!(figures.applied, 100);
    assert!(figures.duplicates >= 40, "{figures:?}");
    assert_eq!(
        (figures.failed, figures.terminated, figures.parked),
        (0, 0, 0)
    );
    let odd: Vec<_> = (1..=20)
        .filter(|id| id % 2 == 1)
        .map(|id| (id, 5))
        .collect();
    assert_eq!(rows(&mut conn), odd);
}

#[derive(Debug, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent, gap = "park")]
pub(crate) struct Parking {
    id: i64,
    note: String,
    version: i64,
}

/// With what the replica does not read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_parked_is_kept_as_it_came() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let early = r#"{ "entity": "tickets", "key": "7", "version": 2, "op": "updated", "new": 1,
        "data": { "id": 7, "note": "", "version": 2, "remark": "later" } }"#;
    let ack = context
        .publish("events.tickets.7", early.into())
        .await
        .unwrap();
    ack.await.unwrap();
    let running = running::Running::<Parking>::replica(
        JetStreamConsumer::new(durable(&stream).await),
        db.url(),
    );
    until("nothing outstanding", async || {
        outstanding(&stream).await == 0
    })
    .await;
    let kept: String =
        diesel::dsl::sql::<diesel::sql_types::Text>("SELECT event FROM versioned_parked")
            .get_result(&mut conn)
            .unwrap();
    assert_eq!(kept, early);
    send(&context, &event(Op::Created, 7, 1)).await;
    until("nothing outstanding", async || {
        outstanding(&stream).await == 0
    })
    .await;
    let figures = running.stop().await;
    assert_eq!((figures.applied, figures.parked), (1, 1));
    assert_eq!(rows(&mut conn), [(7, 2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_kept_and_reported_and_the_rest_flows() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let bad = [
        "",
        "not JSON",
        "{}",
        "[1, 2]",
        r#"{"entity":"tickets","key":"1","version":1,"op":"created","data":{"id":"one"}}"#,
        r#"{"entity":"tickets","key":"1","version":1,"op":"painted"}"#,
    ];
    for bad in bad {
        let ack = context
            .publish("events.tickets.1", bad.into())
            .await
            .unwrap();
        ack.await.unwrap();
    }
    // These are events, but not for this replica.
    let mut other = event(Op::Created, 1, 1);
    other.entity = "shows".into();
    send(&context, &other).await;
    let mut nothing = event(Op::Created, 1, 1);
    nothing.data = None;
    send(&context, &nothing).await;
    send(&context, &event(Op::Created, 1, 1)).await;

    let heard = Heard::default();
    let consumer = JetStreamConsumer::new(durable(&stream).await).on_problem(heard.hook());
    let running = Running::replica(consumer, db.url());
    until("nothing outstanding", async || {
        outstanding(&stream).await == 0
    })
    .await;
    // Not even after the wait for an acknowledgement.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.applied, figures.dead_letters, figures.failed),
        (1, 8, 0)
    );
    assert_eq!(rows(&mut conn), [(1, 1)]);
    let heard = heard.all();
    assert_eq!(heard.len(), 8, "{heard:?}");
    let unread = heard
        .iter()
        .filter(|text| text.starts_with("a message on events.tickets.1 is not an event: "));
    assert_eq!(unread.count(), 6, "{heard:?}");
    assert!(
        heard
            .iter()
            .any(|text| text.contains("the event is about `shows`")),
        "{heard:?}"
    );
}

/// The closed connection or the full disk: an error, no acknowledgement, and the event comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_fails_is_not_acknowledged_and_comes_again() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    for id in 1..=10 {
        send(&context, &event(Op::Created, id, 1)).await;
    }
    // As with a full disk: reads go through, and no write.
    let run = |sql: &str, conn: &mut PgConnection| diesel::sql_query(sql).execute(conn).unwrap();
    run(
        "ALTER TABLE tickets ADD CONSTRAINT full_disk CHECK (id < 0)",
        &mut conn,
    );
    let heard = Heard::default();
    let consumer = JetStreamConsumer::new(durable(&stream).await)
        .redelivery(FAST.0, FAST.1)
        .on_problem(heard.hook());
    let running = Running::replica(consumer, db.url());
    until("each has failed twice", async || heard.all().len() >= 20).await;
    assert_eq!(outstanding(&stream).await, 10, "nothing is acknowledged");
    assert!(heard.all()[0].contains("full_disk"));
    run("ALTER TABLE tickets DROP CONSTRAINT full_disk", &mut conn);
    // And the connections are all closed, behind its back.
    run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
        &mut conn,
    );
    until("nothing outstanding", async || {
        outstanding(&stream).await == 0
    })
    .await;
    let figures = running.stop().await;
    assert_eq!(figures.applied + figures.duplicates, 10, "{figures:?}");
    assert!(figures.failed >= 20, "{figures:?}");
    assert_eq!(rows(&mut conn).len(), 10);
}

/// A process that dies with events in hand has not acknowledged them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_committed_is_not_acknowledged() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    for id in 1..=4 {
        send(&context, &event(Op::Created, id, 1)).await;
    }
    let reached = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&reached);
    let dying = JetStreamConsumer::new(durable(&stream).await);
    let task = tokio::spawn(async move {
        let hang = async |_: Event<Copy>| {
            theirs.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<Result<Outcome>>().await
        };
        dying.run(hang, std::future::pending::<()>()).await.unwrap()
    });
    until("all in hand", async || reached.load(Ordering::SeqCst) == 4).await;
    assert_eq!(outstanding(&stream).await, 4);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());

    let running = Running::replica(JetStreamConsumer::new(durable(&stream).await), db.url());
    until("nothing outstanding", async || {
        outstanding(&stream).await == 0
    })
    .await;
    assert_eq!(running.stop().await.applied, 4);
    assert_eq!(rows(&mut conn).len(), 4);
}

/// After 0, 1, 2, .. polls. What was not committed comes again, and what was is not applied twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_is_dropped_loses_nothing() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    for id in 1..=30 {
        send(&context, &event(Op::Created, id, 1)).await;
        send(&context, &event(Op::Updated, id, 2)).await;
    }
    let url = db.url();
    let handle = async |event: Event<Copy>| {
        let conn = AsyncPgConnection::establish(url).await;
        apply_and_note(&event, &mut conn.map_err(Error::other)?).await
    };
    let ack_wait = Duration::from_secs(1);
    for polls in 0..40 {
        let consumer = durable_that_waits(&stream, ack_wait).await;
        let consumer = JetStreamConsumer::new(consumer).redelivery(FAST.0, FAST.1);
        let mut running = Box::pin(consumer.run(handle, std::future::pending::<()>()));
        for _ in 0..polls {
            assert!(futures_util::poll!(&mut running).is_pending());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    let consumer = durable_that_waits(&stream, ack_wait).await;
    let consumer = JetStreamConsumer::new(consumer).redelivery(FAST.0, FAST.1);
    let shutdown = Shutdown::new();
    let rest = async {
        until("nothing outstanding", async || {
            outstanding(&stream).await == 0
        })
        .await;
        shutdown.stop();
    };
    let (figures, ()) = tokio::join!(consumer.run(handle, shutdown.clone()), rest);
    figures.unwrap();
    let each = (1..=30).flat_map(|id| [(id.to_string(), 1), (id.to_string(), 2)]);
    let mut each: Vec<(String, i64)> = each.collect();
    each.sort_unstable();
    assert_eq!(noted(&mut conn), each);
    let all: Vec<(i64, i64)> = (1..=30).map(|id| (id, 2)).collect();
    assert_eq!(rows(&mut conn), all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_are_in_hand_than_was_said_and_a_shutdown_finishes_them() {
    let broker = Broker::start();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    for id in 1..=40 {
        send(&context, &event(Op::Created, id, 1)).await;
    }
    let long = Duration::from_secs(50);
    let (now, most, done) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let counters = Arc::new((now, most, done));
    let theirs = Arc::clone(&counters);
    let consumer = JetStreamConsumer::new(durable_that_waits(&stream, long).await).concurrency(5);
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    let task = tokio::spawn(async move {
        let slow = |_: Event<Copy>| {
            let counters = Arc::clone(&theirs);
            async move {
                let (now, most, done) = &*counters;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(300)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
                Ok(Outcome::Applied)
            }
        };
        consumer.run(slow, stop).await.unwrap()
    });
    until("some are done", async || {
        counters.2.load(Ordering::SeqCst) >= 10
    })
    .await;
    shutdown.stop();
    let figures = task.await.unwrap();
    assert_eq!(counters.1.load(Ordering::SeqCst), 5);
    assert_eq!(counters.0.load(Ordering::SeqCst), 0, "all were finished");
    let done = counters.2.load(Ordering::SeqCst);
    assert_eq!(figures.applied, done as u64);
    assert!((10..=20).contains(&done), "{done}");
    until("what is done is acknowledged", async || {
        outstanding(&stream).await == 40 - done as u64
    })
    .await;

    // What it had fetched ahead is for others, at once and not only after the wait for its acknowledgement.
    let start = Instant::now();
    let next = JetStreamConsumer::new(durable(&stream).await);
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let theirs = Arc::clone(&seen);
    let task = tokio::spawn(async move {
        let quick = async |event: Event<Copy>| {
            theirs.lock().unwrap().insert(event.key);
            Ok(Outcome::Applied)
        };
        next.run(quick, stop).await.unwrap()
    });
    until("all the others", async || {
        seen.lock().unwrap().len() == 40 - done
    })
    .await;
    assert!(start.elapsed() < long / 2, "{:?}", start.elapsed());
    shutdown.stop();
    task.await.unwrap();
}

/// Three consumers on one durable, with the broker killed in the middle: each event is applied once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_consumers_share_a_durable() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let mut consumers = Vec::new();
    for _ in 0..3 {
        let client = jetstream(&broker).await;
        let stream = client.get_stream("EVENTS").await.unwrap();
        let consumer = JetStreamConsumer::new(durable(&stream).await)
            .concurrency(4)
            .redelivery(FAST.0, FAST.1);
        consumers.push(Running::noting(consumer, db.url()));
    }
    until("all three ask for events", async || {
        stream.consumer_info("orders").await.unwrap().num_waiting >= 3
    })
    .await;
    for version in 1..=3 {
        for id in 1..=100 {
            send(&context, &event(Op::Updated, id, version)).await;
        }
        if version == 2 {
            broker.kill();
            tokio::time::sleep(Duration::from_millis(100)).await;
            broker.wait();
            until("a connected client", async || {
                context.get_stream("EVENTS").await.is_ok()
            })
            .await;
        }
    }
    until("all are applied", async || noted(&mut conn).len() >= 300).await;
    until("nothing outstanding", async || {
        outstanding(&stream).await == 0
    })
    .await;
    let mut applied = 0;
    for running in consumers {
        let figures = running.stop().await;
        assert!(figures.applied > 0, "{figures:?}");
        applied += figures.applied;
    }
    assert_eq!(applied, 300);
    let mut each: Vec<_> = (1..=100)
        .flat_map(|id: i64| (1..=3).map(move |version| (id.to_string(), version)))
        .collect();
    each.sort_unstable();
    assert_eq!(noted(&mut conn), each);
    assert_eq!(
        rows(&mut conn),
        (1..=100).map(|id| (id, 3)).collect::<Vec<_>>()
    );
}

/// More gaps than a server lets be outstanding unless it is told otherwise: those before them still come through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_gaps_do_not_keep_out_what_closes_them() {
    const RECORDS: i64 = 1_200;
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    for version in [2, 1] {
        let mut acks = Vec::new();
        for id in 1..=RECORDS {
            let payload = serde_json::to_vec(&event(Op::Updated, id, version)).unwrap();
            let subject = format!("events.tickets.{id}");
            acks.push(context.publish(subject, payload.into()).await.unwrap());
        }
        for ack in acks {
            ack.await.unwrap();
        }
    }
    let consumer = JetStreamConsumer::durable(&stream, "orders", "events.>")
        .await
        .unwrap()
        .redelivery(Duration::from_secs(3), Duration::from_secs(3));
    let running = Running::replica(consumer, db.url());
    until("nothing outstanding", async || {
        outstanding(&stream).await == 0
    })
    .await;
    let figures = running.stop().await;
    assert_eq!(figures.applied, 2 * RECORDS as u64);
    assert!(figures.gaps > 1_000, "{figures:?}");
    assert_eq!(
        rows(&mut conn),
        (1..=RECORDS).map(|id| (id, 2)).collect::<Vec<_>>()
    );
}
