//! A `save` whose future is dropped in the middle: whether it wrote is not known, and the next one finds out.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use futures_util::poll;
use versioned_core::async_prelude::*;
use versioned_core::version::Token;
use versioned_core::{ConflictKind, Error};

use super::{TICKETS, Ticket};

/// The fate of the session that holds the row's lock.
#[derive(Clone, Copy)]
enum Winner {
    Commits,
    RollsBack,
}

macro_rules! on {
    ($name:ident, $connection:ty, $usable:literal) => {
        mod $name {
            use versioned_tests::$name::Db;

            use super::*;

            type Conn = $connection;

            /// A save that waits for a lock is dropped: after one poll, or once it is sure to wait.
            async fn abandon(patience: Option<Duration>, winner: Winner) {
                let db = Db::fresh(TICKETS);
                let mut conn = Conn::establish(db.url()).await.unwrap();
                let mut ticket = Ticket {
                    id: 7,
                    price: 20,
                    version: 0,
                };
                ticket.insert(&mut conn).await.unwrap();
                // Prepares the statement, so that the next save is sent by its first poll.
                ticket.save(&mut conn).await.unwrap();
                let mut lock = db.connect();
                lock.batch_execute(
                    "BEGIN; UPDATE tickets SET price = 99, version = 3 WHERE id = 7",
                )
                .unwrap();

                ticket.price = 30;
                let before = ticket.clone();
                {
                    let mut save = Box::pin(ticket.save(&mut conn));
                    match patience {
                        None => assert!(poll!(&mut save).is_pending()),
                        Some(patience) => {
                            assert!(tokio::time::timeout(patience, save).await.is_err());
                        }
                    }
                }
                assert_eq!(ticket, before, "the model is as it was");

                lock.batch_execute(match winner {
                    Winner::Commits => "COMMIT",
                    Winner::RollsBack => "ROLLBACK",
                })
                .unwrap();

                // The connection is usable, or says at once that it is not.
                match Ticket::find(&7, &mut conn).await {
                    // It was asked after the save, and answers after it.
                    Ok(row) if $usable => assert_eq!(row.version, 3),
                    Err(Error::Database(_)) if !$usable => {}
                    other => panic!("{other:?}"),
                }

                let mut fresh = Conn::establish(db.url()).await.unwrap();
                // The server learns late, or never, that nobody waits for the answer.
                let end = Instant::now() + Duration::from_secs(5);
                let row = loop {
                    let row = Ticket::find(&7, &mut fresh).await.unwrap();
                    if row.version == 3 || Instant::now() > end {
                        break row;
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                };
                match winner {
                    Winner::Commits => assert_eq!((row.price, row.version), (99, 3)),
                    Winner::RollsBack => assert_eq!((row.price, row.version), (30, 3)),
                }
                match ticket.save(&mut fresh).await {
                    Err(Error::Conflict(conflict)) => {
                        assert_eq!(conflict.kind(), ConflictKind::Stale);
                        assert_eq!(conflict.expected(), Some(Token::Number(2)));
                        assert_eq!(conflict.found(), Some(Token::Number(3)));
                    }
                    other => panic!("{other:?}"),
                }
                assert_eq!(ticket, before);
                ticket.reload(&mut fresh).await.unwrap();
                ticket.save(&mut fresh).await.unwrap();
                assert_eq!(Ticket::find(&7, &mut fresh).await.unwrap(), ticket);
                assert_eq!(ticket.version, 4);
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn after_one_poll() {
                abandon(None, Winner::Commits).await;
                abandon(None, Winner::RollsBack).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn while_it_waits_for_the_lock() {
                let patience = Some(Duration::from_millis(200));
                abandon(patience, Winner::Commits).await;
                abandon(patience, Winner::RollsBack).await;
            }
        }
    };
}

#[cfg(feature = "postgres")]
on!(postgres, diesel_async::AsyncPgConnection, true);
// Its driver closes the connection when an answer was not waited for.
#[cfg(feature = "mysql")]
on!(mysql, diesel_async::AsyncMysqlConnection, false);
