//! T20, semantics 4 and 5, where rows are locked: PostgreSQL and MySQL.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use versioned_core::version::Token;
use versioned_core::{ConflictKind, Error};

use super::backend::prelude::*;
use super::backend::{self, Conn, Db};
use super::scenarios::{TICKETS, Ticket, assert_stale, conflict, tickets, two_sessions};

#[test]
fn t20_a_save_that_waits_for_a_rollback_goes_through() {
    let (_db, mut one, mut two) = two_sessions();
    let ticket = Ticket::inserted(&mut one);
    let (mut a, mut b) = (ticket.clone(), ticket);
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let rolled_back = transaction(&mut one, &mut a, |conn, a| {
                a.save(conn)?;
                barrier.wait();
                thread::sleep(Duration::from_millis(100));
                Err::<(), _>(Error::other("no"))
            });
            assert!(matches!(rolled_back, Err(Error::Other(_))));
        });
        barrier.wait();
        b.price = 30;
        b.save(&mut two).unwrap();
    });
    assert_eq!((a.version, b.version), (1, 2));
    assert_eq!(Ticket::row(7, &mut two), Some(b));
}

/// Semantics 5 and 4: the loser of a serialization failure cannot look any more, so nothing is `found`.
#[test]
fn s05_the_loser_at_repeatable_read_gets_a_conflict() {
    for (level, refused) in snapshots() {
        the_loser_at(level, refused);
    }
}

/// The levels at which a transaction has a snapshot, and whether the server then refuses a write to a row that is newer.
fn snapshots() -> Vec<(&'static str, bool)> {
    #[cfg(feature = "mysql")]
    if backend::NAME == "mysql" {
        let (_db, mut conn, _) = two_sessions();
        let version = diesel::dsl::sql::<diesel::sql_types::Text>("SELECT VERSION()");
        let version: String = version.get_result(&mut conn).unwrap();
        return vec![
            ("REPEATABLE READ", false),
            (
                versioned_tests::mysql::SNAPSHOT,
                version.contains("MariaDB"),
            ),
        ];
    }
    vec![("REPEATABLE READ", true)]
}

fn the_loser_at(level: &str, refused: bool) {
    let (_db, mut one, mut two) = two_sessions();
    let mut a = Ticket::inserted(&mut one);
    backend::isolate(&mut two, level);
    let mut b = a.clone();
    let lost = transaction(&mut two, &mut b, |conn, b| {
        Ticket::find(&7, conn)?; // the snapshot
        a.save(&mut one)?;
        b.save(conn)?;
        Ok::<_, Error>(())
    });
    let conflict = conflict(lost);
    assert_eq!(
        (conflict.table(), conflict.id()),
        (Some("tickets"), Some("7"))
    );
    assert_eq!(conflict.expected(), Some(Token::Number(1)));
    if refused {
        assert_eq!(conflict.kind(), ConflictKind::Serialization);
        assert_eq!(conflict.found(), None);
        assert!(conflict.cause().is_some());
    } else {
        // The guard sees the row as it is, not the snapshot, and so does the look after it.
        assert_eq!(conflict.kind(), ConflictKind::Stale);
        assert_eq!(conflict.found(), Some(Token::Number(2)));
    }
    assert_eq!(b.version, 1);
    assert_eq!(Ticket::row(7, &mut one), Some(a));
}

/// With the transaction go the rows before it.
#[test]
fn s05_a_row_of_a_batch_that_the_server_refuses_ends_the_batch() {
    for (level, refused) in snapshots() {
        let db = Db::fresh(TICKETS);
        let mut batch = sixty(&db)[..3].to_vec();
        let (mut one, mut two) = (db.connect(), db.connect());
        backend::isolate(&mut two, level);
        let saved = transaction(&mut two, &mut batch[..], |conn, batch| {
            Ticket::find(&1, conn)?; // the snapshot
            Ticket::at(2, 1).touch(&mut one)?;
            let outcomes = Ticket::save_each(batch, conn)?;
            Ok::<_, Error>(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>())
        });
        let versions: Vec<i64> = batch.iter().map(|ticket| ticket.version).collect();
        if refused {
            assert_eq!(conflict(saved).kind(), ConflictKind::Serialization);
            assert_eq!(
                (versions, written(&db)),
                (vec![1, 1, 1], vec![2]),
                "{level}"
            );
        } else {
            assert_eq!(saved.unwrap(), [true, false, true]);
            assert_eq!(
                (versions, written(&db)),
                (vec![2, 1, 2], vec![1, 2, 3]),
                "{level}"
            );
        }
    }
}

#[test]
fn s05_a_deadlock_is_a_conflict() {
    let db = Db::fresh(TICKETS);
    let mut conn = db.connect();
    let first = Ticket::inserted(&mut conn);
    let mut second = Ticket {
        id: 8,
        title: "play".into(),
        ..Ticket::concert()
    };
    second.insert(&mut conn).unwrap();
    let barrier = Barrier::new(2);
    let run = |mut x: Ticket, mut y: Ticket| {
        let mut conn = db.connect();
        let barrier = &barrier;
        move || {
            transaction(&mut conn, (&mut x, &mut y), |conn, (x, y)| {
                x.save(conn)?;
                barrier.wait();
                y.save(conn)?;
                Ok::<_, Error>(())
            })
        }
    };
    let one = run(first.clone(), second.clone());
    let two = run(second, first);
    let (one, two) = thread::scope(|scope| {
        let (one, two) = (scope.spawn(one), scope.spawn(two));
        (one.join().unwrap(), two.join().unwrap())
    });
    let (winner, loser) = if one.is_ok() { (one, two) } else { (two, one) };
    winner.unwrap();
    let conflict = conflict(loser);
    assert_eq!(conflict.kind(), ConflictKind::Serialization);
    assert_eq!(conflict.expected(), Some(Token::Number(1)));
    let versions: Vec<i64> = tickets::table
        .select(tickets::version)
        .load(&mut db.connect())
        .unwrap();
    assert_eq!(versions, [2, 2]);
}

#[test]
fn a_verified_row_is_held_until_the_transaction_ends() {
    let (_db, mut one, mut two) = two_sessions();
    let ticket = Ticket::inserted(&mut one);
    let mut theirs = ticket.clone();
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            barrier.wait();
            theirs.save(&mut two).unwrap();
        });
        one.transaction(|conn| {
            ticket.verify(conn)?;
            barrier.wait();
            thread::sleep(Duration::from_millis(150));
            assert_eq!(Ticket::row(7, conn).unwrap().version, 1);
            ticket.verify(conn)?;
            Ok::<_, Error>(())
        })
        .unwrap();
    });
    assert_eq!(theirs.version, 2);
    assert_stale(ticket.verify(&mut one), 1, 2);
}

/// For a lock, in this database.
fn until_somebody_waits(conn: &mut Conn) {
    let waiting = if backend::NAME == "postgres" {
        "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
    } else {
        "(SELECT count(*) FROM information_schema.innodb_trx JOIN information_schema.processlist \
          ON id = trx_mysql_thread_id WHERE trx_state = 'LOCK WAIT' AND db = DATABASE())"
    };
    let waiting = diesel::dsl::sql::<diesel::sql_types::BigInt>(waiting);
    let end = Instant::now() + Duration::from_secs(30);
    while diesel::select(waiting.clone())
        .get_result::<i64>(conn)
        .unwrap()
        == 0
    {
        assert!(Instant::now() < end, "nobody waits");
        // InnoDB tells the same again to who asks within 100 ms.
        thread::sleep(Duration::from_millis(150));
    }
}

/// What a batch ends in that deadlocks with another transaction, after it has taken the first of its rows.
fn lost_to_a_deadlock<R: Send>(
    db: &Db,
    batch: impl FnOnce(&mut Conn) -> Result<R, Error> + Send,
) -> Result<R, Error> {
    let (mut one, mut two) = (db.connect(), db.connect());
    // The batch is to lose: on PostgreSQL he who notices it does, on MySQL he who wrote less.
    if backend::NAME == "postgres" {
        diesel::sql_query("SET deadlock_timeout = '1s'")
            .execute(&mut one)
            .unwrap();
        diesel::sql_query("SET deadlock_timeout = '30s'")
            .execute(&mut two)
            .unwrap();
    }
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let lost = scope.spawn(|| {
            barrier.wait();
            batch(&mut one)
        });
        two.transaction(|conn| {
            for id in 30..=60 {
                Ticket::at(id, 1).touch(conn)?;
            }
            Ticket::at(4, 1).touch(conn)?;
            barrier.wait();
            until_somebody_waits(&mut db.connect());
            Ticket::at(1, 1).touch(conn)
        })
        .unwrap();
        lost.join().unwrap()
    })
}

fn sixty(db: &Db) -> Vec<Ticket> {
    let mut tickets: Vec<_> = (1..=60)
        .map(|id| Ticket {
            id,
            title: format!("show {id}"),
            ..Ticket::concert()
        })
        .collect();
    Ticket::insert_all(&mut tickets, &mut db.connect()).unwrap();
    tickets
}

fn written(db: &Db) -> Vec<i64> {
    tickets::table
        .filter(tickets::version.gt(1))
        .filter(tickets::id.lt(30))
        .order(tickets::id)
        .select(tickets::id)
        .load(&mut db.connect())
        .unwrap()
}

/// The transaction is gone, and with it what the batch had written: none of it may be tried again row by row.
#[test]
fn s05_a_deadlock_of_a_batch_is_a_conflict_of_all_of_it() {
    for (each, inside) in [(false, false), (false, true), (true, false), (true, true)] {
        let db = Db::fresh(TICKETS);
        let mut batch = sixty(&db);
        batch.truncate(6);
        let save = |conn: &mut Conn, batch: &mut [Ticket]| {
            if each {
                Ticket::save_each(batch, conn).map(drop)
            } else {
                Ticket::save_all(batch, conn).map(drop)
            }
        };
        let lost = lost_to_a_deadlock(&db, |conn| {
            if inside {
                transaction(conn, &mut batch[..], |conn, batch| {
                    Ticket::at(10, 1).touch(conn)?;
                    save(conn, batch)
                })
            } else {
                save(conn, &mut batch)
            }
        });
        let lost = conflict(lost);
        assert_eq!(lost.kind(), ConflictKind::Serialization, "{each} {inside}");
        assert!(batch.iter().all(|ticket| ticket.version == 1));
        assert_eq!(written(&db), [1, 4]);
    }
}

#[derive(Debug, Clone, Queryable, Selectable, serde::Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Announced {
    id: i64,
    price: i64,
    version: i64,
}

/// On MySQL the deadlock has taken the savepoints of the rows, too: that they are gone is not what is told.
#[test]
fn s05_a_deadlock_below_a_savepoint_is_a_conflict() {
    use diesel_migrations::MigrationHarness as _;

    let db = Db::fresh(TICKETS);
    db.connect()
        .run_pending_migrations(versioned_core::MIGRATIONS)
        .unwrap();
    let mut batch: Vec<Announced> = sixty(&db)[..6]
        .iter()
        .map(|ticket| Announced {
            id: ticket.id,
            price: 99,
            version: 1,
        })
        .collect();
    let lost = lost_to_a_deadlock(&db, |conn| Announced::save_each(&mut batch, conn).map(drop));
    assert_eq!(conflict(lost).kind(), ConflictKind::Serialization);
    assert!(batch.iter().all(|ticket| ticket.version == 1));
    assert_eq!(written(&db), [1, 4]);
}
