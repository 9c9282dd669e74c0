//! Pass after pass.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use diesel::Connection as _;
use versioned_core::outbox::Shutdown;

use super::*;

const FAST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(40));

/// Waits until nothing waits in the outbox any more.
#[track_caller]
pub(super) fn until_empty(conn: &mut Conn) {
    let end = Instant::now() + Duration::from_secs(30);
    while !waiting(conn).is_empty() {
        assert!(Instant::now() < end, "{:?}", waiting(conn));
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_relay_publishes_until_it_is_shut_down() {
    let (db, mut conn) = database();
    announce(1..=25, &mut conn);
    let broker = Arc::new(Broker::new());
    let relay = Relay::new(Arc::clone(&broker))
        .batch(10)
        .poll(FAST.0, FAST.1);
    let shutdown = Shutdown::new();
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    let run = thread::spawn(move || relay.run(|| open(&url), stop));
    until_empty(&mut conn);
    announce(26..=30, &mut conn);
    until_empty(&mut conn);
    shutdown.stop();
    let totals = run.join().unwrap();
    assert_eq!(
        (totals.published, totals.rejected, totals.failures),
        (30, 0, 0)
    );
    assert!(totals.passes >= 4, "{totals:?}");
    assert_eq!(broker.ids(), created(1..=30));
}

#[test]
fn the_batch_in_hand_is_finished() {
    let (db, mut conn) = database();
    announce(1..=20, &mut conn);
    let (reached, started) = mpsc::sync_channel(1);
    let (release, released) = mpsc::sync_channel(1);
    let released = std::sync::Mutex::new(released);
    let broker = Arc::new(Broker::doing_first(move |_| {
        reached.send(()).unwrap();
        released.lock().unwrap().recv().unwrap();
    }));
    let relay = Relay::new(Arc::clone(&broker)).batch(10);
    let shutdown = Shutdown::new();
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    let run = thread::spawn(move || relay.run(|| open(&url), stop));
    started.recv().unwrap();
    shutdown.stop();
    thread::sleep(Duration::from_millis(50));
    assert!(!run.is_finished());
    release.send(()).unwrap();
    let totals = run.join().unwrap();
    assert_eq!((totals.passes, totals.published), (1, 10));
    assert_eq!(waiting(&mut conn), untouched(11..=20));
}

/// Asleep for an hour, it still hears that it is to stop.
#[test]
fn a_relay_that_sleeps_is_woken_to_end() {
    let (db, _conn) = database();
    let hour = Duration::from_hours(1);
    let relay = Relay::new(Broker::new()).poll(hour, hour);
    let shutdown = Shutdown::new();
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    let run = thread::spawn(move || relay.run(|| open(&url), stop));
    thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    shutdown.stop();
    let totals = run.join().unwrap();
    assert_eq!((totals.passes, totals.published), (0, 0));
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// A relay that polls once an hour publishes at once if its waker is called.
#[test]
fn a_relay_that_sleeps_is_woken_to_publish() {
    let (db, mut conn) = database();
    let hour = Duration::from_hours(1);
    let broker = Arc::new(Broker::new());
    let relay = Relay::new(Arc::clone(&broker)).poll(hour, hour);
    let waker = relay.waker();
    let shutdown = Shutdown::new();
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    let run = thread::spawn(move || relay.run(|| open(&url), stop));
    for ids in [1..=3, 4..=4, 5..=9] {
        announce(ids, &mut conn);
        waker.wake();
        until_empty(&mut conn);
    }
    shutdown.stop();
    assert_eq!(run.join().unwrap().published, 9);
    assert_eq!(broker.ids(), created(1..=9));
}

/// The waker is called inside of the transaction, which commits later.
#[test]
fn a_commit_a_little_after_the_wake_is_found() {
    let (db, mut conn) = database();
    let broker = Arc::new(Broker::new());
    let relay =
        Relay::new(Arc::clone(&broker)).poll(Duration::from_millis(1), Duration::from_hours(1));
    let waker = relay.waker();
    let shutdown = Shutdown::new();
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    let run = thread::spawn(move || relay.run(|| open(&url), stop));
    // The end of the ladder of the first pass.
    thread::sleep(Duration::from_millis(1_500));
    conn.transaction(|conn| {
        announce([1], conn);
        waker.wake();
        thread::sleep(Duration::from_millis(200));
        QueryResult::Ok(())
    })
    .unwrap();
    until_empty(&mut conn);
    shutdown.stop();
    assert_eq!(run.join().unwrap().published, 1);
}

#[test]
fn a_broker_that_comes_back_is_found() {
    let (db, mut conn) = database();
    announce(1..=25, &mut conn);
    let broker = Arc::new(Broker::new());
    broker.away.store(true, Ordering::SeqCst);
    let relay = Relay::new(Arc::clone(&broker))
        .batch(10)
        .poll(FAST.0, FAST.1);
    let shutdown = Shutdown::new();
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    let run = thread::spawn(move || relay.run(|| open(&url), stop));
    thread::sleep(Duration::from_millis(200));
    assert_eq!(waiting(&mut conn), untouched(1..=25));
    let asked = broker.batches.lock().unwrap().len();
    assert!(
        (1..=25).contains(&asked),
        "{asked} times in 200 ms, with pauses of 10 ms to 40 ms"
    );
    broker.away.store(false, Ordering::SeqCst);
    until_empty(&mut conn);
    shutdown.stop();
    let totals = run.join().unwrap();
    assert_eq!(totals.published, 25);
    assert_eq!(totals.unavailable, 10 * asked as u64);
    assert_eq!(broker.ids(), created(1..=25));
}

/// No connection, then one that breaks, then one that holds.
#[test]
fn a_relay_connects_again() {
    let (db, mut conn) = database();
    announce(1..=5, &mut conn);
    let broker = Arc::new(Broker::new());
    let relay = Relay::new(Arc::clone(&broker)).poll(FAST.0, FAST.1);
    let shutdown = Shutdown::new();
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    let connects = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connects);
    let run = thread::spawn(move || {
        let connect = || match counted.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Err("no route to host".to_owned()),
            2 => {
                let mut doomed = open(&url).unwrap();
                // As good as doomed: its transaction never ends.
                doomed.begin_test_transaction().unwrap();
                Ok(doomed)
            }
            _ => Ok(open(&url).unwrap()),
        };
        relay.run(connect, stop)
    });
    until_empty(&mut conn);
    shutdown.stop();
    let totals = run.join().unwrap();
    assert_eq!((totals.failures, totals.published), (3, 5));
    assert_eq!(connects.load(Ordering::SeqCst), 4);
    assert_eq!(broker.ids(), created(1..=5));
}

fn open(url: &str) -> ConnectionResult<Conn> {
    let mut conn = Conn::establish(url)?;
    if backend::NAME == "sqlite" {
        diesel::sql_query("PRAGMA busy_timeout = 5000")
            .execute(&mut conn)
            .unwrap();
    }
    Ok(conn)
}
