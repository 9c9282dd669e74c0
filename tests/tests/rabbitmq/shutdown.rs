//! The end of a consumer: what is in hand goes back, and nothing waits for a server that is frozen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use versioned_core::rabbitmq::Queue;
use versioned_tests::rabbitmq::Broker;

use super::replica::*;
use super::*;

/// At the shutdown, all that is not finished is back in the queue at once, and counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdowns_under_load_give_back_what_is_in_hand() {
    const LIVES: i64 = 25;
    let broker = Broker::common();
    let dead = Topology::quorum(&broker.url()).await;
    let events = Topology::exchange(&broker.url()).await;
    let queue = || {
        Queue::declared(&events.name, &dead.name)
            .bound_to(&events.name, "tickets.*")
            .delivery_limit(limit(40))
    };
    let (db, mut conn) = replica();
    let stop = Arc::new(AtomicBool::new(false));
    Running::replica(consumer(&broker.url(), queue()), db.url())
        .stop()
        .await;
    let load = {
        let (stop, publisher) = (Arc::clone(&stop), publisher(&broker.url(), &events.name));
        tokio::spawn(async move {
            let mut last = 0;
            while !stop.load(Ordering::SeqCst) {
                let rows = (last + 1..=last + 50).map(|id| event_row(id, 1)).collect();
                publish(&publisher, rows).await;
                last += 50;
            }
            last
        })
    };
    for life in 0..LIVES {
        let running = Running::replica(consumer(&broker.url(), queue()), db.url());
        tokio::time::sleep(Duration::from_millis(150 + 20 * life.unsigned_abs())).await;
        let start = Instant::now();
        let figures = running.stop().await;
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{:?}",
            start.elapsed()
        );
        assert_eq!(
            (figures.dead_letters, figures.failed),
            (0, 0),
            "{figures:?}"
        );
    }
    stop.store(true, Ordering::SeqCst);
    let last = load.await.unwrap();
    until("what was in hand is given back", async || {
        let (ready, all) = counts(broker, &events.name);
        ready == all
    })
    .await;
    let running = Running::replica(consumer(&broker.url(), queue()), db.url());
    let expected = usize::try_from(last).unwrap();
    until("all are applied", async || {
        held(&mut conn).len() == expected
    })
    .await;
    running.stop().await;
    assert_eq!(counts(broker, &events.name), (0, 0));
    assert_eq!(counts(broker, &dead.name), (0, 0));
}

/// The server is frozen: nothing hangs, also not the shutdown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_does_not_hold_up_the_shutdown() {
    let broker = Broker::start();
    let topology = Topology::quorum(&broker.url()).await;
    let publisher = publisher(&broker.url(), &topology.name);
    let (db, mut conn) = replica();
    let consumer = consumer(&broker.url(), Queue::existing(&topology.name))
        .shutdown_timeout(Duration::from_secs(2));
    let running = Noting::noting(consumer, db.url());
    publish(&publisher, vec![event_row(1, 1)]).await;
    until("it is applied", async || held(&mut conn).len() == 1).await;
    broker.freeze();
    let stopping = Instant::now();
    running.stop().await;
    assert!(
        stopping.elapsed() < Duration::from_secs(30),
        "{:?}",
        stopping.elapsed()
    );
    broker.thaw();
}
