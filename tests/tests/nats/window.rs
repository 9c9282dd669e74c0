//! A durable that limits the messages without an acknowledgement, and early events that fill it.

use async_nats::jetstream::consumer::{AckPolicy, pull};
use diesel::connection::SimpleConnection as _;
use versioned_core::async_prelude::*;
use versioned_core::consumer::{Consumed, ConsumerError};
use versioned_core::dead_letters;
use versioned_core::nats::JetStreamConsumer;

use super::consumer::{Parking, Running, rows};
use super::lanes::{all_done, outstanding, send_all};
use super::*;

const WINDOW: i64 = 20;
const RECORDS: i64 = 40;

async fn narrow(stream: &stream::Stream) -> JetStreamConsumer {
    let config = pull::Config {
        durable_name: Some("orders".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(30),
        max_deliver: -1,
        max_ack_pending: WINDOW,
        ..pull::Config::default()
    };
    let durable = stream.get_or_create_consumer("orders", config).await;
    JetStreamConsumer::new(durable.unwrap())
}

/// Version 2 of each record, and then version 1.
async fn send_backwards(context: &Context) {
    for version in [2, 1] {
        let all = (1..=RECORDS).map(|id| event(Op::Updated, id, version));
        send_all(context, all).await;
    }
}

fn all_at_2() -> Vec<(i64, i64)> {
    (1..=RECORDS).map(|id| (id, 2)).collect()
}

/// The totals of the consumers, and the time that they took.
async fn drained<M>(consumers: usize) -> (Vec<Consumed>, Duration)
where
    M: Dependent<diesel::pg::Pg> + serde::de::DeserializeOwned,
{
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    send_backwards(&context).await;
    let start = Instant::now();
    let heard = Heard::default();
    let mut running = Vec::new();
    for _ in 0..consumers {
        let consumer = narrow(&stream).await;
        let consumer = consumer.on_problem(heard.hook());
        running.push(running::Running::<M>::replica(consumer, db.url()));
    }
    until("all are applied", async || rows(&mut conn) == all_at_2()).await;
    let took = start.elapsed();
    all_done(&stream).await;
    let mut figures = Vec::new();
    for consumer in running {
        figures.push(consumer.stop().await);
    }
    assert_eq!(heard.all(), [""; 0]);
    let letters = dead_letters::list::<Copy, _>(0, 100, &mut conn).unwrap();
    assert_eq!(letters, []);
    (figures, took)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_events_that_are_parked_do_not_fill_the_window() {
    let (figures, took) = drained::<Parking>(1).await;
    let all = RECORDS.unsigned_abs();
    assert_eq!((figures[0].applied, figures[0].parked), (all, all));
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// Those that wait are kept in the replica's database, so that the broker delivers what they wait
/// for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_events_that_fill_the_window_are_kept_until_their_predecessors_come() {
    let (figures, took) = drained::<Copy>(1).await;
    let all = RECORDS.unsigned_abs();
    let figures = figures[0];
    assert_eq!(
        (figures.parked, figures.applied, figures.redriven),
        (all, all, all),
        "{figures:?}"
    );
    assert_eq!((figures.failed, figures.dead_letters), (0, 0));
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// Neither has a full window of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_a_window_that_is_full_of_early_events() {
    let (figures, took) = drained::<Copy>(2).await;
    let sum = |count: fn(&Consumed) -> u64| figures.iter().map(count).sum::<u64>();
    let all = RECORDS.unsigned_abs();
    assert_eq!(
        sum(|one| one.applied + one.redriven),
        2 * all,
        "{figures:?}"
    );
    assert_eq!(sum(|one| one.failed + one.dead_letters), 0);
    assert!(took < Duration::from_mins(1), "{took:?}");
}

/// The event that waits is no longer in hand, and its record is still reported.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_never_comes_is_reported_if_its_event_is_kept() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    send_all(&context, (1..=WINDOW).map(|id| event(Op::Updated, id, 2))).await;
    send_all(&context, (2..=WINDOW).map(|id| event(Op::Updated, id, 1))).await;
    let heard = Heard::default();
    let consumer = narrow(&stream).await.patience(Duration::from_secs(3));
    let running = Running::replica(consumer.on_problem(heard.hook()), db.url());
    let others: Vec<_> = (2..=WINDOW).map(|id| (id, 2)).collect();
    until("the others", async || rows(&mut conn) == others).await;
    let waits = "tickets/1 is at version 0, and version 2 has waited for";
    until("the report", async || {
        let heard = heard.all();
        heard.iter().any(|text| text.starts_with(waits))
    })
    .await;
    assert_eq!(outstanding(&stream).await.0, 0);
    send_all(&context, [event(Op::Snapshot, 1, 2)]).await;
    let mut letters = || dead_letters::list::<Copy, _>(0, 100, &mut conn).unwrap();
    until("no letter is left", async || letters().is_empty()).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.parked, figures.redriven, figures.failed),
        (20, 19, 0),
        "{figures:?}"
    );
    assert_eq!(rows(&mut conn)[0], (1, 2));
    // On a slow machine, others may have waited as long.
    let heard = heard.all();
    let heard: Vec<_> = heard
        .iter()
        .filter(|text| text.starts_with("tickets/1 "))
        .collect();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].starts_with(waits), "{heard:?}");
    assert!(heard[1].starts_with("tickets/1 goes on"), "{heard:?}");
}

/// There is no place where a closure's events could be kept, nor those of a replica without the
/// table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_events_that_fill_the_window_are_reported_where_they_cannot_be_kept() {
    for closure in [true, false] {
        let broker = Broker::start();
        let (db, mut conn) = database();
        let context = jetstream(&broker).await;
        let stream = events(&context).await;
        send_backwards(&context).await;
        let heard = Heard::default();
        let consumer = narrow(&stream).await.on_problem(heard.hook());
        let running = if closure {
            Running::noting(consumer, db.url())
        } else {
            conn.batch_execute("DROP TABLE versioned_dead_letters")
                .unwrap();
            Running::replica(consumer, db.url())
        };
        let full = "raise the `max_ack_pending` of the durable consumer: 20 messages wait for an acknowledgement, among them early events";
        let count = || {
            let heard = heard.all();
            heard.iter().filter(|text| *text == full).count()
        };
        until("the report", async || count() == 1).await;
        assert_eq!(outstanding(&stream).await.0, 80);
        assert_eq!((rows(&mut conn), noted(&mut conn)), (vec![], vec![]));
        // What the report says.
        let mut config = stream.consumer_info("orders").await.unwrap().config;
        config.max_ack_pending = -1;
        stream.create_consumer(config).await.unwrap();
        until("all are applied", async || rows(&mut conn) == all_at_2()).await;
        all_done(&stream).await;
        let figures = running.stop().await;
        assert_eq!((figures.applied, figures.failed), (80, 0), "{figures:?}");
        assert_eq!(count(), 1);
    }
}

/// A broker that drops events, or forgets them before they are applied, is none to start with.
#[tokio::test]
async fn a_durable_that_would_lose_events_is_refused() {
    let broker = Broker::start();
    let (db, _) = database();
    let stream = events(&jetstream(&broker).await).await;
    let cases = [
        (
            pull::Config {
                durable_name: Some("few".to_owned()),
                max_deliver: 3,
                ..pull::Config::default()
            },
            "set the `max_deliver` of the durable consumer few to -1: after 3 deliveries, the broker would drop events that are not applied yet",
        ),
        (
            pull::Config {
                durable_name: Some("none".to_owned()),
                ack_policy: AckPolicy::None,
                ..pull::Config::default()
            },
            "set the `ack_policy` of the durable consumer none to `Explicit`: with None, events that are not applied yet count as acknowledged",
        ),
    ];
    for (config, sentence) in cases {
        let consumer = JetStreamConsumer::new(stream.create_consumer(config).await.unwrap());
        let connect = || AsyncPgConnection::establish(db.url());
        let never = std::future::pending::<()>();
        let refused = consumer.replicate::<Copy, _>(connect, never).await;
        let expected = ConsumerError::Configuration(sentence.to_owned());
        assert_eq!(refused, Err(expected));
    }
}
