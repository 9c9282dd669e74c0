//! The replica's database is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use versioned_core::dead_letters;
use versioned_core::outbox::Shutdown;

use super::consumer::rows;
use super::lanes::{all_done, durable, send_all};
use super::*;

const EVENTS: i64 = 20_000;
const AWAY: Duration = Duration::from_secs(30);

/// The network to it is cut in the middle of thousands of events: few attempts, one report when it
/// goes and one when it is back, and then all of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_database_is_probed_and_not_stormed() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let (proxy, url) = Proxy::of_url(db.url());

    let heard = Heard::default();
    let consumer = durable(&stream).await.attempts(3).on_problem(heard.hook());
    let counters = consumer.counters();
    let connects = Arc::new(AtomicUsize::new(0));
    let shutdown = Shutdown::new();
    let task = {
        let (stop, connects) = (shutdown.clone(), Arc::clone(&connects));
        tokio::spawn(async move {
            let connect = || {
                connects.fetch_add(1, Ordering::SeqCst);
                AsyncPgConnection::establish(&url)
            };
            consumer.replicate::<Copy, _>(connect, stop).await.unwrap()
        })
    };
    let half = EVENTS / 2;
    send_created(&context, 1..=half).await;
    until("some are applied", async || counters.snapshot().applied > 0).await;
    proxy.cut();
    let (start, before) = (Instant::now(), connects.load(Ordering::SeqCst));
    send_created(&context, half + 1..=EVENTS).await;
    tokio::time::sleep(AWAY.saturating_sub(start.elapsed())).await;
    let attempts = connects.load(Ordering::SeqCst) - before;
    assert!((8..100).contains(&attempts), "{attempts} attempts");
    let applied = counters.snapshot().applied;
    assert!(applied < EVENTS.unsigned_abs(), "{applied}");
    proxy.mend();
    let back = Instant::now();
    until("events are applied again", async || {
        counters.snapshot().applied > applied
    })
    .await;
    let healed = back.elapsed();
    assert!(healed < Duration::from_secs(5), "{healed:?}");
    all_done(&stream).await;
    shutdown.stop();
    let figures = task.await.unwrap();
    // A batch may have been committed as the connection broke.
    assert_eq!(
        figures.applied + figures.duplicates,
        EVENTS.unsigned_abs(),
        "{figures:?}"
    );
    assert_eq!((figures.dead_letters, figures.terminated), (0, 0));
    let letters = dead_letters::list::<Copy, _>(0, 10, &mut conn).unwrap();
    assert_eq!(letters, []);
    let all: Vec<_> = (1..=EVENTS).map(|id| (id, 1)).collect();
    assert!(rows(&mut conn) == all);
    assert_eq!(
        heard.count("the replica's database is unreachable"),
        1,
        "{heard:?}"
    );
    assert_eq!(
        heard.count("the replica's database is reachable again"),
        1,
        "{heard:?}"
    );
    println!("{attempts} attempts, healed after {healed:?}, {figures:?}");
}

async fn send_created(context: &Context, ids: std::ops::RangeInclusive<i64>) {
    let ids: Vec<i64> = ids.collect();
    for some in ids.chunks(1_000) {
        send_all(context, some.iter().map(|id| event(Op::Created, *id, 1))).await;
    }
}
