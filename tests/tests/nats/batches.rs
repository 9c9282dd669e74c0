//! What `replicate` does with many events: batches of busy records, small pools, a process that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::Pool;
use versioned_core::async_prelude::*;
use versioned_core::outbox::Shutdown;

use super::consumer::{Parking, Running, rows};
use super::lanes::{all_done, durable, outstanding, send_all};
use super::*;

/// The time for these events, and how many were delivered more than once.
async fn drained<M>(events_of: &[(i64, i64)], lanes: usize) -> (Duration, u64)
where
    M: Dependent<diesel::pg::Pg> + serde::de::DeserializeOwned,
{
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    for some in events_of.chunks(1_000) {
        let of = |(id, version): &(i64, i64)| event(Op::Updated, *id, *version);
        send_all(&context, some.iter().map(of)).await;
    }
    let start = Instant::now();
    let consumer = durable(&stream).await.concurrency(lanes);
    let running = running::Running::<M>::replica(consumer, db.url());
    all_done(&stream).await;
    let took = start.elapsed();
    let (_, redelivered) = outstanding(&stream).await;
    let figures = running.stop().await;
    let all = events_of.len() as u64;
    assert_eq!((figures.applied, figures.gaps), (all, 0), "{figures:?}");
    let (last, versions) = *events_of.last().unwrap();
    assert_eq!(rows(&mut conn).last(), Some(&(last, versions)));
    (took, redelivered)
}

/// As fast as as many records, whether early events wait or are parked, on one lane and on many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_versions_of_one_record_take_no_longer_than_ten_thousand_records() {
    const EVENTS: i64 = 10_000;
    let records: Vec<_> = (1..=EVENTS).map(|id| (id, 1)).collect();
    let versions: Vec<_> = (1..=EVENTS).map(|version| (7, version)).collect();
    let (mut of_records, _) = drained::<Copy>(&records, 8).await;
    for lanes in [1, 8, 64] {
        takes_no_longer::<Copy>(&versions, lanes, &records, &mut of_records).await;
        takes_no_longer::<Parking>(&versions, lanes, &records, &mut of_records).await;
    }
}

/// Compares up to three times: something else may take the processor in one pair of measurements, and not in each.
async fn takes_no_longer<M>(
    versions: &[(i64, i64)],
    lanes: usize,
    records: &[(i64, i64)],
    of_records: &mut Duration,
) where
    M: Dependent<diesel::pg::Pg> + serde::de::DeserializeOwned,
{
    let mut pairs = Vec::new();
    while pairs.len() < 3 {
        if !pairs.is_empty() {
            (*of_records, _) = drained::<Copy>(records, 8).await;
        }
        let (of_versions, redelivered) = drained::<M>(versions, lanes).await;
        assert_eq!(redelivered, 0, "{lanes} lanes");
        if of_versions < *of_records * 2 {
            return;
        }
        pairs.push((of_versions, *of_records));
    }
    panic!("{lanes} lanes: of the versions, and of the records: {pairs:?}");
}

/// A pool that has fewer connections than the consumer has lanes, and another user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_of_any_size_is_enough_and_its_other_users_have_their_turn() {
    const EVENTS: i64 = 4_000;
    for size in [1, 2, 4] {
        let broker = Broker::start();
        let (db, mut conn) = database();
        let context = jetstream(&broker).await;
        let stream = events(&context).await;
        for version in 1..=2 {
            let all = (1..=EVENTS / 2).map(|id| event(Op::Updated, id, version));
            send_all(&context, all).await;
        }
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(db.url());
        let pool = Pool::builder(manager).max_size(size).build().unwrap();
        let shutdown = Shutdown::new();
        let done = Arc::new(AtomicBool::new(false));
        let other = {
            let (pool, done) = (pool.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut turns = 0;
                while !done.load(Ordering::SeqCst) {
                    drop(pool.get().await.unwrap());
                    turns += 1;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                turns
            })
        };
        let consumer = durable(&stream).await.batch(100);
        let task = {
            let stop = shutdown.clone();
            tokio::spawn(async move {
                consumer
                    .replicate::<Copy, _>(|| pool.get(), stop)
                    .await
                    .unwrap()
            })
        };
        all_done(&stream).await;
        done.store(true, Ordering::SeqCst);
        shutdown.stop();
        let figures = task.await.unwrap();
        assert_eq!((figures.applied, figures.failed), (4_000, 0), "{figures:?}");
        assert_eq!(rows(&mut conn).len(), 2_000);
        // There are at least 40 batches, and it waits for one of them. Some may pass while it sleeps.
        let turns = other.await.unwrap();
        assert!(turns * size >= 10, "{size}: {turns} turns");
    }
}

/// 50 changes a second of one record, while the consumer's process does nothing for a while: it catches up, and the broker
/// delivers next to nothing twice.
#[test]
fn a_process_that_stands_still_catches_up() {
    let test = tokio::runtime::Runtime::new().unwrap();
    for still in [Duration::from_secs(1), Duration::from_secs(10)] {
        let broker = Broker::start();
        let (db, mut conn) = database();
        let (context, stream) = test.block_on(async {
            let context = jetstream(&broker).await;
            let stream = events(&context).await;
            (context, stream)
        });
        let versions = i64::try_from(still.as_millis() / 20).unwrap() + 50;
        let shutdown = Shutdown::new();
        let process = {
            let (stop, url, address) = (shutdown.clone(), db.url().to_owned(), broker.url());
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async move {
                    let client = async_nats::connect(address).await.unwrap();
                    let stream = jetstream::new(client).get_stream("EVENTS").await.unwrap();
                    let consumer = durable(&stream).await;
                    let connect = || AsyncPgConnection::establish(&url);
                    let stands_still = async {
                        tokio::time::sleep(Duration::from_millis(500)).await;
                        std::thread::sleep(still);
                    };
                    let (figures, ()) =
                        tokio::join!(consumer.replicate::<Copy, _>(connect, stop), stands_still);
                    figures.unwrap()
                })
            })
        };
        test.block_on(async {
            for version in 1..=versions {
                send_all(&context, [event(Op::Updated, 7, version)]).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let start = Instant::now();
            all_done(&stream).await;
            assert!(start.elapsed() < still + Duration::from_secs(10));
            let (_, redelivered) = outstanding(&stream).await;
            assert!(
                redelivered * 100 <= versions.unsigned_abs(),
                "{redelivered}"
            );
        });
        shutdown.stop();
        let figures = process.join().unwrap();
        assert_eq!(figures.applied, versions.unsigned_abs(), "{figures:?}");
        assert_eq!(rows(&mut conn), [(7, versions)]);
    }
}

/// Two processes share a durable, and with it the versions of a busy record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_versions_of_one_record() {
    const VERSIONS: i64 = 2_000;
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let one = Running::replica(durable(&stream).await, db.url());
    let two = Running::replica(durable(&stream).await, db.url());
    let versions: Vec<i64> = (1..=VERSIONS).collect();
    for some in versions.chunks(50) {
        send_all(
            &context,
            some.iter().map(|version| event(Op::Updated, 7, *version)),
        )
        .await;
    }
    all_done(&stream).await;
    let (one, two) = (one.stop().await, two.stop().await);
    assert_eq!(
        one.applied + two.applied,
        VERSIONS.unsigned_abs(),
        "{one:?} {two:?}"
    );
    assert_eq!(rows(&mut conn), [(7, VERSIONS)]);
}
