//! Records that have nothing to do with each other never wait for each other in a circle: on MySQL and MariaDB a statement
//! that finds no row locks the gap where it would be, for all who want to insert there.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use versioned_core::{Error, Event, MIGRATIONS, Op, Outcome, Result};

use super::backend::prelude::*;
use super::backend::{Conn, Db, NAME, isolate};
use versioned_core::positions::{purge_tombstones, rebuild};

diesel::table! {
    tickets (id) {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

macro_rules! models {
    ($($name:ident ($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = tickets)]
        #[versioned($($keys)*)]
        struct $name {
            id: i64,
            price: i64,
            version: i64,
        }

        impl From<(i64, i64)> for $name {
            fn from((id, version): (i64, i64)) -> Self {
                Self { id, price: version * 10, version }
            }
        }
    )*};
}

models! {
    Ticket (owner, tombstones);
    Announced (owner, tombstones, outbox);
    Sequential (dependent);
    Parking (dependent, gap = "park");
    Latest (dependent, policy = "latest");
    OnTheRow (dependent, policy = "latest", guard = "row");
}

const THREADS: i64 = 8;
const RECORDS: i64 = 50;

/// The levels at which databases do not reject transactions that their locks have ordered already.
const LEVELS: [&str; 2] = ["READ COMMITTED", "REPEATABLE READ"];

fn fresh() -> (Db, Conn) {
    let db = Db::fresh(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)",
    );
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

fn event<M: From<(i64, i64)>>(op: Op, id: i64, version: i64) -> Event<M> {
    Event {
        entity: "tickets".into(),
        key: id.to_string(),
        version,
        op,
        at: String::new(),
        data: (op != Op::Deleted).then(|| (id, version).into()),
        trace: None,
        metadata: None,
    }
}

/// Each thread has records of its own, which are among those of the others. What went wrong, of all of them.
fn at_once(db: &Db, level: &str, work: impl Fn(i64, &mut Conn) -> Result<()> + Sync) -> Vec<Error> {
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let mut conn = db.connect();
            let (failures, work) = (&failures, &work);
            scope.spawn(move || {
                isolate(&mut conn, level);
                for record in 0..RECORDS {
                    if let Err(error) = work(1 + record * THREADS + thread, &mut conn) {
                        failures.lock().unwrap().push(error);
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

fn nothing_failed(failures: &[Error], level: &str) {
    assert!(
        failures.is_empty(),
        "{level}: {} failed: {}",
        failures.len(),
        failures[0]
    );
}

fn rows(conn: &mut Conn) -> Vec<(i64, i64, i64)> {
    tickets::table.order(tickets::id).load(conn).unwrap()
}

fn all_at(version: i64) -> Vec<(i64, i64, i64)> {
    (1..=THREADS * RECORDS)
        .map(|id| (id, version * 10, version))
        .collect()
}

macro_rules! owners {
    ($model:ident) => {
        for level in LEVELS {
            let (db, mut conn) = fresh();
            let failures = at_once(&db, level, |id, conn| {
                $model {
                    id,
                    price: 10,
                    version: 0,
                }
                .insert(conn)
                .map(drop)
            });
            nothing_failed(&failures, level);
            assert_eq!(rows(&mut conn), all_at(1));
            let failures = at_once(&db, level, |id, conn| {
                $model::find(&id, conn)?.delete(conn).map(drop)
            });
            nothing_failed(&failures, level);
            assert_eq!(rows(&mut conn), []);
            // They go on after their deletion.
            let failures = at_once(&db, level, |id, conn| {
                $model {
                    id,
                    price: 30,
                    version: 0,
                }
                .insert(conn)
                .map(drop)
            });
            nothing_failed(&failures, level);
            assert_eq!(rows(&mut conn), all_at(3));
        }
    };
}

#[test]
fn owners_of_different_records() {
    owners!(Ticket);
}

#[test]
fn owners_with_an_outbox_too() {
    owners!(Announced);
}

macro_rules! replicas {
    ($model:ident) => {
        for level in LEVELS {
            let (db, mut conn) = fresh();
            let apply = |op, version| {
                at_once(&db, level, move |id, conn| {
                    // In a transaction of the caller's nothing is tried again.
                    conn.transaction(|conn| {
                        let outcome = $model::apply(&event(op, id, version), conn)?;
                        assert_eq!(outcome, Outcome::Applied);
                        Ok(())
                    })
                })
            };
            nothing_failed(&apply(Op::Created, 1), level);
            nothing_failed(&apply(Op::Updated, 2), level);
            assert_eq!(rows(&mut conn), all_at(2));
            nothing_failed(&apply(Op::Deleted, 3), level);
            assert_eq!(rows(&mut conn), []);
            nothing_failed(&apply(Op::Snapshot, 5), level);
            assert_eq!(rows(&mut conn), all_at(5));
            // What is new to a replica that has others.
            diesel::delete(tickets::table.filter(tickets::id.ge(0)))
                .execute(&mut conn)
                .unwrap();
            conn.batch_execute("DELETE FROM versioned_positions")
                .unwrap();
            nothing_failed(&apply(Op::Snapshot, 5), level);
            assert_eq!(rows(&mut conn), all_at(5));
        }
    };
}

#[test]
fn sequential_replicas_of_different_records() {
    replicas!(Sequential);
}

#[test]
fn parking_replicas_of_different_records() {
    replicas!(Parking);
}

#[test]
fn latest_replicas_of_different_records() {
    replicas!(Latest);
}

#[test]
fn replicas_of_different_records_whose_guard_is_the_row() {
    for level in LEVELS {
        let (db, mut conn) = fresh();
        for (op, version) in [
            (Op::Created, 1),
            (Op::Updated, 2),
            (Op::Snapshot, 2),
            (Op::Snapshot, 5),
        ] {
            let failures = at_once(&db, level, |id, conn| {
                conn.transaction(|conn| {
                    let outcome = OnTheRow::apply(&event(op, id, version), conn)?;
                    assert_eq!(outcome, Outcome::Applied);
                    Ok(())
                })
            });
            nothing_failed(&failures, level);
            assert_eq!(rows(&mut conn), all_at(version));
        }
    }
}

/// Each event comes before the one that it follows.
#[test]
fn parked_events_of_different_records() {
    for level in LEVELS {
        let (db, mut conn) = fresh();
        for (op, version, expected) in [
            (Op::Updated, 2, Outcome::Parked),
            (Op::Created, 1, Outcome::Applied),
        ] {
            let failures = at_once(&db, level, |id, conn| {
                assert_eq!(Parking::apply(&event(op, id, version), conn)?, expected);
                Ok(())
            });
            nothing_failed(&failures, level);
        }
        assert_eq!(rows(&mut conn), all_at(2));
    }
}

/// A purge in a long transaction does not block writers of live records.
#[test]
fn live_records_beside_a_purge() {
    for level in LEVELS {
        let (db, mut conn) = fresh();
        for id in [10, 20, 30] {
            let mut ticket = Ticket {
                id,
                price: 10,
                version: 0,
            };
            ticket.insert(&mut conn).unwrap();
            if id == 20 {
                ticket.delete(&mut conn).unwrap();
            }
        }
        let mut other = db.connect();
        isolate(&mut conn, level);
        other
            .batch_execute(match NAME {
                "mysql" => "SET innodb_lock_wait_timeout = 1",
                _ => "SET lock_timeout = '1s'",
            })
            .unwrap();
        conn.transaction(|conn| {
            assert_eq!(purge_tombstones::<Ticket, _>(Duration::ZERO, conn)?, 1);
            for id in [5, 15, 25, 35] {
                Ticket {
                    id,
                    price: 10,
                    version: 0,
                }
                .insert(&mut other)?;
            }
            for id in [10, 30] {
                Ticket::find(&id, &mut other)?.delete(&mut other)?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
        assert_eq!(rows(&mut conn).len(), 4);
        // One that was deleted since is not the purge's.
        let hour = Duration::from_hours(1);
        assert_eq!(purge_tombstones::<Ticket, _>(hour, &mut conn).unwrap(), 0);
        assert_eq!(
            purge_tombstones::<Ticket, _>(Duration::ZERO, &mut conn).unwrap(),
            2
        );
    }
}

/// Its position tells of no deletion: a purge forgets nothing of it, and a snapshot has it once.
#[test]
fn a_record_that_is_made_again_is_no_deletion() {
    for level in LEVELS {
        let (db, mut conn) = fresh();
        let conn = &mut conn;
        isolate(conn, level);
        let mut ticket = Ticket {
            id: 7,
            price: 10,
            version: 0,
        };
        ticket.insert(conn).unwrap();
        ticket.delete(conn).unwrap();
        ticket.insert(conn).unwrap();
        assert_eq!(ticket.version, 3);
        assert_eq!(
            purge_tombstones::<Ticket, _>(Duration::ZERO, conn).unwrap(),
            0
        );
        let page = Ticket::snapshot(None, 10, conn).unwrap();
        assert_eq!(
            page.iter().map(|event| event.version).collect::<Vec<_>>(),
            [3]
        );

        if NAME == "postgres" && level != "READ COMMITTED" {
            continue;
        }
        // What another session purges meanwhile is made again, also where a snapshot still shows it.
        let mut other = db.connect();
        conn.transaction(|conn| {
            let _ = tickets::table.count().get_result::<i64>(conn)?;
            other.batch_execute("DELETE FROM versioned_positions")?;
            ticket.delete(conn)?;
            Ok::<_, Error>(())
        })
        .unwrap();
        ticket.insert(conn).unwrap();
        assert_eq!(ticket.version, 5);
    }
}

/// A transaction whose snapshot still shows the positions that another session has taken away.
#[test]
fn an_event_after_a_rebuild_is_no_gap() {
    macro_rules! each {
        ($($model:ident)*) => {$({
            let (db, mut conn) = fresh();
            let conn = &mut conn;
            let first: Event<$model> = event(Op::Created, 7, 1);
            assert_eq!($model::apply(&first, conn).unwrap(), Outcome::Applied);
            let mut other = db.connect();
            let outcome = conn.transaction(|conn| {
                let _ = tickets::table.count().get_result::<i64>(conn)?;
                rebuild::<$model, _>(&mut other)?;
                $model::apply(&first, conn)
            });
            assert_eq!(outcome.unwrap(), Outcome::Applied);
            assert_eq!(rows(conn), [(7, 10, 1)]);
        })*};
    }
    each!(Sequential Parking Latest);
}
