//! The stream or its durable is deleted while a consumer runs: what is reported, and what heals.

use std::sync::Mutex;

use async_nats::ConnectOptions;
use versioned_core::consumer::Consumed;
use versioned_core::nats::JetStreamConsumer;
use versioned_core::outbox::Shutdown;
use versioned_core::{Outcome, Result};
use versioned_tests::proxy::Proxy;

use super::consumer::{Running, rows};
use super::lanes::{all_done, durable, outstanding, send_all};
use super::*;

const NO_STREAM: &str =
    "the stream EVENTS does not exist: create it again, and its durable consumer";
const NO_DURABLE: &str = "the stream EVENTS has no durable consumer orders: create it again";
const FOUND: &str = "the durable consumer orders exists again";

/// How a test runs its consumer.
type Run = fn(JetStreamConsumer, &str) -> Running;
const BOTH: [Run; 2] = [Running::replica, Running::noting];

/// A consumer that has applied version 1 of record 7.
struct Scene {
    broker: Broker,
    db: Db,
    conn: PgConnection,
    context: Context,
    stream: stream::Stream,
    heard: Heard,
    running: Running,
    /// The consumer's own.
    client: async_nats::Client,
}

impl Scene {
    async fn set(run: Run, recreates: bool) -> Self {
        let broker = Broker::start();
        let (db, mut conn) = database();
        let context = jetstream(&broker).await;
        let stream = events(&context).await;
        send_all(&context, [event(Op::Created, 7, 1)]).await;
        let heard = Heard::default();
        // An owner's relay reconnects too, and is not what is tested here.
        let options = ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(50));
        let client = options.connect(broker.url()).await.unwrap();
        let theirs = jetstream::new(client.clone());
        let consumer = durable(&theirs.get_stream("EVENTS").await.unwrap()).await;
        let consumer = if recreates {
            consumer.recreate()
        } else {
            consumer
        };
        let running = run(consumer.on_problem(heard.hook()), db.url());
        until("the first is applied", async || rows(&mut conn) == [(7, 1)]).await;
        all_done(&stream).await;
        Self {
            broker,
            db,
            conn,
            context,
            stream,
            heard,
            running,
            client,
        }
    }

    async fn hears(&self, problem: &str) {
        until(problem, async || self.heard.count(problem) > 0).await;
    }

    /// Version 2 is applied, and these problems were heard, without those of an unreachable broker.
    async fn ends(mut self, expected: &[&str]) -> Consumed {
        send_all(&self.context, [event(Op::Updated, 7, 2)]).await;
        until("the second is applied", async || {
            rows(&mut self.conn) == [(7, 2)]
        })
        .await;
        all_done(&self.stream).await;
        let figures = self.running.stop().await;
        let heard = self.heard.all();
        let heard: Vec<_> = heard
            .iter()
            .filter(|text| !text.starts_with("a request to the broker failed"))
            .collect();
        assert_eq!(heard.len(), expected.len(), "{heard:?}");
        for (heard, expected) in heard.iter().zip(expected) {
            assert!(heard.starts_with(expected), "{heard:?}");
        }
        assert_eq!((figures.applied, figures.failed), (2, 0), "{figures:?}");
        drop(self.db);
        figures
    }
}

/// The broker asks for few messages while there is nothing to consume.
async fn is_no_busy_loop(client: &async_nats::Client) {
    let sent = || {
        client
            .statistics()
            .out_messages
            .load(std::sync::atomic::Ordering::Relaxed)
    };
    let before = sent();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let sent = sent() - before;
    assert!((1..=10).contains(&sent), "{sent} requests in 2 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_that_is_deleted_is_reported_once_and_used_again() {
    for run in BOTH {
        let scene = Scene::set(run, false).await;
        scene.stream.delete_consumer("orders").await.unwrap();
        scene.hears(NO_DURABLE).await;
        is_no_busy_loop(&scene.client).await;
        durable(&scene.stream).await;
        scene.hears(FOUND).await;
        let figures = scene.ends(&[NO_DURABLE, FOUND]).await;
        assert_eq!(figures.duplicates, 1, "{figures:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_that_is_deleted_is_created_again_where_that_was_asked_for() {
    for run in BOTH {
        let scene = Scene::set(run, true).await;
        let config = async || {
            let durable: jetstream::consumer::PullConsumer =
                scene.stream.get_consumer("orders").await.unwrap();
            durable.cached_info().config.clone()
        };
        let before = config().await;
        scene.stream.delete_consumer("orders").await.unwrap();
        scene.hears(FOUND).await;
        assert_eq!(config().await, before);
        let figures = scene.ends(&[NO_DURABLE, FOUND]).await;
        assert_eq!(figures.duplicates, 1, "{figures:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_deleted_is_reported_once_and_used_again() {
    for run in BOTH {
        let scene = Scene::set(run, false).await;
        scene.context.delete_stream("EVENTS").await.unwrap();
        scene.hears(NO_STREAM).await;
        is_no_busy_loop(&scene.client).await;
        events(&scene.context).await;
        scene.hears(NO_DURABLE).await;
        durable(&scene.stream).await;
        let figures = scene.ends(&[NO_STREAM, NO_DURABLE, FOUND]).await;
        assert_eq!(figures.duplicates, 0, "{figures:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_durable_of_a_stream_that_was_deleted_is_created_again_where_that_was_asked_for() {
    for run in BOTH {
        let scene = Scene::set(run, true).await;
        scene.context.delete_stream("EVENTS").await.unwrap();
        scene.hears(NO_STREAM).await;
        events(&scene.context).await;
        scene.hears(FOUND).await;
        scene.ends(&[NO_STREAM, NO_DURABLE, FOUND]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_lost_its_data_is_reported_and_used_again() {
    for run in BOTH {
        let scene = Scene::set(run, false).await;
        scene.broker.lose();
        scene.broker.up();
        scene.hears(NO_STREAM).await;
        until("a connected client", async || {
            let account: std::result::Result<serde_json::Value, _> =
                scene.context.request("STREAM.NAMES", &()).await;
            account.is_ok()
        })
        .await;
        events(&scene.context).await;
        durable(&scene.stream).await;
        scene.hears(FOUND).await;
        let heard = scene.heard.all();
        // Whether it looks between the two creations is chance.
        let between = heard.iter().any(|text| text == NO_DURABLE);
        if between {
            scene.ends(&[NO_STREAM, NO_DURABLE, FOUND]).await;
        } else {
            scene.ends(&[NO_STREAM, FOUND]).await;
        }
    }
}

/// A broker that is killed comes back with the same durable. It may have forgotten the last
/// acknowledgement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_was_killed_has_lost_nothing() {
    let scene = Scene::set(Running::replica, false).await;
    scene.broker.kill();
    scene.broker.wait();
    until("a connected client", async || {
        scene.context.get_stream("EVENTS").await.is_ok()
    })
    .await;
    scene.ends(&[]).await;
}

/// The consumer is cut off meanwhile, so that it finds another durable where the first one was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_that_was_replaced_unseen_is_reported() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let proxy = Proxy::to(broker.port());
    let address = format!("nats://127.0.0.1:{}", proxy.port());
    let theirs = jetstream::new(async_nats::connect(address).await.unwrap());
    let heard = Heard::default();
    let consumer = durable(&theirs.get_stream("EVENTS").await.unwrap()).await;
    let running = Running::replica(consumer.on_problem(heard.hook()), db.url());
    send_all(&context, [event(Op::Created, 7, 1)]).await;
    until("the first is applied", async || rows(&mut conn) == [(7, 1)]).await;
    proxy.stall();
    // The time of its creation tells it from the first one.
    tokio::time::sleep(Duration::from_millis(200)).await;
    stream.delete_consumer("orders").await.unwrap();
    durable(&stream).await;
    proxy.mend();
    send_all(&context, [event(Op::Updated, 7, 2)]).await;
    all_done(&stream).await;
    let figures = running.stop().await;
    assert_eq!((figures.applied, figures.duplicates), (2, 1), "{figures:?}");
    assert_eq!(heard.all(), [format!("{FOUND}, after 0ns")]);
}

/// The sequences of a new stream begin at 1 again. A message of the old one, which is done now, is
/// not acknowledged in place of the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_a_deleted_stream_is_not_acknowledged_at_the_new_one() {
    let broker = Broker::start();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let consumer = durable(&stream).await;
    let counters = consumer.counters();
    let heard = Heard::default();
    let consumer = consumer.recreate().on_problem(heard.hook());
    let held: [Shutdown; 4] = std::array::from_fn(|_| Shutdown::new());
    let seen = Mutex::new(Vec::new());
    let handle = async |event: Event<Copy>| -> Result<Outcome> {
        let id: usize = event.key.parse().unwrap();
        seen.lock().unwrap().push(id);
        held[id].clone().await;
        Ok(Outcome::Applied)
    };
    let shutdown = Shutdown::new();
    let story = async {
        let is_seen = async |id: usize| {
            until("a message", async || seen.lock().unwrap().contains(&id)).await;
        };
        let number = |id: usize| i64::try_from(id).unwrap();
        send_all(&context, [event(Op::Created, number(1), 1)]).await;
        is_seen(1).await;
        context.delete_stream("EVENTS").await.unwrap();
        until("a report", async || {
            heard.all().iter().any(|text| text == NO_STREAM)
        })
        .await;
        events(&context).await;
        send_all(&context, [event(Op::Created, number(2), 1)]).await;
        is_seen(2).await;
        held[1].stop();
        until("the old one is done", async || {
            counters.snapshot().applied == 1
        })
        .await;
        // Its acknowledgement would have been sent before that of the third one.
        held[3].stop();
        send_all(&context, [event(Op::Created, number(3), 1)]).await;
        until("the third is done", async || {
            counters.snapshot().applied == 2
        })
        .await;
        until("one is left", async || outstanding(&stream).await.0 <= 1).await;
        assert_eq!(outstanding(&stream).await.0, 1);
        held[2].stop();
        all_done(&stream).await;
        shutdown.stop();
    };
    let (figures, ()) = tokio::join!(consumer.run(handle, shutdown.clone()), story);
    let figures = figures.unwrap();
    assert_eq!(figures.applied, 3, "{figures:?}");
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
}
