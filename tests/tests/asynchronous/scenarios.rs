//! Instantiated for each backend.

use std::time::Duration;

use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool;
#[cfg(feature = "pools")]
use diesel_async::pooled_connection::{bb8, mobc};
use diesel_migrations::MigrationHarness as _;
use versioned_core::async_prelude::*;
use versioned_core::{Error, MIGRATIONS};

use super::{TICKETS, Ticket, life};

/// Both lives, in tasks, as `Send` futures; then a conflict between two connections of the pool.
macro_rules! through_a_pool {
    ($pool:ident) => {
        let one = tokio::spawn({
            let pool = $pool.clone();
            async move { life::owner(&mut pool.get().await.unwrap()).await }
        });
        one.await.unwrap().unwrap();
        let two = tokio::spawn({
            let pool = $pool.clone();
            async move { life::dependent(&mut pool.get().await.unwrap()).await }
        });
        two.await.unwrap().unwrap();

        let (mut one, mut two) = ($pool.get().await.unwrap(), $pool.get().await.unwrap());
        let mut ticket = Ticket {
            id: 1,
            price: 20,
            version: 0,
        };
        ticket.insert(&mut one).await.unwrap();
        let mut stale = Ticket::find(&1, &mut two).await.unwrap();
        ticket.save(&mut one).await.unwrap();
        let conflict = stale.save(&mut two).await.unwrap_err();
        assert_eq!(
            conflict.to_string(),
            "tickets 1 is stale: expected version 1, found 2"
        );
    };
}

macro_rules! on {
    ($name:ident, $connection:ty) => {
        mod $name {
            use versioned_tests::$name::Db;

            use super::*;

            type Conn = $connection;

            fn fresh() -> Db {
                let db = Db::fresh(TICKETS);
                db.connect().run_pending_migrations(MIGRATIONS).unwrap();
                db
            }

            async fn connect(db: &Db) -> Conn {
                let mut conn = Conn::establish(db.url()).await.unwrap();
                if stringify!($name) == "sqlite" {
                    use diesel_async::SimpleAsyncConnection as _;
                    conn.batch_execute("PRAGMA busy_timeout = 5000")
                        .await
                        .unwrap();
                }
                conn
            }

            /// `tokio::spawn` takes `Send` futures only.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn an_owners_life() {
                let db = fresh();
                let mut conn = connect(&db).await;
                tokio::spawn(async move { life::owner(&mut conn).await })
                    .await
                    .unwrap()
                    .unwrap();
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_dependents_life() {
                let db = fresh();
                let mut conn = connect(&db).await;
                tokio::spawn(async move { life::dependent(&mut conn).await })
                    .await
                    .unwrap()
                    .unwrap();
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_replica_forgets() {
                let db = fresh();
                let mut conn = connect(&db).await;
                tokio::spawn(async move { life::forgetful(&mut conn).await })
                    .await
                    .unwrap()
                    .unwrap();
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn through_deadpool() {
                let db = fresh();
                let manager = AsyncDieselConnectionManager::<Conn>::new(db.url());
                let pool = deadpool::Pool::builder(manager)
                    .max_size(2)
                    .build()
                    .unwrap();
                through_a_pool!(pool);
            }

            #[cfg(feature = "pools")]
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn through_bb8() {
                let db = fresh();
                let manager = AsyncDieselConnectionManager::<Conn>::new(db.url());
                let pool = bb8::Pool::builder()
                    .max_size(2)
                    .build(manager)
                    .await
                    .unwrap();
                through_a_pool!(pool);
            }

            #[cfg(feature = "pools")]
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn through_mobc() {
                let db = fresh();
                let manager = AsyncDieselConnectionManager::<Conn>::new(db.url());
                let pool = mobc::Pool::builder().max_open(2).build(manager);
                through_a_pool!(pool);
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn no_increment_is_lost() {
                const TASKS: i64 = 16;
                const INCREMENTS: i64 = 200;
                let db = fresh();
                let mut conn = connect(&db).await;
                Ticket {
                    id: 7,
                    price: 0,
                    version: 0,
                }
                .insert(&mut conn)
                .await
                .unwrap();
                let mut tasks = Vec::new();
                for _ in 0..TASKS {
                    let mut conn = connect(&db).await;
                    tasks.push(tokio::spawn(async move {
                        for _ in 0..INCREMENTS {
                            Ticket::update_with(&7, &mut conn, async |ticket: &mut Ticket| {
                                ticket.price += 1;
                                Ok(())
                            })
                            .await
                            .unwrap();
                        }
                    }));
                }
                for task in tasks {
                    task.await.unwrap();
                }
                let row = Ticket::find(&7, &mut conn).await.unwrap();
                assert_eq!(
                    (row.price, row.version),
                    (TASKS * INCREMENTS, TASKS * INCREMENTS + 1)
                );
            }

            /// A future that is dropped in the middle of a transaction puts the version back, as a rollback does.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_dropped_transaction_puts_the_version_back() {
                let db = fresh();
                let mut conn = connect(&db).await;
                let mut ticket = Ticket {
                    id: 7,
                    price: 20,
                    version: 0,
                };
                ticket.insert(&mut conn).await.unwrap();
                let endless = transaction(&mut conn, &mut ticket, async |conn, ticket| {
                    ticket.save(conn).await?;
                    assert_eq!(ticket.version, 2);
                    std::future::pending::<()>().await;
                    Ok::<_, Error>(())
                });
                assert!(
                    tokio::time::timeout(Duration::from_millis(300), endless)
                        .await
                        .is_err()
                );
                assert_eq!(ticket.version, 1);
                drop(conn);
                let mut conn = connect(&db).await;
                ticket.save(&mut conn).await.unwrap();
                assert_eq!(Ticket::find(&7, &mut conn).await.unwrap().version, 2);
            }
        }
    };
}

on!(
    sqlite,
    diesel_async::sync_connection_wrapper::SyncConnectionWrapper<diesel::SqliteConnection>
);
#[cfg(feature = "postgres")]
on!(postgres, diesel_async::AsyncPgConnection);
#[cfg(feature = "mysql")]
on!(mysql, diesel_async::AsyncMysqlConnection);
