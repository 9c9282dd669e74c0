//! Processes that come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use versioned_core::format::Ours;

use crate::broker::*;

const RECORDS: i64 = 20;

/// Publishes version after version of all records, until it is told to stop. Returns the last one.
fn load<B: Broker>(broker: &Arc<B>, stop: &Arc<AtomicBool>) -> tokio::task::JoinHandle<i64> {
    let (broker, stop) = (Arc::clone(broker), Arc::clone(stop));
    // The publisher's future need not be known to be `Send`.
    tokio::task::spawn_blocking(move || {
        tokio::runtime::Handle::current().block_on(async {
            let publisher = broker.publisher(Ours).await;
            let mut version = 0;
            while !stop.load(Ordering::SeqCst) {
                version += 1;
                let events: Vec<_> = (1..=RECORDS).map(|id| (id, version)).collect();
                publish(&publisher, &events).await;
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            version
        })
    })
}

/// Each event is applied once, whichever process receives it.
pub(crate) async fn processes_join_and_leave_under_load<B: Broker>() {
    let broker = Arc::new(B::shared().await);
    let (db, mut conn) = database();
    let stop = Arc::new(AtomicBool::new(false));
    let load = load(&broker, &stop);
    let one = Noting::noting(broker.consumer().await, db.url());
    let mut others = Vec::new();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        others.push(Noting::noting(broker.consumer().await, db.url()));
    }
    one.stop().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    others.remove(0).stop().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::SeqCst);
    let last = load.await.unwrap();
    let expected: Vec<_> = (1..=RECORDS).map(|id| (id, last)).collect();
    until("all are applied", async || rows(&mut conn) == expected).await;
    until("all is settled", async || broker.is_done().await).await;
    for other in others {
        other.stop().await;
    }
    let mut each = events(RECORDS, last);
    each.sort_unstable();
    assert_eq!(noted(&mut conn), each);
}

pub(crate) async fn shutdowns_under_load_lose_nothing<B: Broker>() {
    let broker = Arc::new(B::shared().await);
    let (db, mut conn) = database();
    let stop = Arc::new(AtomicBool::new(false));
    let load = load(&broker, &stop);
    for life in 0..8 {
        let running = Running::replica(broker.consumer().await, db.url());
        tokio::time::sleep(Duration::from_millis(100 * life)).await;
        let figures = running.stop().await;
        assert_eq!(
            (figures.dead_letters, figures.failed),
            (0, 0),
            "{figures:?}"
        );
    }
    stop.store(true, Ordering::SeqCst);
    let last = load.await.unwrap();
    let running = Running::replica(broker.consumer().await, db.url());
    let expected: Vec<_> = (1..=RECORDS).map(|id| (id, last)).collect();
    until("all are applied", async || rows(&mut conn) == expected).await;
    until("all is settled", async || broker.is_done().await).await;
    running.stop().await;
}
