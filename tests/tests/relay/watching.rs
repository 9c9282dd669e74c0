//! A relay sees the commits of other connections: only SQLite tells of them.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use diesel_async::AsyncConnection as _;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use versioned_core::outbox::{Relay, Shutdown};

use super::super::broker::Broker;
use super::super::*;
use super::backend::Conn;
use super::scenarios::database;

const MINUTE: Duration = Duration::from_mins(1);

/// Writes events while the relay is idle, and waits for each.
fn write_and_wait(broker: &Broker, conn: &mut Conn) {
    for id in 1..=5 {
        thread::sleep(Duration::from_millis(300));
        announce([id], conn);
        let start = Instant::now();
        while broker.ids().len() < usize::try_from(id).unwrap() {
            assert!(start.elapsed() < MINUTE / 2, "{id}");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// It would poll again after a minute.
#[test]
fn an_idle_relay_is_woken_by_a_commit_of_another_connection() {
    let (db, mut conn) = database();
    let broker = Arc::new(Broker::new());
    let relay = Relay::new(Arc::clone(&broker)).poll(MINUTE, MINUTE);
    let shutdown = Shutdown::new();
    thread::scope(|scope| {
        let stop = shutdown.clone();
        let running = scope.spawn(|| relay.run(|| Ok::<_, String>(db.connect()), stop));
        write_and_wait(&broker, &mut conn);
        shutdown.stop();
        let totals = running.join().unwrap();
        assert_eq!((totals.published, totals.failures), (5, 0), "{totals:?}");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_async_relay_is_woken_by_a_commit_of_another_connection() {
    let (db, mut conn) = database();
    let broker = Arc::new(Broker::new());
    let relay = Relay::new(Arc::clone(&broker)).poll(MINUTE, MINUTE);
    let shutdown = Shutdown::new();
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    let running = tokio::spawn(async move {
        let connect = || SyncConnectionWrapper::<SqliteConnection>::establish(&url);
        relay.run_async(connect, stop).await
    });
    tokio::task::block_in_place(|| write_and_wait(&broker, &mut conn));
    shutdown.stop();
    let totals = running.await.unwrap();
    assert_eq!((totals.published, totals.failures), (5, 0), "{totals:?}");
}
