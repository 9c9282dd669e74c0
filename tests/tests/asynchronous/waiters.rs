//! Tasks that wait for versions of a replica's records together.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::Pool;
use futures_util::future::join_all;
use versioned_core::async_prelude::*;
use versioned_core::wait::{Arrival, Waiters};
use versioned_core::{Error, Event, MIGRATIONS, Op, Outcome};
use versioned_tests::postgres::Db;

use super::{Copy, TICKETS};

const LATE: Duration = Duration::from_mins(1);

fn database() -> Db {
    use diesel_migrations::MigrationHarness as _;

    let db = Db::fresh(TICKETS);
    let mut conn = PgConnection::establish(db.url()).unwrap();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    db
}

fn pool(db: &Db, size: usize) -> Pool<AsyncPgConnection> {
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(db.url());
    Pool::builder(manager).max_size(size).build().unwrap()
}

async fn apply(ids: impl IntoIterator<Item = i64>, version: i64, pool: &Pool<AsyncPgConnection>) {
    let mut conn = pool.get().await.unwrap();
    for id in ids {
        let row = Copy {
            id,
            price: 20,
            version,
        };
        let event = Event::new(Op::Updated, "tickets", id.to_string(), version, Some(row));
        let outcome = Copy::apply(&event, &mut conn).await.unwrap();
        assert_eq!(outcome, Outcome::Applied);
    }
}

/// They look together, on one connection at a time, now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tasks_that_wait_leave_the_pool_to_others() {
    let db = database();
    let pool = pool(&db, 2);
    let copies = Waiters::<Copy>::new();
    let looks = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..1_000)
        .map(|number| {
            let (pool, copies, looks) = (pool.clone(), copies.clone(), Arc::clone(&looks));
            tokio::spawn(async move {
                let connect = || {
                    looks.fetch_add(1, Ordering::Relaxed);
                    pool.get()
                };
                copies.wait_for(&(number % 20), 1, LATE, connect).await
            })
        })
        .collect();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        let mut conn = pool.get().await.unwrap();
        assert!(Copy::find(&7, &mut conn).await.is_err());
        drop(conn);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (looks, seconds) = (looks.load(Ordering::Relaxed), start.elapsed().as_secs());
    let most = usize::try_from(200 * (seconds + 1)).unwrap();
    assert!((1..=most).contains(&looks), "{looks} in {seconds} s");
    apply(0..20, 1, &pool).await;
    for arrival in join_all(tasks).await {
        assert_eq!(arrival.unwrap().unwrap(), Arrival::Reached { version: 1 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_may_wait_are_rejected() {
    let db = database();
    let pool = pool(&db, 2);
    let copies = Waiters::<Copy>::new().at_most(1);
    let first = {
        let (pool, copies) = (pool.clone(), copies.clone());
        tokio::spawn(async move { copies.wait_for(&7, 1, LATE, || pool.get()).await })
    };
    while !format!("{copies:?}").contains("waiting: 1") {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let second = copies.wait_for(&7, 1, LATE, || pool.get()).await;
    assert_eq!(second.unwrap(), Arrival::Rejected);
    apply([7], 1, &pool).await;
    let reached = Arrival::Reached { version: 1 };
    assert_eq!(first.await.unwrap().unwrap(), reached);
    let again = copies.wait_for(&7, 1, LATE, || pool.get()).await;
    assert_eq!(again.unwrap(), reached);
}

/// Those that are dropped, hang or fail while they look for all leave the looking to the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_cannot_look_keeps_nobody_waiting() {
    let db = database();
    let pool = pool(&db, 2);
    let copies = Waiters::<Copy>::new();
    let hanging = {
        let copies = copies.clone();
        tokio::spawn(async move {
            let hang = async || pending::<Result<AsyncPgConnection, String>>().await;
            copies.wait_for(&7, 1, LATE, hang).await
        })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let soon = Duration::from_millis(50);
    let never = async || pending::<Result<AsyncPgConnection, String>>().await;
    let timed_out = copies.wait_for(&7, 1, soon, never).await.unwrap();
    assert_eq!(timed_out, Arrival::TimedOut { current: None });
    let other = {
        let (pool, copies) = (pool.clone(), copies.clone());
        tokio::spawn(async move { copies.wait_for(&7, 2, LATE, || pool.get()).await })
    };
    hanging.abort();
    let refused = async || Err::<AsyncPgConnection, _>("no room");
    // It looks only if the other does not.
    match copies.wait_for(&7, 2, soon, refused).await {
        Err(Error::Other(error)) => assert_eq!(error.to_string(), "no room"),
        late => assert!(matches!(late, Ok(Arrival::TimedOut { .. })), "{late:?}"),
    }
    apply([7], 1, &pool).await;
    let late = copies.wait_for(&7, 2, soon, || pool.get()).await.unwrap();
    assert!(matches!(late, Arrival::TimedOut { .. }), "{late:?}");
    apply([7], 2, &pool).await;
    let reached = Arrival::Reached { version: 2 };
    assert_eq!(other.await.unwrap().unwrap(), reached);

    let alone = Waiters::<Copy>::new();
    let error = alone.wait_for(&7, 2, LATE, refused).await.unwrap_err();
    assert!(matches!(&error, Error::Other(error) if error.to_string() == "no room"));
    assert_eq!(
        format!("{alone:?}"),
        r#"Waiters { replica: "tickets", waiting: 0, .. }"#
    );
}

/// It is answered in the middle of a look, and its time is over before the look is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_counts_even_if_the_look_takes_too_long() {
    let db = database();
    let pool = pool(&db, 2);
    apply([1], 1, &pool).await;
    let copies = Waiters::<Copy>::new();
    let hold = async || pending::<Result<AsyncPgConnection, String>>().await;
    let first = {
        let copies = copies.clone();
        tokio::spawn(async move { copies.wait_for(&9, 1, LATE, hold).await })
    };
    let waits = async |number: usize| {
        while !format!("{copies:?}").contains(&format!("waiting: {number}")) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    waits(1).await;
    let [reached, hangs] = [(1, Duration::from_secs(2)), (2, LATE)].map(|(id, at_most)| {
        let (pool, copies) = (pool.clone(), copies.clone());
        tokio::spawn(async move {
            if id == 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            copies.wait_for(&id, 1, at_most, || pool.get()).await
        })
    });
    waits(3).await;
    // The second look of the round waits for this lock.
    let mut other = PgConnection::establish(db.url()).unwrap();
    let lock = "BEGIN; LOCK TABLE versioned_dead_letters IN ACCESS EXCLUSIVE MODE";
    diesel::connection::SimpleConnection::batch_execute(&mut other, lock).unwrap();
    first.abort();
    let reached = reached.await.unwrap().unwrap();
    assert_eq!(reached, Arrival::Reached { version: 1 });
    hangs.abort();
}
