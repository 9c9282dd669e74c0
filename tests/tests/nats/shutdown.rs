//! A consumer ends within its time, whatever hangs.

use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::SimpleConnection as _;
use versioned_core::consumer::Consumed;
use versioned_core::nats::JetStreamConsumer;
use versioned_core::outbox::Shutdown;
use versioned_core::{Outcome, Result};

use super::consumer::{Running, durable_that_waits, rows};
use super::lanes::{all_done, durable, outstanding, send_all};
use super::*;

/// Whatever hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_ends_within_its_time() {
    let broker = Broker::start();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    send_all(&context, (1..=40).map(|id| event(Op::Created, id, 1))).await;
    let consumer = durable(&stream)
        .await
        .shutdown_timeout(Duration::from_secs(1));
    let shutdown = Shutdown::new();
    let reached = AtomicUsize::new(0);
    let hang = async |_: Event<Copy>| {
        reached.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<Result<Outcome>>().await
    };
    let stop = async {
        until("in flight", async || reached.load(Ordering::SeqCst) == 8).await;
        shutdown.stop();
        Instant::now()
    };
    let (figures, stopped) = tokio::join!(consumer.run(hang, shutdown.clone()), stop);
    let figures = figures.unwrap();
    assert_eq!(figures, Consumed::default());
    assert!(
        stopped.elapsed() < Duration::from_secs(20),
        "{:?}",
        stopped.elapsed()
    );
}

const EVENTS: i64 = 40;
/// More than the time that each of these consumers gets, on a loaded machine.
const IN_TIME: Duration = Duration::from_secs(10);

/// A consumer that gets a second at its shutdown.
async fn hasty(stream: &stream::Stream) -> JetStreamConsumer {
    let consumer = durable_that_waits(stream, Duration::from_secs(2)).await;
    JetStreamConsumer::new(consumer).shutdown_timeout(Duration::from_secs(1))
}

async fn ends_in_time(running: Running) -> Consumed {
    let ended = tokio::time::timeout(IN_TIME, running.stop()).await;
    ended.expect("an end in time")
}

/// Another consumer applies what the first one did not.
async fn nothing_is_lost(stream: &stream::Stream, db: &Db) {
    let running = Running::replica(hasty(stream).await, db.url());
    all_done(stream).await;
    let all: Vec<_> = (1..=EVENTS).map(|id| (id, 1)).collect();
    assert_eq!(rows(&mut db.connect()), all);
    running.stop().await;
}

async fn in_hand(stream: &stream::Stream) {
    until("all are delivered", async || {
        let info = stream.consumer_info("orders").await.unwrap();
        info.num_ack_pending as u64 == EVENTS.unsigned_abs()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_does_not_wait_for_a_lock() {
    for run in [Running::replica, Running::noting] {
        let broker = Broker::start();
        let (db, _) = database();
        let context = jetstream(&broker).await;
        let stream = events(&context).await;
        let mut lock = db.connect();
        lock.batch_execute("BEGIN; LOCK TABLE tickets").unwrap();
        let running = run(hasty(&stream).await, db.url());
        send_all(&context, (1..=EVENTS).map(|id| event(Op::Created, id, 1))).await;
        in_hand(&stream).await;
        assert_eq!(ends_in_time(running).await, Consumed::default());
        lock.batch_execute("ROLLBACK").unwrap();
        nothing_is_lost(&stream, &db).await;
    }
}

/// Its connections stay open, and nothing comes through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_does_not_wait_for_a_database_that_does_not_answer() {
    for is_connected in [true, false] {
        let broker = Broker::start();
        let (db, mut conn) = database();
        let context = jetstream(&broker).await;
        let stream = events(&context).await;
        let (proxy, url) = Proxy::of_url(db.url());
        let consumer = hasty(&stream).await;
        let counters = consumer.counters();
        let shutdown = Shutdown::new();
        let connect = || AsyncPgConnection::establish(&url);
        let running = consumer.replicate::<Copy, _>(connect, shutdown.clone());
        let stop = async {
            if is_connected {
                send_all(&context, [event(Op::Created, 1, 1)]).await;
                until("a row", async || rows(&mut conn) == [(1, 1)]).await;
                all_done(&stream).await;
            }
            proxy.stall();
            let first = 1 + i64::from(is_connected);
            let all = (first..=EVENTS).map(|id| event(Op::Created, id, 1));
            send_all(&context, all).await;
            until("all are delivered", async || {
                let info = stream.consumer_info("orders").await.unwrap();
                undelivered(&stream, &info).await == 0
            })
            .await;
            shutdown.stop();
            Instant::now()
        };
        let (figures, stopped) = tokio::join!(running, stop);
        let figures = figures.unwrap();
        assert!(stopped.elapsed() < IN_TIME, "{:?}", stopped.elapsed());
        assert_eq!(figures.applied, u64::from(is_connected), "{figures:?}");
        assert_eq!(figures, counters.snapshot());
        proxy.mend();
        nothing_is_lost(&stream, &db).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_does_not_wait_for_a_broker_that_does_not_answer() {
    for run in [Running::replica, Running::noting] {
        let broker = Broker::start();
        let (db, mut conn) = database();
        let context = jetstream(&broker).await;
        let stream = events(&context).await;
        let running = run(hasty(&stream).await, db.url());
        send_all(&context, [event(Op::Created, 1, 1)]).await;
        until("a row", async || rows(&mut conn) == [(1, 1)]).await;
        broker.freeze();
        let figures = ends_in_time(running).await;
        broker.thaw();
        assert_eq!((figures.applied, figures.failed), (1, 0), "{figures:?}");
        send_all(&context, (2..=EVENTS).map(|id| event(Op::Created, id, 1))).await;
        nothing_is_lost(&stream, &db).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_does_not_wait_for_a_handler_that_panics_each_time() {
    let broker = Broker::start();
    let (db, _) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    send_all(&context, (1..=EVENTS).map(|id| event(Op::Created, id, 1))).await;
    let consumer = hasty(&stream).await;
    let counters = consumer.counters();
    let shutdown = Shutdown::new();
    let panics = async |_: Event<Copy>| -> Result<Outcome> { panic!("each time") };
    let stop = async {
        until("each has failed", async || {
            counters.snapshot().failed >= EVENTS.unsigned_abs()
        })
        .await;
        shutdown.stop();
        Instant::now()
    };
    let (figures, stopped) = tokio::join!(consumer.run(panics, shutdown.clone()), stop);
    let figures = figures.unwrap();
    assert!(stopped.elapsed() < IN_TIME, "{:?}", stopped.elapsed());
    assert_eq!((figures.applied, figures.terminated), (0, 0), "{figures:?}");
    // None was acknowledged. A nats-server may count one that was given back twice.
    assert!(outstanding(&stream).await.0 >= EVENTS.unsigned_abs());
    nothing_is_lost(&stream, &db).await;
}
