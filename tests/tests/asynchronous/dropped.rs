//! Each operation is dropped after each of its polls: rows and outbox agree, memory is not ahead of the row, and what the
//! connection says next is true, or an error.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use futures_util::poll;
use serde::{Deserialize, Serialize};
use versioned_core::async_prelude::*;
use versioned_core::outbox::{OutboxRow, PublishError, Publisher, Relay};
use versioned_core::positions::{forget_async, rebuild_async};
use versioned_core::{Error, Event, MIGRATIONS, Op, Outcome, Tracked};

use super::{TICKETS, tickets};

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox, tombstones, entity = "loud")]
struct Loud {
    id: i64,
    price: i64,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Quiet {
    id: i64,
    price: i64,
    version: i64,
}

macro_rules! replicas {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = tickets)]
        #[versioned(dependent, $($keys)*)]
        struct $name {
            id: i64,
            price: i64,
            version: i64,
        }
    )*};
}

replicas! {
    Sequential(entity = "sequential");
    Parking(entity = "parking", gap = "park");
    Newest(entity = "newest", policy = "latest");
}

/// Polls a future so often, and drops it; whether it came to its end.
async fn poll_times<F: Future>(mut future: Pin<Box<F>>, times: usize) -> Option<F::Output> {
    for _ in 0..times {
        if let std::task::Poll::Ready(done) = poll!(&mut future) {
            return Some(done);
        }
        // By then it is ready for the next poll, mostly.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    None
}

/// The events that it got.
#[derive(Default)]
struct Broker(Mutex<Vec<String>>);

impl Publisher for Broker {
    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        tokio::task::yield_now().await;
        let mut sent = self.0.lock().unwrap();
        sent.extend(batch.iter().map(OutboxRow::event_id));
        batch.iter().map(|_| Ok(())).collect()
    }
}

/// More polls than any operation here takes.
const MOST: usize = 60;

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

            /// The row, and the versions of its events.
            fn facts(db: &Db, id: i64) -> (Option<i64>, Vec<i64>) {
                #[derive(QueryableByName)]
                struct Version {
                    #[diesel(sql_type = diesel::sql_types::BigInt)]
                    version: i64,
                }
                let mut conn = db.connect();
                let row = tickets::table.find(id).select(tickets::version).first(&mut conn);
                let events = diesel::sql_query(format!(
                    "SELECT version FROM versioned_outbox WHERE payload LIKE '%\"key\":\"{id}\"%' ORDER BY id"
                ));
                let events = events.load::<Version>(&mut conn).unwrap();
                (row.optional().unwrap(), events.into_iter().map(|event| event.version).collect())
            }

            /// What is written on the connection afterwards is there, or was refused.
            async fn tells_the_truth(db: &Db, conn: &mut Conn, id: i64) {
                let quiet = Quiet { id: 1_000_000 + id, price: 1, version: 0 }.insert(conn).await.map(drop);
                let loud = Loud { id: 2_000_000 + id, price: 1, version: 0 }.insert(conn).await.map(drop);
                for (written, id) in [(quiet, 1_000_000 + id), (loud, 2_000_000 + id)] {
                    let there = facts(db, id).0;
                    match written {
                        Ok(()) => assert_eq!(there, Some(1), "it was written and is not there"),
                        Err(Error::Database(_)) => assert_eq!(there, None),
                        Err(other) => panic!("{other:?}"),
                    }
                }
            }

            /// Runs the operation on a record of its own, dropped after 0, 1, 2, .. polls.
            macro_rules! each_poll {
                ($test:ident, |$db:ident, $id:ident, $conn:ident, $times:ident| $body:block) => {
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $test() {
                        let $db = &fresh();
                        for $times in 0..MOST {
                            let $id = i64::try_from($times).unwrap() + 1;
                            let mut connection = Conn::establish($db.url()).await.unwrap();
                            let $conn = &mut connection;
                            let done: bool = $body;
                            tells_the_truth($db, $conn, $id).await;
                            if done {
                                return;
                            }
                        }
                        panic!("it does not end");
                    }
                };
            }

            /// An owner's write of a record that is there.
            macro_rules! each_poll_of_a_write {
                ($test:ident, |$loud:ident, $conn:ident| $operation:expr) => {
                    each_poll!($test, |db, id, conn, times| {
                        let mut model = Loud { id, price: 1, version: 0 };
                        model.insert(&mut Conn::establish(db.url()).await.unwrap()).await.unwrap();
                        model.price = 2;
                        let done = {
                            let $loud = &mut model;
                            let $conn = &mut *conn;
                            let operation = Box::pin(async move { $operation });
                            poll_times(operation, times).await.map(Result::unwrap).is_some()
                        };
                        // The server may still be at it.
                        let mut seen = facts(db, id);
                        for _ in 0..20 {
                            tokio::time::sleep(Duration::from_millis(2)).await;
                            let now = facts(db, id);
                            if now == seen {
                                break;
                            }
                            seen = now;
                        }
                        let (row, events) = seen;
                        match row {
                            Some(version) => {
                                assert_eq!(events.last(), Some(&version), "{events:?}");
                                assert!(model.version <= version, "{model:?} is ahead of {version}");
                            }
                            None => assert_eq!(events, [1, 2], "a deletion"),
                        }
                        if done {
                            assert_eq!(events, [1, 2]);
                        }
                        done
                    });
                };
            }

            // Without a transaction around the statement.
            each_poll!(quiet_save, |db, id, conn, times| {
                let mut quiet = Quiet { id, price: 1, version: 0 };
                quiet.insert(&mut Conn::establish(db.url()).await.unwrap()).await.unwrap();
                // Both statements of the next write are prepared.
                Quiet { id: id + 100_000, price: 1, version: 0 }.insert(conn).await.unwrap();
                Loud { id: id + 200_000, price: 1, version: 0 }.insert(conn).await.unwrap();
                let saved = poll_times(Box::pin(async { quiet.save(conn).await.map(drop) }), times);
                let done = saved.await.map(Result::unwrap).is_some();
                tells_the_truth(db, conn, 5_000_000 + id).await;
                done
            });

            each_poll_of_a_write!(save, |loud, conn| loud.save(conn).await.map(drop));
            each_poll_of_a_write!(upsert, |loud, conn| loud.upsert(conn).await.map(drop));
            each_poll_of_a_write!(upsert_all, |loud, conn| {
                Loud::upsert_all(std::slice::from_mut(loud), conn).await.map(drop)
            });
            each_poll_of_a_write!(touch, |loud, conn| loud.touch(conn).await.map(drop));
            each_poll_of_a_write!(delete, |loud, conn| loud.delete(conn).await.map(drop));
            each_poll_of_a_write!(save_all, |loud, conn| {
                Loud::save_all(std::slice::from_mut(loud), conn).await.map(drop)
            });
            each_poll_of_a_write!(save_all_of_tracked, |loud, conn| {
                let mut tracked = Tracked::new(Loud { price: 1, ..loud.clone() });
                tracked.price = loud.price;
                let saved = Tracked::save_all(std::slice::from_mut(&mut tracked), conn).await.map(drop);
                *loud = tracked.into_inner();
                saved
            });
            each_poll_of_a_write!(save_each, |loud, conn| {
                Loud::save_each(std::slice::from_mut(loud), conn).await.map(drop)
            });
            each_poll_of_a_write!(delete_all, |loud, conn| {
                Loud::delete_all(std::slice::from_mut(loud), conn).await.map(drop)
            });
            each_poll_of_a_write!(update_with, |loud, conn| {
                Loud::update_with(&loud.id, conn, async |loud: &mut Loud| {
                    loud.price += 1;
                    Ok(())
                })
                .await
                .map(drop)
            });
            each_poll_of_a_write!(update_at, |loud, conn| {
                Loud::at(loud.id, 1).update(tickets::price.eq(3), conn).await.map(drop)
            });
            each_poll_of_a_write!(delete_at, |loud, conn| Loud::at(loud.id, 1).delete(conn).await);
            each_poll_of_a_write!(in_a_transaction, |loud, conn| {
                transaction(conn, loud, async |conn: &mut Conn, loud: &mut Loud| {
                    loud.save(conn).await?;
                    Ok::<_, Error>(())
                })
                .await
            });

            each_poll!(insert, |db, id, conn, times| {
                let mut model = Loud { id, price: 1, version: 0 };
                let inserted = poll_times(Box::pin(async { model.insert(conn).await.map(drop) }), times).await;
                let done = inserted.map(Result::unwrap).is_some();
                tokio::time::sleep(Duration::from_millis(4)).await;
                let (row, events) = facts(db, id);
                assert_eq!(row.into_iter().collect::<Vec<_>>(), events);
                assert!(model.version == 0 || !events.is_empty());
                done
            });

            each_poll!(upsert_of_a_new_record, |db, id, conn, times| {
                let mut model = Loud { id, price: 1, version: 0 };
                let upserted = poll_times(Box::pin(async { model.upsert(conn).await.map(drop) }), times).await;
                let done = upserted.map(Result::unwrap).is_some();
                tokio::time::sleep(Duration::from_millis(4)).await;
                let (row, events) = facts(db, id);
                assert_eq!(row.into_iter().collect::<Vec<_>>(), events);
                assert!(model.version == 0 || !events.is_empty());
                done
            });

            each_poll!(insert_all, |db, id, conn, times| {
                let mut models = [id, 100_000 + id].map(|id| Loud { id, price: 1, version: 0 });
                let inserted = Loud::insert_all(&mut models, conn);
                let inserted = poll_times(Box::pin(async { inserted.await.map(drop) }), times).await;
                let done = inserted.map(Result::unwrap).is_some();
                tokio::time::sleep(Duration::from_millis(4)).await;
                let all = [facts(db, id), facts(db, 100_000 + id)];
                assert!(all[0] == all[1], "{all:?}");
                assert_eq!(all[0].0.into_iter().collect::<Vec<_>>(), all[0].1);
                assert!(models[0].version == 0 || all[0].0.is_some());
                done
            });

            // What the broker has not got is in the outbox still.
            each_poll!(relay, |db, id, conn, times| {
                let mut other = Conn::establish(db.url()).await.unwrap();
                Loud { id, price: 1, version: 0 }.insert(&mut other).await.unwrap();
                let broker = Broker::default();
                let relay = Relay::new(&broker);
                let passed = poll_times(Box::pin(relay.run_once_async(conn)), times).await;
                let done = passed.map(Result::unwrap).is_some();
                tokio::time::sleep(Duration::from_millis(4)).await;
                tells_the_truth(db, conn, 5_000_000 + id).await;
                if !done {
                    drop(std::mem::replace(conn, Conn::establish(db.url()).await.unwrap()));
                }
                // The server may still have the transaction of the connection that is gone, and its locks.
                let end = Instant::now() + Duration::from_mins(1);
                while facts(db, id) != (Some(1), vec![]) {
                    assert!(Instant::now() < end, "{:?}", facts(db, id));
                    Relay::new(&broker).run_once_async(&mut other).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                assert!(broker.0.lock().unwrap().contains(&format!("loud/{id}/1")));
                done
            });

            each_poll!(rebuilding, |db, id, conn, times| {
                let created = Event::<Sequential> {
                    entity: "sequential".into(),
                    key: id.to_string(),
                    version: 1,
                    op: Op::Created,
                    at: String::new(),
                    data: Some(Sequential { id, price: 1, version: 1 }),
                    trace: None,
                    metadata: None,
                };
                let mut other = Conn::establish(db.url()).await.unwrap();
                assert_eq!(Sequential::apply(&created, &mut other).await.unwrap(), Outcome::Applied);
                let done = poll_times(Box::pin(rebuild_async::<Sequential, _>(conn)), times).await;
                let done = done.map(Result::unwrap).is_some();
                tokio::time::sleep(Duration::from_millis(4)).await;
                tells_the_truth(db, conn, 5_000_000 + id).await;
                drop(std::mem::replace(conn, Conn::establish(db.url()).await.unwrap()));
                // The row and its position are there, or both are gone.
                let again = Sequential::apply(&created, &mut other).await.unwrap();
                assert!(matches!(again, Outcome::Applied | Outcome::Duplicate { current: 1 }));
                assert_eq!(facts(db, id).0, Some(1));
                done
            });

            each_poll!(forgetting, |db, id, conn, times| {
                let event = |version: i64| Event::<Sequential> {
                    entity: "sequential".into(),
                    key: id.to_string(),
                    version,
                    op: if version == 1 { Op::Created } else { Op::Updated },
                    at: String::new(),
                    data: Some(Sequential { id, price: version, version }),
                    trace: None,
                    metadata: None,
                };
                let mut other = Conn::establish(db.url()).await.unwrap();
                let created = Sequential::apply(&event(1), &mut other).await.unwrap();
                assert_eq!(created, Outcome::Applied);
                let done = poll_times(Box::pin(forget_async::<Sequential, _>(&id, conn)), times).await;
                let done = done.map(Result::unwrap).is_some();
                tokio::time::sleep(Duration::from_millis(4)).await;
                tells_the_truth(db, conn, 6_000_000 + id).await;
                drop(std::mem::replace(conn, Conn::establish(db.url()).await.unwrap()));
                // The record is there, or it is gone for good.
                match Sequential::apply(&event(2), &mut other).await.unwrap() {
                    Outcome::Applied => assert_eq!((facts(db, id).0, done), (Some(2), false)),
                    Outcome::Duplicate { current: i64::MAX } => assert_eq!(facts(db, id).0, None),
                    outcome => panic!("{outcome:?}"),
                }
                done
            });

            macro_rules! each_poll_of_an_event {
                ($test:ident, $replica:ident, $entity:literal) => {
                    each_poll!($test, |db, id, conn, times| {
                        let event = |version: i64| Event::<$replica> {
                            entity: $entity.into(),
                            key: id.to_string(),
                            version,
                            op: if version == 1 { Op::Created } else { Op::Updated },
                            at: String::new(),
                            data: Some($replica { id, price: version, version }),
                            trace: None,
                            metadata: None,
                        };
                        let (created, updated) = (event(1), event(2));
                        let applied = poll_times(
                            Box::pin(async {
                                $replica::apply(&created, conn).await.map(drop)?;
                                $replica::apply_all(std::slice::from_ref(&updated), conn).await.map(drop)
                            }),
                            times,
                        );
                        let done = applied.await.map(Result::unwrap).is_some();
                        tokio::time::sleep(Duration::from_millis(4)).await;
                        // Whatever became of them, they can be delivered again.
                        let fresh = &mut Conn::establish(db.url()).await.unwrap();
                        tells_the_truth(db, conn, 5_000_000 + id).await;
                        if !done {
                            drop(std::mem::replace(conn, Conn::establish(db.url()).await.unwrap()));
                        }
                        for event in [&created, &updated] {
                            assert!($replica::apply(event, fresh).await.unwrap().should_ack());
                        }
                        assert_eq!(facts(db, id).0, Some(2));
                        done
                    });
                };
            }

            each_poll_of_an_event!(sequential, Sequential, "sequential");
            each_poll_of_an_event!(parking, Parking, "parking");
            each_poll_of_an_event!(newest, Newest, "newest");
        }
    };
}

on!(
    sqlite,
    diesel_async::sync_connection_wrapper::SyncConnectionWrapper<SqliteConnection>
);
#[cfg(feature = "postgres")]
on!(postgres, diesel_async::AsyncPgConnection);
#[cfg(feature = "mysql")]
on!(mysql, diesel_async::AsyncMysqlConnection);
