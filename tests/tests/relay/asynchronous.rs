//! The same relay on `diesel-async`, and what only futures can do wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel_async::AsyncConnection as _;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_migrations::MigrationHarness as _;
use versioned_core::direct::DirectPublisher;
use versioned_core::outbox::{Lag, Rejected, Relay, Shutdown};
use versioned_core::{Error, MIGRATIONS};

use super::broker::*;
use super::*;

diesel::table! {
    copied {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

const COPIES: &str =
    "CREATE TABLE copied (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)";

#[derive(Debug, Queryable, Selectable, serde::Deserialize, Versioned)]
#[diesel(table_name = copied)]
#[versioned(dependent, entity = "tickets")]
struct Copied {
    id: i64,
    price: i64,
    version: i64,
}

macro_rules! on {
    ($name:ident, $connection:ty) => {
        mod $name {
            use versioned_tests::$name::Db;

            use super::*;

            type Conn = $connection;

            fn fresh(tickets: i64) -> Db {
                let db = Db::fresh(TICKETS);
                let conn = &mut db.connect();
                conn.run_pending_migrations(MIGRATIONS).unwrap();
                announce(1..=tickets, conn);
                db
            }

            async fn connect(url: &str) -> diesel::ConnectionResult<Conn> {
                let mut conn = Conn::establish(url).await?;
                if stringify!($name) == "sqlite" {
                    use diesel_async::SimpleAsyncConnection as _;
                    conn.batch_execute("PRAGMA busy_timeout = 5000")
                        .await
                        .unwrap();
                }
                Ok(conn)
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn everything_is_published_once_where_nothing_fails() {
                let db = fresh(23);
                let broker = Arc::new(Broker::new());
                let relay = Relay::new(Arc::clone(&broker)).batch(10);
                let mut conn = connect(db.url()).await.unwrap();
                assert_eq!(Lag::load_async(&mut conn).await.unwrap().pending, 23);
                // `tokio::spawn` takes `Send` futures only.
                let conn = tokio::spawn(async move {
                    for expected in [10, 10, 3, 0] {
                        let pass = relay.run_once_async(&mut conn).await.unwrap();
                        assert_eq!((pass.taken(), pass.published), (expected, expected));
                    }
                    conn
                });
                let mut conn = conn.await.unwrap();
                assert_eq!(broker.ids(), created(1..=23));
                let lag = Lag::load_async(&mut conn).await.unwrap();
                assert_eq!((lag.pending, lag.oldest), (0, None));
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_broker_that_is_away_refuses_or_hangs() {
                let db = fresh(4);
                let mut conn = connect(db.url()).await.unwrap();
                let broker = Arc::new(Broker {
                    hangs_at: Some("9"),
                    ..Broker::refusing(|row| match row.key.as_str() {
                        "3" => Err(versioned_core::outbox::PublishError::rejected("no")),
                        _ => Ok(()),
                    })
                });
                broker.away.store(true, Ordering::SeqCst);
                let relay = Relay::new(Arc::clone(&broker)).timeout(Duration::from_millis(50));
                let pass = relay.run_once_async(&mut conn).await.unwrap();
                assert_eq!((pass.published, pass.unavailable), (0, 4));
                broker.away.store(false, Ordering::SeqCst);
                announce([9], &mut db.connect());
                let pass = relay.run_once_async(&mut conn).await.unwrap();
                assert_eq!((pass.published, pass.unavailable), (0, 5));
                for _ in 0..8 {
                    relay.run_once_async(&mut conn).await.unwrap();
                }
                assert_eq!(broker.sorted_ids(), created([1, 2, 4]));
                let lag = Lag::load_async(&mut conn).await.unwrap();
                assert_eq!((lag.pending, lag.rejected), (2, 2));
                let rejected = Rejected::load_async(None, 10, &mut conn).await.unwrap();
                let mut keys: Vec<_> = rejected.iter().map(|one| &*one.key).collect();
                keys.sort_unstable();
                assert_eq!(keys, ["3", "9"]);
                assert_eq!(Rejected::retry_all_async(&mut conn).await.unwrap(), 2);
            }

            /// A replica without a broker, which is away at first.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn replicas_are_written_without_a_broker() {
                let db = fresh(20);
                let copies = Arc::new(Db::fresh(COPIES));
                copies.connect().run_pending_migrations(MIGRATIONS).unwrap();
                let is_away = Arc::new(AtomicUsize::new(1));
                let (file, away) = (Arc::clone(&copies), Arc::clone(&is_away));
                let connect_copies = move || {
                    let (file, away) = (Arc::clone(&file), Arc::clone(&away));
                    async move {
                        match away.load(Ordering::SeqCst) {
                            0 => connect(file.url()).await.map_err(|error| error.to_string()),
                            _ => Err("it is away".to_owned()),
                        }
                    }
                };
                let publisher =
                    DirectPublisher::new().replica_async::<Copied, _, _, _>(connect_copies);
                let relay = Relay::new(publisher).batch(10);
                let mut conn = connect(db.url()).await.unwrap();
                let pass = relay.run_once_async(&mut conn).await.unwrap();
                assert_eq!((pass.published, pass.unavailable), (0, 10));
                is_away.store(0, Ordering::SeqCst);
                let conn = tokio::spawn(async move {
                    for expected in [10, 10, 0] {
                        let pass = relay.run_once_async(&mut conn).await.unwrap();
                        assert_eq!((pass.taken(), pass.published), (expected, expected));
                    }
                    conn
                });
                drop(conn.await.unwrap());
                let rows: Vec<(i64, i64, i64)> = copied::table
                    .order(copied::id)
                    .load(&mut copies.connect())
                    .unwrap();
                let all: Vec<_> = (1..=20).map(|id| (id, id * 10, 1)).collect();
                assert_eq!(rows, all);
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_is_not_committed_is_not_published() {
                let db = fresh(1);
                let mut conn = connect(db.url()).await.unwrap();
                let relay = Relay::new(Broker::new());
                conn.begin_test_transaction().await.unwrap();
                match relay.run_once_async(&mut conn).await {
                    Err(Error::Database(diesel::result::Error::AlreadyInTransaction)) => {}
                    other => panic!("{other:?}"),
                }
            }

            /// A relay that polls once an hour publishes at once if its waker is called.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_relay_that_sleeps_is_woken_to_publish() {
                let db = fresh(1);
                let hour = Duration::from_hours(1);
                let broker = Arc::new(Broker::new());
                let relay = Relay::new(Arc::clone(&broker)).poll(hour, hour);
                let waker = relay.waker();
                let shutdown = Shutdown::new();
                let (stop, url) = (shutdown.clone(), db.url().to_owned());
                let run =
                    tokio::spawn(async move { relay.run_async(|| connect(&url), stop).await });
                let mut conn = connect(db.url()).await.unwrap();
                for id in 2..=6 {
                    announce([id], &mut db.connect());
                    waker.wake();
                    while Lag::load_async(&mut conn).await.unwrap().pending > 0 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                shutdown.stop();
                assert_eq!(run.await.unwrap().published, 6);
                assert_eq!(broker.ids(), created(1..=6));
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_relay_connects_publishes_and_is_shut_down() {
                let db = fresh(25);
                let broker = Arc::new(Broker::new());
                let relay = Relay::new(Arc::clone(&broker))
                    .batch(10)
                    .poll(Duration::from_millis(10), Duration::from_millis(40));
                let shutdown = Shutdown::new();
                let stop = shutdown.clone();
                let url = db.url().to_owned();
                let connects = AtomicUsize::new(0);
                let run = tokio::spawn(async move {
                    let connect = || async {
                        if connects.fetch_add(1, Ordering::SeqCst) == 0 {
                            return Err("no route to host".to_owned());
                        }
                        let mut conn = connect(&url).await.unwrap();
                        if connects.load(Ordering::SeqCst) == 2 {
                            // As good as broken: its transaction never ends.
                            conn.begin_test_transaction().await.unwrap();
                        }
                        Ok(conn)
                    };
                    relay.run_async(connect, stop).await
                });
                let mut conn = connect(db.url()).await.unwrap();
                for _ in 0..3_000 {
                    if Lag::load_async(&mut conn).await.unwrap().pending == 0 {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                shutdown.stop();
                let totals = run.await.unwrap();
                assert_eq!((totals.published, totals.failures), (25, 2));
                assert_eq!(broker.ids(), created(1..=25));
            }

            /// The connections of a pool, and a future that is any other.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn through_a_pool() {
                let db = fresh(25);
                let manager = AsyncDieselConnectionManager::<Conn>::new(db.url());
                let pool = Pool::builder(manager).max_size(2).build().unwrap();
                let broker = Arc::new(Broker::new());
                let relay = Relay::new(Arc::clone(&broker));
                let soon = tokio::time::sleep(Duration::from_millis(500));
                let totals = relay.run_async(|| pool.get(), soon).await;
                assert_eq!((totals.passes, totals.published), (1, 25));
            }

            /// A future that is dropped while the batch is published: its events wait for the next relay.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_pass_that_is_dropped_publishes_again() {
                let db = fresh(3);
                let mut doomed = connect(db.url()).await.unwrap();
                let hanging = Relay::new(Broker {
                    hangs_at: Some("2"),
                    ..Broker::new()
                });
                let pass = hanging.run_once_async(&mut doomed);
                let dropped = tokio::time::timeout(Duration::from_millis(200), pass).await;
                assert!(dropped.is_err());
                drop(doomed);
                let broker = Arc::new(Broker::new());
                let relay = Relay::new(Arc::clone(&broker));
                let mut conn = connect(db.url()).await.unwrap();
                for _ in 0..200 {
                    relay.run_once_async(&mut conn).await.unwrap();
                    if broker.ids().len() == 3 {
                        break;
                    }
                    // Until the server notices.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                assert_eq!(broker.ids(), created(1..=3));
            }
        }
    };
}

on!(
    sqlite,
    diesel_async::sync_connection_wrapper::SyncConnectionWrapper<SqliteConnection>
);
#[cfg(feature = "postgres")]
on!(postgres, diesel_async::AsyncPgConnection);

/// A relay that polls once an hour publishes at each commit, also after its listener's session was ended.
#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_sleeps_is_woken_by_a_commit() {
    use diesel::connection::SimpleConnection as _;
    use diesel_async::AsyncPgConnection;

    let db = versioned_tests::postgres::Db::fresh(TICKETS);
    let mut blocking = db.connect();
    blocking.run_pending_migrations(MIGRATIONS).unwrap();
    for statement in versioned_core::notify_trigger().up {
        blocking.batch_execute(&statement).unwrap();
    }
    let (hour, broker) = (Duration::from_hours(1), Arc::new(Broker::new()));
    let problems = Arc::new(AtomicUsize::new(0));
    let heard = Arc::clone(&problems);
    let relay = Relay::new(Arc::clone(&broker))
        .poll(hour, hour)
        .on_problem(move |_| {
            heard.fetch_add(1, Ordering::SeqCst);
        });
    let listener = relay.listener().heartbeat(hour);
    let (ears, shutdown) = (listener.clone(), Shutdown::new());
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    // `tokio::spawn` takes `Send` futures only.
    let listening = tokio::spawn(async move {
        let connect = || AsyncPgConnection::establish(&url);
        ears.run_async(connect, |conn| Box::pin(conn.notifications_stream()), stop)
            .await;
    });
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    let run = tokio::spawn(async move {
        relay
            .run_async(|| AsyncPgConnection::establish(&url), stop)
            .await
    });
    for id in 1..=4 {
        while !listener.is_listening() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        announce([id], &mut blocking);
        while broker.ids().len() < usize::try_from(id).unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if id == 2 {
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN versioned_outbox' AND datname = current_database()";
            diesel::sql_query(end).execute(&mut blocking).unwrap();
            while problems.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    shutdown.stop();
    listening.await.unwrap();
    assert_eq!(run.await.unwrap().published, 4);
    assert_eq!(broker.ids(), created(1..=4));
    assert_eq!(problems.load(Ordering::SeqCst), 1);
}

/// As with a connection that nobody drives: no notification ever arrives, and no error.
#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_whose_connection_delivers_nothing_is_reported_and_the_relay_polls() {
    use diesel::connection::SimpleConnection as _;
    use diesel_async::AsyncPgConnection;

    let db = versioned_tests::postgres::Db::fresh(TICKETS);
    let mut blocking = db.connect();
    blocking.run_pending_migrations(MIGRATIONS).unwrap();
    for statement in versioned_core::notify_trigger().up {
        blocking.batch_execute(&statement).unwrap();
    }
    let broker = Arc::new(Broker::new());
    let problems = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = Arc::clone(&problems);
    let soon = Duration::from_millis(100);
    let relay = Relay::new(Arc::clone(&broker))
        .poll(Duration::from_millis(1), soon)
        .on_problem(move |problem| heard.lock().unwrap().push(problem.to_string()));
    let listener = relay.listener().heartbeat(soon);
    let shutdown = Shutdown::new();
    let (stop, url, ears) = (shutdown.clone(), db.url().to_owned(), listener.clone());
    let listening = tokio::spawn(async move {
        let connect = || AsyncPgConnection::establish(&url);
        ears.run_async(connect, |_| Box::pin(futures_util::stream::pending()), stop)
            .await;
    });
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    let run = tokio::spawn(async move {
        let connect = || AsyncPgConnection::establish(&url);
        relay.run_async(connect, stop).await
    });
    while problems.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for id in 1..=3 {
        announce([id], &mut blocking);
        while broker.ids().len() < usize::try_from(id).unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!listener.is_listening());
    }
    shutdown.stop();
    listening.await.unwrap();
    assert_eq!(run.await.unwrap().published, 3);
    let problems = problems.lock().unwrap();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("did not arrive"), "{problems:?}");
}

#[cfg(feature = "mysql")]
on!(mysql, diesel_async::AsyncMysqlConnection);
