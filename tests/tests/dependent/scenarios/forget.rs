//! A record that waits for an event is listed, and a record is forgotten for good.

use std::time::{Duration, SystemTime};

use versioned_core::parked::{self, ParkedRecord};
use versioned_core::{EventError, dead_letters, positions};

use super::dead_letters::keep;
use super::*;

const FOREVER: Outcome = Outcome::Duplicate { current: i64::MAX };

fn waiting(after: Option<&str>, most: usize, conn: &mut Conn) -> Vec<ParkedRecord> {
    parked::list::<SequentialPark, _>(after, most, conn).unwrap()
}

fn keys(records: &[ParkedRecord]) -> Vec<&str> {
    records.iter().map(|record| &*record.key).collect()
}

/// The row, what is parked and the dead letters go, those of other records stay, and nothing brings the record back.
fn a_record_is_forgotten_for_good<M: Replica>() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    let is_sequential = M::POLICY == Policy::Sequential;
    for id in [7, 8] {
        let one = |version| event::<M>(Op::Updated, id, version, version);
        apply_each(conn, &[event(Op::Created, id, 1, 1), one(2)]);
        if M::GAP == Gap::Park && is_sequential {
            assert_eq!(M::apply(&one(4), conn).unwrap(), Outcome::Parked);
        }
        keep(conn, &format!("{id}:1"), &id.to_string(), 3, "no event");
    }
    positions::forget::<M, _>(&M::new(7, 0, 0).id(), conn).unwrap();
    let left = |conn: &mut Conn| -> Vec<(i64, i64)> {
        let rows = copies::table.select((copies::id, copies::version));
        rows.order(copies::id).load(conn).unwrap()
    };
    assert_eq!(left(conn), [(8, 2)]);
    let letters = dead_letters::list::<M, _>(0, 10, conn).unwrap();
    let records: Vec<_> = letters.iter().map(|letter| letter.record.clone()).collect();
    assert_eq!(records, [Some(("8".to_owned(), 3))]);
    let parked = parked::list::<M, _>(None, 10, conn).unwrap();
    let is_parked = M::GAP == Gap::Park && is_sequential;
    assert_eq!(keys(&parked), vec!["8"; usize::from(is_parked)]);

    // Again, with a row that was written by hand, and a record that was never here.
    diesel::sql_query("INSERT INTO copies (id, price, version) VALUES (7, 1, 1)")
        .execute(conn)
        .unwrap();
    for id in [7, 9] {
        positions::forget::<M, _>(&M::new(id, 0, 0).id(), conn).unwrap();
        for late in [
            event::<M>(Op::Created, id, 1, 1),
            event(Op::Updated, id, 3, 3),
            event(Op::Snapshot, id, 9, 9),
            event(Op::Deleted, id, 10, 0),
            event(Op::DeletedAt, id, 10, 0),
            event(Op::DeletedForever, id, i64::MAX, 0),
        ] {
            assert_eq!(M::apply(&late, conn).unwrap(), FOREVER, "{}", late.version);
            let outcomes = M::apply_all(&[late.clone(), late.clone()], conn).unwrap();
            assert_eq!(outcomes, [FOREVER; 2], "{}", late.version);
        }
    }
    assert_eq!(left(conn), [(8, 2)]);

    // Until the tombstones are purged.
    std::thread::sleep(Duration::from_millis(2));
    assert_eq!(
        positions::purge_tombstones::<M, _>(Duration::ZERO, conn).unwrap(),
        2
    );
    apply_each::<M>(conn, &[event(Op::Created, 7, 1, 1)]);
    assert_eq!(left(conn), [(7, 1), (8, 2)]);
}

for_each_replica!(a_record_is_forgotten_for_good remembers deletions);

/// In a transaction of the caller, it is undone with it.
fn a_rollback_brings_the_record_back<M: Replica>() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    apply_each::<M>(conn, &[created(20)]);
    let rolled_back = conn.transaction(|conn| {
        positions::forget::<M, _>(&M::new(7, 0, 0).id(), conn)?;
        assert_eq!(M::apply(&updated(2, 30), conn)?, FOREVER);
        Err::<(), Error>(Error::other("no"))
    });
    assert!(
        matches!(rolled_back, Err(Error::Other(_))),
        "{rolled_back:?}"
    );
    apply_each::<M>(conn, &[updated(2, 30)]);
    assert_eq!(row(conn), at(30, 2));
}

for_each_replica!(a_rollback_brings_the_record_back remembers deletions);

/// It remembers no deletions.
fn a_row_guard_forgets_nothing<M: Replica>() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    apply_each::<M>(conn, &[created(20)]);
    let refused = positions::forget::<M, _>(&M::new(7, 0, 0).id(), conn);
    assert!(
        matches!(refused, Err(Error::Event(EventError::Deletion))),
        "{refused:?}"
    );
    assert_eq!(row(conn), at(20, 1));
}

for_each_replica!(a_row_guard_forgets_nothing: sequential_row SequentialRow, latest_row LatestRow);

#[test]
fn records_that_wait_are_listed_with_what_they_wait_for() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    let before = SystemTime::now();
    let park = |conn: &mut Conn, id, version| {
        let early = event::<SequentialPark>(Op::Updated, id, version, version);
        assert_eq!(
            SequentialPark::apply(&early, conn).unwrap(),
            Outcome::Parked
        );
    };
    assert_eq!(waiting(None, 10, conn), []);
    apply_each::<SequentialPark>(conn, &[created(1), updated(2, 2)]);
    for (id, version) in [(7, 6), (10, 2), (7, 5), (7, 4), (8, 3), (9, 2)] {
        park(conn, id, version);
    }
    // Of another replica, which says nothing about this one.
    diesel::sql_query("UPDATE versioned_parked SET replica = 'others' WHERE version = 3")
        .execute(conn)
        .unwrap();
    let found = waiting(None, 10, conn);
    let facts: Vec<_> = found
        .iter()
        .map(|record| (&*record.key, record.current, record.received, record.events))
        .collect();
    // As texts.
    assert_eq!(facts, [("10", 0, 2, 1), ("7", 2, 4, 3), ("9", 0, 2, 1)]);
    for record in &found {
        assert_eq!(record.reason, None);
        assert!(
            before - Duration::from_millis(1) <= record.since,
            "{record:?}"
        );
        // SQLite rounds to milliseconds.
        let now = SystemTime::now() + Duration::from_millis(1);
        assert!(record.since <= now, "{record:?}");
    }
    assert_eq!(
        found[1].to_string(),
        "record 7 is at version 2, and 3 events from version 4 on wait"
    );
    assert_eq!(keys(&waiting(None, 2, conn)), ["10", "7"]);
    assert_eq!(keys(&waiting(Some("7"), 2, conn)), ["9"]);
    assert_eq!(keys(&waiting(Some("9"), 2, conn)), [""; 0]);
    assert_eq!(keys(&waiting(Some(""), 1, conn)), ["10"]);

    diesel::sql_query("UPDATE versioned_parked SET error = 'low' WHERE version = 6")
        .execute(conn)
        .unwrap();
    assert_eq!(
        waiting(Some("10"), 1, conn)[0].reason.as_deref(),
        Some("low")
    );
    // Its turn comes.
    apply_each::<SequentialPark>(conn, &[updated(3, 3)]);
    assert_eq!(keys(&waiting(None, 10, conn)), ["10", "9"]);
}
