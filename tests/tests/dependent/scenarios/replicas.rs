//! Several replicas in one database, and a replica beside an owner: each has its own positions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use diesel::connection::SimpleConnection as _;
use versioned_core::positions;

use super::*;

diesel::table! {
    others {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

const OTHERS: &str =
    "CREATE TABLE others (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL);";

macro_rules! models {
    ($($name:ident in $table:ident ($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = $table)]
        #[versioned($($keys)*)]
        struct $name {
            id: i64,
            price: i64,
            version: i64,
        }
    )*};
}

models! {
    One in copies (dependent, entity = "tickets");
    Other in others (dependent, entity = "tickets");
    ParkingOther in others (dependent, entity = "tickets", gap = "park");
    LatestOther in others (dependent, entity = "tickets", policy = "latest");
    Named in others (dependent, entity = "tickets", replica = "reports");
    Owning in others (owner, tombstones, entity = "tickets");
}

fn of<M>(op: Op, id: i64, version: i64, new: impl Fn(i64, i64) -> M) -> Event<M> {
    Event {
        entity: "tickets".into(),
        key: id.to_string(),
        version,
        op,
        at: String::new(),
        data: (op != Op::Deleted).then(|| new(id, version)),
        trace: None,
        metadata: None,
    }
}

macro_rules! new {
    ($model:ident) => {
        |id, version| $model {
            id,
            price: version * 10,
            version,
        }
    };
}

fn others(conn: &mut Conn) -> Vec<(i64, i64, i64)> {
    others::table.order(others::id).load(conn).unwrap()
}

fn copies(conn: &mut Conn) -> Vec<(i64, i64, i64)> {
    let columns = (copies::id, copies::price, copies::version);
    copies::table
        .select(columns)
        .order(copies::id)
        .load(conn)
        .unwrap()
}

fn both() -> (Db, Conn) {
    let (db, mut conn) = replica();
    conn.batch_execute(OTHERS).unwrap();
    (db, conn)
}

macro_rules! two {
    ($($test:ident: $other:ident;)*) => {$(
        #[test]
        fn $test() {
            let (_db, mut conn) = both();
            let conn = &mut conn;
            for version in 1..=3 {
                let op = match version {
                    1 => Op::Created,
                    2 => Op::Updated,
                    _ => Op::Deleted,
                };
                assert_eq!(One::apply(&of(op, 7, version, new!(One)), conn).unwrap(), Outcome::Applied);
                let there = copies(conn);
                let event = of(op, 7, version, new!($other));
                assert_eq!($other::apply(&event, conn).unwrap(), Outcome::Applied);
                assert_eq!(
                    $other::apply_all(&[event], conn).unwrap(),
                    [Outcome::Duplicate { current: version }]
                );
                assert_eq!(others(conn), there);
            }
            // What one forgets the other remembers.
            One::apply_all(&[of(Op::Created, 8, 1, new!(One))], conn).unwrap();
            assert!($other::apply(&of(Op::Created, 8, 1, new!($other)), conn).unwrap().should_ack());
            positions::rebuild::<One, _>(conn).unwrap();
            assert_eq!((copies(conn), others(conn)), (vec![], vec![(8, 10, 1)]));
            assert_eq!(
                $other::apply(&of(Op::Created, 7, 1, new!($other)), conn).unwrap(),
                Outcome::Duplicate { current: 3 }
            );
            assert_eq!(One::apply(&of(Op::Created, 7, 1, new!(One)), conn).unwrap(), Outcome::Applied);
        }
    )*};
}

two! {
    two_replicas_of_one_entity: Other;
    two_replicas_of_one_entity_of_which_one_parks: ParkingOther;
    two_replicas_of_one_entity_of_which_one_takes_the_latest: LatestOther;
    two_replicas_of_one_entity_of_which_one_is_named: Named;
}

/// Two models of one table with a name each are two replicas; without one they are the same.
#[test]
fn a_replica_is_its_table_or_its_name() {
    let (_db, mut conn) = both();
    let conn = &mut conn;
    assert_eq!(
        Other::apply(&of(Op::Created, 7, 1, new!(Other)), conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(
        LatestOther::apply(&of(Op::Created, 7, 1, new!(LatestOther)), conn).unwrap(),
        Outcome::Duplicate { current: 1 }
    );
    assert_eq!(
        Named::apply(&of(Op::Created, 7, 1, new!(Named)), conn).unwrap(),
        Outcome::Applied
    );
}

#[test]
fn an_owner_with_tombstones_beside_a_replica() {
    let (_db, mut conn) = both();
    let conn = &mut conn;
    let mut owned = Owning {
        id: 7,
        price: 1,
        version: 0,
    };
    owned.insert(conn).unwrap();
    owned.delete(conn).unwrap();
    assert_eq!(
        One::apply(&of(Op::Created, 7, 1, new!(One)), conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(
        One::apply(&of(Op::Deleted, 7, 2, new!(One)), conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(copies(conn), []);
    assert_eq!(
        positions::purge_tombstones::<One, _>(std::time::Duration::ZERO, conn).unwrap(),
        1
    );
    // The owner's tombstone is still there.
    let mut again = Owning {
        id: 7,
        price: 1,
        version: 0,
    };
    again.insert(conn).unwrap();
    assert_eq!(again.version, 3);
    positions::rebuild::<One, _>(conn).unwrap();
    assert_eq!(others(conn), [(7, 1, 3)]);
}

/// Versions at the ends of their type.
#[test]
fn the_last_version_of_all_is_parked_and_applied() {
    let (_db, mut conn) = both();
    let conn = &mut conn;
    let last = i64::MAX;
    let event = |version| {
        of(Op::Updated, 7, version, |id, version| ParkingOther {
            id,
            price: 1,
            version,
        })
    };
    assert_eq!(
        ParkingOther::apply(&event(last), conn).unwrap(),
        Outcome::Parked
    );
    let snapshot = of(Op::Snapshot, 7, last - 1, |id, version| ParkingOther {
        id,
        price: 1,
        version,
    });
    assert_eq!(
        ParkingOther::apply(&snapshot, conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(others(conn), [(7, 1, last)]);
    assert_eq!(
        ParkingOther::apply(&event(last), conn).unwrap(),
        Outcome::Duplicate { current: last }
    );
    for version in [i64::MIN, i64::MIN + 1, 0, -1] {
        let before = ParkingOther::find_by_event(&event(version), conn);
        assert!(matches!(before, Err(Error::NotFound { .. })), "{before:?}");
    }
}

/// Writes what it does not read.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = others)]
#[versioned(dependent, entity = "tickets", gap = "park")]
struct Lopsided {
    id: i64,
    #[serde(rename(deserialize = "cents"))]
    price: i64,
    version: i64,
}

#[test]
fn an_event_that_would_not_read_back_is_not_parked() {
    let (_db, mut conn) = both();
    let conn = &mut conn;
    let event = |version| {
        of(Op::Updated, 7, version, |id, version| Lopsided {
            id,
            price: 1,
            version,
        })
    };
    for _ in 0..2 {
        match Lopsided::apply(&event(2), conn) {
            Err(Error::Other(error)) => assert!(error.to_string().contains("cents"), "{error}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(Lopsided::apply(&event(1), conn).unwrap(), Outcome::Applied);
    assert_eq!(Lopsided::apply(&event(2), conn).unwrap(), Outcome::Applied);
    assert_eq!(others(conn), [(7, 1, 2)]);
}

/// Each row has a position, whenever the replica was emptied.
#[test]
fn a_rebuild_leaves_no_row_without_its_position() {
    let (db, mut conn) = both();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for worker in 0..4_i64 {
            let mut conn = db.connect();
            let done = &done;
            scope.spawn(move || {
                let mut id = worker * 1_000_000;
                while !done.load(Ordering::Relaxed) {
                    id += 1;
                    match One::apply(&of(Op::Created, id, 1, new!(One)), &mut conn) {
                        Ok(outcome) => assert_eq!(outcome, Outcome::Applied),
                        Err(error) => assert!(error.is_conflict() || is_busy(&error), "{error:?}"),
                    }
                }
            });
        }
        for _ in 0..40 {
            thread::sleep(std::time::Duration::from_millis(3));
            if let Err(error) = positions::rebuild::<One, _>(&mut conn) {
                assert!(error.is_conflict() || is_busy(&error), "{error:?}");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    let (text, quote) = if backend::NAME == "mysql" {
        ("CHAR", "`")
    } else {
        ("VARCHAR(100)", "\"")
    };
    let alone: i64 = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(&format!(
        "(SELECT count(*) FROM copies WHERE CAST(id AS {text}) NOT IN (SELECT {quote}key{quote} FROM versioned_positions))"
    )))
    .get_result(&mut conn)
    .unwrap();
    assert_eq!(alone, 0);
}

/// SQLite, when it waits too long.
fn is_busy(error: &Error) -> bool {
    error.to_string().contains("database is locked")
}
