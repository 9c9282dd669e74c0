//! `#[versioned(scope)]`: a model never touches the row of another scope, whatever key it holds.

use versioned_core::{InScope, Op, Retry, Tracked};

use super::*;

/// Models with a scope beside the key, with and without what else an owner can have.
macro_rules! scoped {
    ($($name:ident($($key:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
        #[diesel(table_name = tickets)]
        #[versioned($($key)*)]
        struct $name {
            // Before the key, so that the order of the fields is not that of the conditions.
            #[versioned(scope)]
            tenant: i64,
            id: i64,
            title: String,
            price: i64,
            version: i64,
        }

        impl $name {
            fn new(tenant: i64, id: i64) -> Self {
                Self { tenant, id, title: "concert".into(), price: 20, version: 0 }
            }
        }
    )*};
}

scoped! {
    Mine(owner);
    Told(owner, outbox, tombstones);
}

/// The same table without the scope: for what is the operator's.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox, tombstones)]
struct Anybody {
    id: i64,
    tenant: i64,
    title: String,
    price: i64,
    version: i64,
}

fn key(tenant: i64, id: i64) -> InScope<i64, i64> {
    InScope::new(tenant, id)
}

#[track_caller]
fn not_found<T: std::fmt::Debug>(result: Result<T, Error>, key: &str) {
    match result {
        Err(Error::NotFound { table, id }) => assert_eq!((table, id.as_str()), ("tickets", key)),
        other => panic!("expected nothing to be found, got {other:?}"),
    }
}

/// Calls every operation with the key of another tenant's row. Each must find nothing, write nothing,
/// and say the same as of a row that does not exist.
macro_rules! every_operation {
    ($model:ident, $conn:ident) => {{
        let conn = $conn;
        $model::new(1, 7).insert(conn).unwrap();
        let before = row(7, conn);
        let announced = told(conn);
        for id in [7, 8] {
            let text = &id.to_string();
            let at = |version: i64| $model::at(key(2, id), version);
            // Loaded by a tenant that guesses the key and the version, or an older version.
            for version in [1, 5] {
                let mut stolen = $model::new(2, id);
                (stolen.version, stolen.price) = (version, 99);
                let untouched = stolen.clone();
                not_found(stolen.save(conn).map(drop), text);
                not_found(stolen.touch(conn).map(drop), text);
                not_found(stolen.delete(conn).map(drop), text);
                not_found(stolen.reload(conn), text);
                not_found(stolen.verify(conn), text);
                assert_eq!(stolen, untouched);

                not_found(at(version).update(tickets::price.eq(99), conn), text);
                not_found(at(version).touch(conn), text);
                not_found(at(version).delete(conn), text);
                let filtered = at(version).filter(tickets::price.eq(20));
                not_found(filtered.touch(conn), text);

                for others in [0, 120] {
                    let mut batch = vec![stolen.clone()];
                    batch.extend((100..100 + others).map(|id| {
                        let mut other = $model::new(2, id);
                        other.version = 1;
                        other
                    }));
                    not_found_in($model::save_all(&mut batch, conn).map(drop));
                    not_found_in($model::delete_all(&mut batch, conn).map(drop));
                    assert_eq!(batch[0], stolen);
                }
                let mut each = [stolen.clone()];
                let [outcome] =
                    <[_; 1]>::try_from($model::save_each(&mut each, conn).unwrap()).unwrap();
                not_found(outcome.map(drop), text);

                let mut tracked = Tracked::new(stolen.clone());
                not_found(tracked.save(conn).map(drop), text);
                not_found(tracked.verify(conn), text);
                tracked.price = 98;
                not_found(tracked.save(conn).map(drop), text);
                not_found(tracked.rebase(conn), text);
                not_found(tracked.touch(conn).map(drop), text);
                not_found(tracked.delete(conn).map(drop), text);
                not_found(Tracked::save_all(&mut [tracked], conn).map(drop), text);
            }
            not_found($model::find(&key(2, id), conn), text);
            not_found($model::update_with(&key(2, id), conn, |_| Ok(())), text);
            let retry = Retry::times(2);
            not_found(
                $model::update_with_retry(&key(2, id), retry, conn, |_| Ok(())),
                text,
            );
        }
        // The key is unique in the table, so nobody else can insert it.
        let taken = $model::new(2, 7).insert(conn).map(drop);
        assert!(is_taken(&taken), "{taken:?}");
        let taken = $model::insert_all(&mut [$model::new(2, 9), $model::new(2, 7)], conn).map(drop);
        assert!(is_taken(&taken), "{taken:?}");
        let taken = $model::upsert_all(&mut [$model::new(2, 9), $model::new(2, 7)], conn).map(drop);
        assert!(is_taken(&taken), "{taken:?}");
        for version in [0, 1, 5] {
            let mut stolen = $model::new(2, 7);
            stolen.version = version;
            let taken = stolen.upsert(conn).map(drop);
            assert!(is_taken(&taken), "at {version}: {taken:?}");
            assert_eq!(stolen.version, version);
        }
        let mut imported = $model::new(2, 7);
        imported.version = 4;
        let taken = imported.import(conn);
        assert!(is_taken(&taken), "{taken:?}");
        assert_eq!($model::snapshot_in(&2, None, 10, conn).unwrap(), []);

        assert_eq!(row(7, conn), before);
        assert_eq!(row(9, conn), None);
        assert_eq!(told(conn), announced);
        let rows: i64 = tickets::table.count().get_result(conn).unwrap();
        assert_eq!(rows, 1);

        // Its own tenant finds it, by the same operations.
        let mut own = $model::find(&key(1, 7), conn).unwrap();
        own.price = 21;
        own.upsert(conn).unwrap();
        own.touch(conn).unwrap();
        own.verify(conn).unwrap();
        own.reload(conn).unwrap();
        let at = |version: i64| $model::at(key(1, 7), version);
        at(3).update(tickets::price.eq(22), conn).unwrap();
        at(4).filter(tickets::price.eq(22)).touch(conn).unwrap();
        let stale = (ConflictKind::Stale, "7".to_owned(), 3, Some(5));
        assert_eq!(conflict(own.save(conn)), stale);
        own.reload(conn).unwrap();
        $model::save_all(&mut [own.clone()], conn).unwrap();
        let own = $model::update_with(&key(1, 7), conn, |own| {
            own.price += 1;
            Ok(())
        });
        let mut own = Tracked::new(own.unwrap());
        own.title = "opera".into();
        Tracked::save_all(std::slice::from_mut(&mut own), conn).unwrap();
        own.price += 1;
        own.save(conn).unwrap();
        assert_eq!(row(7, conn), Some((1, "opera".into(), 24, 9)));
        own.delete(conn).unwrap();
        assert_eq!(row(7, conn), None);
    }};
}

fn is_taken<T>(result: &Result<T, Error>) -> bool {
    use diesel::result::{DatabaseErrorKind::UniqueViolation, Error as DieselError};
    matches!(
        result,
        Err(Error::Database(DieselError::DatabaseError(
            UniqueViolation,
            _
        )))
    )
}

/// Of a batch, the first row that is not found is named.
#[track_caller]
fn not_found_in(result: Result<(), Error>) {
    assert!(matches!(result, Err(Error::NotFound { .. })), "{result:?}");
}

#[test]
fn no_operation_touches_the_row_of_another_scope() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    every_operation!(Mine, conn);
}

#[test]
fn no_operation_with_an_outbox_touches_the_row_of_another_scope() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    every_operation!(Told, conn);
}

#[test]
fn a_row_does_not_move_to_another_scope() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    let mut mine = Mine::new(1, 7);
    mine.insert(conn).unwrap();
    let changed = |result: Result<(), Error>| match result {
        Err(Error::KeyChanged { table, id }) => assert_eq!((table, id.as_str()), ("tickets", "7")),
        other => panic!("{other:?}"),
    };
    changed(
        Mine::at(key(1, 7), 1)
            .update(tickets::tenant.eq(2), conn)
            .map(drop),
    );
    changed(
        Mine::update_with(&key(1, 7), conn, |mine| {
            mine.tenant = 2;
            Ok(())
        })
        .map(drop),
    );
    let mut tracked = Tracked::new(mine.clone());
    tracked.tenant = 2;
    changed(tracked.save(conn).map(drop));
    changed(Tracked::save_all(&mut [tracked], conn).map(drop));
    // A plain save looks for the row in the new scope.
    mine.tenant = 2;
    not_found(mine.save(conn).map(drop), "7");
    assert_eq!(row(7, conn), Some((1, "concert".into(), 20, 1)));
}

#[test]
fn many_rows_are_written_in_their_scope() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    let mut all: Vec<_> = (1..=120).map(|id| Mine::new(1 + id % 2, id)).collect();
    Mine::insert_all(&mut all, conn).unwrap();
    for one in &mut all {
        one.price = 30;
    }
    Mine::save_all(&mut all, conn).unwrap();
    let mut tracked: Vec<_> = all.iter().cloned().map(Tracked::new).collect();
    for (place, one) in tracked.iter_mut().enumerate() {
        if place % 2 == 0 {
            one.price = 31;
        } else {
            one.title = "opera".into();
        }
    }
    Tracked::save_all(&mut tracked, conn).unwrap();
    assert_eq!(row(1, conn), Some((2, "concert".into(), 31, 3)));
    assert_eq!(row(2, conn), Some((1, "opera".into(), 30, 3)));
    let mut all: Vec<Mine> = tracked.into_iter().map(Tracked::into_inner).collect();
    // One of them claims another tenant's row.
    all[5].tenant = 3;
    not_found_in(Mine::delete_all(&mut all, conn).map(drop));
    all.remove(5);
    Mine::delete_all(&mut all, conn).unwrap();
    let rest: Vec<i64> = tickets::table.select(tickets::id).load(conn).unwrap();
    assert_eq!(rest, [6]);
}

#[test]
fn pages_have_the_rows_of_one_scope() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    for id in 1..=7 {
        Told::new(1 + id % 2, id).insert(conn).unwrap();
    }
    Told::at(key(1, 4), 1).delete(conn).unwrap();
    let mut last = None;
    let mut seen = Vec::new();
    loop {
        let page = Told::snapshot_in(&1, last.as_ref(), 2, conn).unwrap();
        let Some(end) = page.last() else { break };
        seen.extend(page.iter().map(|event| (event.op, event.key.clone())));
        last = Some(end.clone());
    }
    // The deletion of 4 has no scope, and is not among them.
    let rows = ["2", "6"].map(|id| (Op::Snapshot, id.to_owned()));
    assert_eq!(seen, rows);
    // The model without a scope has all, and the deletion.
    assert_eq!(Anybody::snapshot(None, 10, conn).unwrap().len(), 7);

    let announced = told(conn).len();
    let sent = Told::resend_page_in(&2, None, 10, conn).unwrap();
    assert_eq!(sent.len(), 4);
    let sent: Vec<_> = told(conn).split_off(announced);
    let expected = ["1", "3", "5", "7"].map(|id| ("snapshot".to_owned(), id.to_owned(), 1));
    assert_eq!(sent, expected);
}

#[test]
fn a_resend_does_not_reach_another_scope() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    for id in [7, 8] {
        Told::new(1, id).insert(conn).unwrap();
    }
    Told::at(key(1, 8), 1).delete(conn).unwrap();
    let announced = told(conn);
    not_found(Told::resend(&key(2, 7), conn), "7");
    // A deletion does not say in which scope the record was.
    for tenant in [1, 2] {
        not_found(Told::resend(&key(tenant, 8), conn), "8");
    }
    assert_eq!(told(conn), announced);
    Told::resend(&key(1, 7), conn).unwrap();
    Anybody::resend(&8, conn).unwrap();
    let sent: Vec<_> = told(conn).split_off(announced.len());
    let expected =
        [("7", 1), ("8", 2)].map(|(id, version)| ("snapshot".to_owned(), id.to_owned(), version));
    assert_eq!(sent, expected);
}

/// The key of the record is that of the table, so a replica sees one record.
#[test]
fn a_key_continues_after_its_deletion_in_any_scope() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    let mut first = Told::new(1, 7);
    first.insert(conn).unwrap();
    first.delete(conn).unwrap();
    let mut second = Told::new(2, 7);
    second.insert(conn).unwrap();
    assert_eq!(second.version, 3);
    let expected = [("created", 1), ("deleted", 2), ("created", 3)]
        .map(|(op, version)| (op.to_owned(), "7".to_owned(), version));
    assert_eq!(told(conn), expected);
}

diesel::table! {
    seats (hall, number) {
        hall -> VarChar,
        number -> BigInt,
        row -> BigInt,
        version -> BigInt,
    }
}

const SEATS: &str = "CREATE TABLE seats (
    hall VARCHAR(40) NOT NULL,
    number BIGINT NOT NULL,
    row_ BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (hall, number)
)";

/// The scope is part of the table's key, and text.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = seats, primary_key(hall, number))]
#[versioned(owner, outbox, tombstones)]
struct Seat {
    number: i64,
    #[versioned(scope)]
    hall: String,
    row: i64,
    version: i64,
}

#[test]
fn a_scope_may_be_part_of_the_key() {
    let ddl = SEATS.replace("row_", on("\"row\"", "\"row\"", "`row`"));
    let (_db, mut conn) = fresh(&ddl);
    let conn = &mut conn;
    let seat = |hall: &str, number| Seat {
        number,
        hall: hall.into(),
        row: 1,
        version: 0,
    };
    for hall in ["big", "small"] {
        for number in 1..=3 {
            seat(hall, number).insert(conn).unwrap();
        }
    }
    let key = |hall: &str, number| InScope::new(hall.to_owned(), number);
    let mut mine = Seat::find(&key("big", 2), conn).unwrap();
    mine.row = 5;
    mine.save(conn).unwrap();
    // The key in events is that of the table.
    let last = told(conn).pop().unwrap();
    assert_eq!(last, ("updated".to_owned(), "big,2".to_owned(), 2));
    assert_eq!(Seat::find(&key("small", 2), conn).unwrap().row, 1);
    let page = Seat::snapshot_in(&"big".to_owned(), None, 2, conn).unwrap();
    let keys = |page: &[versioned_core::Event<Seat>]| -> Vec<String> {
        page.iter().map(|event| event.key.clone()).collect()
    };
    assert_eq!(keys(&page), ["big,1", "big,2"]);
    let page = Seat::snapshot_in(&"big".to_owned(), page.last(), 2, conn).unwrap();
    assert_eq!(keys(&page), ["big,3"]);
    // Another spelling is another scope.
    for hall in ["BIG", "big "] {
        let stolen = Seat::find(&key(hall, 1), conn);
        assert!(matches!(stolen, Err(Error::NotFound { .. })), "{stolen:?}");
        let page = Seat::snapshot_in(&hall.to_owned(), None, 2, conn).unwrap();
        assert_eq!(keys(&page), [""; 0]);
    }
    // Each scope has records of its own, with deletions of their own.
    Seat::at(key("big", 1), 1).delete(conn).unwrap();
    let mut again = seat("big", 1);
    again.insert(conn).unwrap();
    assert_eq!(again.version, 3);
    Seat::at(key("big", 3), 1).delete(conn).unwrap();
    Seat::resend(&key("big", 3), conn).unwrap();
    assert_eq!(
        told(conn).pop().unwrap(),
        ("snapshot".to_owned(), "big,3".to_owned(), 2)
    );
    let missing = Seat::at(key("small", 9), 1).touch(conn);
    assert!(
        matches!(missing, Err(Error::NotFound { .. })),
        "{missing:?}"
    );
}
