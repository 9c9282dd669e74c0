//! D1–D10.

use std::sync::Barrier;
use std::thread;

use versioned_core::OptionalExt;

use super::*;

fn d01_the_next_event_is_applied_and_its_version_is_the_replicas<M: Replica>() {
    let (_db, mut conn) = replica();
    apply_each::<M>(&mut conn, &[created(20), updated(2, 25), updated(3, 30)]);
    assert_eq!(row(&mut conn), at(30, 3));
    assert_eq!(
        <M as DependentDsl>::find(&versioned_core::Versioned::id(&M::new(7, 0, 0)), &mut conn)
            .unwrap()
            .facts(),
        (7, 30, 3)
    );
}
for_each_replica!(d01_the_next_event_is_applied_and_its_version_is_the_replicas);

fn d02_a_duplicate_and_an_older_event_change_nothing<M: Replica>() {
    let (_db, mut conn) = replica();
    apply_each::<M>(&mut conn, &[created(20), updated(2, 25), updated(3, 30)]);
    for again in [updated::<M>(3, 99), updated(2, 99), created(99)] {
        let outcome = M::apply(&again, &mut conn).unwrap();
        assert_eq!(outcome, Outcome::Duplicate { current: 3 });
        assert!(outcome.should_ack());
        assert_eq!(row(&mut conn), at(30, 3));
    }
}
for_each_replica!(d02_a_duplicate_and_an_older_event_change_nothing);

fn d03_s12_an_event_that_changes_no_column_moves_the_version<M: Replica>() {
    let (_db, mut conn) = replica();
    apply_each::<M>(&mut conn, &[created(20), updated(2, 20), updated(3, 20)]);
    assert_eq!(row(&mut conn), at(20, 3));
}
for_each_replica!(d03_s12_an_event_that_changes_no_column_moves_the_version);

fn d04_a_gap<M: Replica>() {
    let (_db, mut conn) = replica();
    apply_each::<M>(&mut conn, &[created(20)]);
    let outcome = M::apply(&updated(4, 40), &mut conn).unwrap();
    match (M::POLICY, M::GAP) {
        (Policy::Latest, _) => {
            assert_eq!(outcome, Outcome::Applied);
            assert_eq!(row(&mut conn), at(40, 4));
            for superseded in [updated::<M>(2, 30), updated(3, 35)] {
                assert_eq!(
                    M::apply(&superseded, &mut conn).unwrap(),
                    Outcome::Duplicate { current: 4 }
                );
            }
        }
        (Policy::Sequential, Gap::Nack) => {
            assert_eq!(
                outcome,
                Outcome::Gap {
                    current: 1,
                    received: 4
                }
            );
            assert!(!outcome.should_ack());
            assert_eq!(row(&mut conn), at(20, 1));
            apply_each::<M>(&mut conn, &[updated(2, 30), updated(3, 35), updated(4, 40)]);
        }
        (Policy::Sequential, Gap::Park) => {
            assert_eq!(outcome, Outcome::Parked);
            assert!(outcome.should_ack());
            assert_eq!(row(&mut conn), at(20, 1));
            assert_eq!(
                M::apply(&updated(4, 40), &mut conn).unwrap(),
                Outcome::Parked,
                "parked once"
            );
            assert_eq!(
                M::apply(&updated(3, 35), &mut conn).unwrap(),
                Outcome::Parked
            );
            apply_each::<M>(&mut conn, &[updated(2, 30)]);
            assert_eq!(parked(&mut conn), 0);
            assert_eq!(
                M::apply(&updated(4, 40), &mut conn).unwrap(),
                Outcome::Duplicate { current: 4 }
            );
        }
    }
    assert_eq!(row(&mut conn), at(40, 4));
}
for_each_replica!(d04_a_gap);

fn parked(conn: &mut Conn) -> i64 {
    diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM versioned_parked")
        .get_result(conn)
        .unwrap()
}

fn d05_the_first_event_that_is_heard_of_a_record<M: Replica>() {
    let (_db, mut conn) = replica();
    let outcome = M::apply(&updated(3, 30), &mut conn).unwrap();
    match (M::POLICY, M::GAP) {
        (Policy::Latest, _) => assert_eq!(outcome, Outcome::Applied),
        (Policy::Sequential, Gap::Nack) => assert_eq!(
            outcome,
            Outcome::Gap {
                current: 0,
                received: 3
            }
        ),
        (Policy::Sequential, Gap::Park) => assert_eq!(outcome, Outcome::Parked),
    }
    assert_eq!(
        row(&mut conn),
        if M::POLICY == Policy::Latest {
            at(30, 3)
        } else {
            None
        }
    );
}
for_each_replica!(d05_the_first_event_that_is_heard_of_a_record);

fn d05_a_snapshot_goes_onto_any_older_version<M: Replica>() {
    let (_db, mut conn) = replica();
    assert_eq!(
        M::apply(&event(Op::Snapshot, 7, 5, 50), &mut conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(row(&mut conn), at(50, 5));
    assert_eq!(
        M::apply(&updated(4, 40), &mut conn).unwrap(),
        Outcome::Duplicate { current: 5 }
    );
    // It may come again, and repairs the row; an ordinary event of its version does not.
    for repair in [false, true] {
        diesel::sql_query("UPDATE copies SET price = 1")
            .execute(&mut conn)
            .unwrap();
        assert_eq!(
            M::apply(&updated(5, 50), &mut conn).unwrap(),
            Outcome::Duplicate { current: 5 }
        );
        let snapshot = event(Op::Snapshot, 7, 5, 50);
        let applied = if repair {
            M::apply(&snapshot, &mut conn).unwrap()
        } else {
            M::apply_all(&[snapshot], &mut conn).unwrap()[0]
        };
        assert_eq!(applied, Outcome::Applied);
        assert_eq!(row(&mut conn), at(50, 5));
    }
    apply_each::<M>(&mut conn, &[updated(6, 60)]);
    assert_eq!(
        M::apply(&event(Op::Snapshot, 7, 5, 50), &mut conn).unwrap(),
        Outcome::Duplicate { current: 6 }
    );
    assert_eq!(row(&mut conn), at(60, 6));
}
for_each_replica!(d05_a_snapshot_goes_onto_any_older_version);

fn d06_a_creation_that_is_delivered_again_is_a_duplicate<M: Replica>() {
    let (_db, mut conn) = replica();
    apply_each::<M>(&mut conn, &[created(20)]);
    assert_eq!(
        M::apply(&created(20), &mut conn).unwrap(),
        Outcome::Duplicate { current: 1 }
    );
    assert_eq!(row(&mut conn), at(20, 1));
}
for_each_replica!(d06_a_creation_that_is_delivered_again_is_a_duplicate);

fn d07_what_was_deleted_stays_deleted<M: Replica>() {
    let (_db, mut conn) = replica();
    apply_each::<M>(&mut conn, &[created(20), updated(2, 25), deleted(3)]);
    assert_eq!(row(&mut conn), None);
    for late in [created::<M>(20), updated(2, 25), deleted(3)] {
        assert_eq!(
            M::apply(&late, &mut conn).unwrap(),
            Outcome::Duplicate { current: 3 }
        );
        assert_eq!(row(&mut conn), None);
    }
    // An owner that makes the record again goes on from the deleted version.
    apply_each::<M>(&mut conn, &[event(Op::Created, 7, 4, 44), updated(5, 55)]);
    assert_eq!(row(&mut conn), at(55, 5));
}
for_each_replica!(d07_what_was_deleted_stays_deleted remembers deletions);

fn d07_a_deletion_before_anything_else<M: Replica>() {
    let (_db, mut conn) = replica();
    let outcome = M::apply(&deleted(3), &mut conn).unwrap();
    if M::POLICY == Policy::Latest {
        assert_eq!(outcome, Outcome::Applied);
        assert_eq!(
            M::apply(&created(20), &mut conn).unwrap(),
            Outcome::Duplicate { current: 3 }
        );
    } else {
        assert!(
            matches!(outcome, Outcome::Gap { .. } | Outcome::Parked),
            "{outcome:?}"
        );
        apply_each::<M>(&mut conn, &[created(20), updated(2, 25)]);
        if M::GAP == Gap::Nack {
            apply_each::<M>(&mut conn, &[deleted(3)]);
        }
    }
    assert_eq!(row(&mut conn), None);
}
for_each_replica!(d07_a_deletion_before_anything_else remembers deletions);

/// Applies an event as a consumer of a broker would: again after a gap, for a while.
fn consume<M: Replica>(event: &Event<M>, conn: &mut Conn) -> Outcome {
    for _ in 0..10_000 {
        match M::apply(event, conn) {
            Ok(Outcome::Gap { .. }) => thread::yield_now(),
            Ok(outcome) => return outcome,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("the event before version {} never came", event.version);
}

fn d08_two_consumers_of_the_same_event<M: Replica>() {
    let (db, mut conn) = replica();
    for round in 0..20 {
        let id = 100 + round;
        let barrier = Barrier::new(2);
        let outcomes: Vec<Outcome> = thread::scope(|scope| {
            let consumers: Vec<_> = (0..2)
                .map(|_| {
                    let mut conn = db.connect();
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        let first = M::apply(&event(Op::Created, id, 1, 10), &mut conn).unwrap();
                        let second = consume::<M>(&event(Op::Updated, id, 2, 20), &mut conn);
                        [first, second]
                    })
                })
                .collect();
            consumers
                .into_iter()
                .flat_map(|consumer| consumer.join().unwrap())
                .collect()
        });
        let applied = outcomes
            .iter()
            .filter(|outcome| **outcome == Outcome::Applied)
            .count();
        assert_eq!(applied, 2, "each event once: {outcomes:?}");
        let duplicates = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Duplicate { .. }))
            .count();
        assert_eq!(duplicates, 2, "{outcomes:?}");
        let row: Row = copies::table.find(id).first(&mut conn).unwrap();
        assert_eq!(row, (id, 20, 2, None));
    }
}
for_each_replica!(d08_two_consumers_of_the_same_event);

fn d08_an_event_and_its_successor_at_the_same_time<M: Replica>() {
    let (db, mut conn) = replica();
    for round in 0..20 {
        let id = 100 + round;
        apply_each::<M>(&mut conn, &[event(Op::Created, id, 1, 10)]);
        let barrier = Barrier::new(2);
        thread::scope(|scope| {
            for version in [2, 3] {
                let mut conn = db.connect();
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    let outcome =
                        consume::<M>(&event(Op::Updated, id, version, version * 10), &mut conn);
                    assert!(outcome.should_ack());
                });
            }
        });
        let row: Row = copies::table.find(id).first(&mut conn).unwrap();
        assert_eq!(row, (id, 30, 3, None));
        assert_eq!(parked(&mut conn), 0);
    }
}
for_each_replica!(d08_an_event_and_its_successor_at_the_same_time);

diesel::table! {
    effects {
        id -> BigInt,
        version -> BigInt,
    }
}

/// Whether an event was applied is counted without a unique key: twice would be two rows.
fn note_effect<M: Replica>(conn: &mut Conn, event: &Event<M>) -> Result<(), Error> {
    diesel::insert_into(effects::table)
        .values((effects::id.eq(7), effects::version.eq(event.version)))
        .execute(conn)?;
    Ok(())
}

const EFFECTS: &str = "CREATE TABLE effects (id BIGINT NOT NULL, version BIGINT NOT NULL)";

fn d09_a_rolled_back_event_is_applied_when_it_comes_again<M: Replica>() {
    use diesel::connection::SimpleConnection as _;

    let (_db, mut conn) = replica();
    conn.batch_execute(EFFECTS).unwrap();
    apply_each::<M>(&mut conn, &[created(20)]);
    // The consumer's own transaction.
    let rolled_back = conn.transaction(|conn| {
        assert_eq!(M::apply(&updated(2, 25), conn)?, Outcome::Applied);
        Err::<(), _>(Error::other("the consumer crashed before its commit"))
    });
    assert!(matches!(rolled_back, Err(Error::Other(_))));
    assert_eq!(row(&mut conn), at(20, 1));
    // The closure's failure.
    let failed = M::apply_with(&updated(2, 25), &mut conn, |conn, event| {
        note_effect(conn, event)?;
        Err(Error::other("no"))
    });
    assert!(matches!(failed, Err(Error::Other(_))), "{failed:?}");
    assert_eq!(row(&mut conn), at(20, 1));
    // Delivered again, and again after a crash between commit and ack.
    assert_eq!(
        M::apply_with(&updated(2, 25), &mut conn, note_effect::<M>).unwrap(),
        Outcome::Applied
    );
    assert_eq!(
        M::apply_with(&updated(2, 25), &mut conn, note_effect::<M>).unwrap(),
        Outcome::Duplicate { current: 2 }
    );
    assert_eq!(row(&mut conn), at(25, 2));
    assert_eq!(
        effects::table
            .select(effects::version)
            .load::<i64>(&mut conn)
            .unwrap(),
        [2]
    );
}
for_each_replica!(d09_a_rolled_back_event_is_applied_when_it_comes_again);

fn apply_with_runs_for_parked_events_too<M: Replica>() {
    use diesel::connection::SimpleConnection as _;

    let (_db, mut conn) = replica();
    conn.batch_execute(EFFECTS).unwrap();
    for version in [4, 2, 3] {
        let outcome =
            M::apply_with(&updated(version, 10 * version), &mut conn, note_effect::<M>).unwrap();
        assert_eq!(outcome, Outcome::Parked);
    }
    assert_eq!(
        M::apply_with(&created(10), &mut conn, note_effect::<M>).unwrap(),
        Outcome::Applied
    );
    assert_eq!(row(&mut conn), at(40, 4));
    assert_eq!(
        effects::table
            .select(effects::version)
            .load::<i64>(&mut conn)
            .unwrap(),
        [1, 2, 3, 4]
    );
    assert_eq!(parked(&mut conn), 0);
}
for_each_replica!(apply_with_runs_for_parked_events_too: sequential_park SequentialPark);

/// A snapshot jumps over parked events; they are dropped, and do not stop those behind them.
fn a_snapshot_supersedes_parked_events<M: Replica>() {
    let (_db, mut conn) = replica();
    for version in [3, 6] {
        assert_eq!(
            M::apply(&updated(version, 10 * version), &mut conn).unwrap(),
            Outcome::Parked
        );
    }
    assert_eq!(
        M::apply(&event(Op::Snapshot, 7, 5, 50), &mut conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(row(&mut conn), at(60, 6));
    assert_eq!(parked(&mut conn), 0);
}
for_each_replica!(a_snapshot_supersedes_parked_events: sequential_park SequentialPark);

fn d10_a_batch_is_applied_in_order_and_answered_in_its_own<M: Replica>() {
    let (_db, mut conn) = replica();
    apply_each::<M>(&mut conn, &[created(10), updated(2, 20)]);
    let batch = [
        updated::<M>(5, 50),
        updated(3, 30),
        updated(4, 40),
        updated(4, 40),
    ];
    let outcomes = M::apply_all(&batch, &mut conn).unwrap();
    if M::POLICY == Policy::Latest {
        // The newest event has the whole record; the others are superseded before they are looked at.
        assert_eq!(outcomes[0], Outcome::Applied);
        assert_eq!(outcomes[1..], [Outcome::Duplicate { current: 5 }; 3]);
    } else {
        assert_eq!(outcomes[..3], [Outcome::Applied; 3]);
        assert_eq!(outcomes[3], Outcome::Duplicate { current: 4 });
    }
    assert_eq!(row(&mut conn), at(50, 5));

    let outcomes = M::apply_all(&[updated::<M>(8, 80), updated(6, 60)], &mut conn).unwrap();
    let late = match (M::POLICY, M::GAP) {
        (Policy::Latest, _) => Outcome::Applied,
        (Policy::Sequential, Gap::Nack) => Outcome::Gap {
            current: 6,
            received: 8,
        },
        (Policy::Sequential, Gap::Park) => Outcome::Parked,
    };
    let early = if M::POLICY == Policy::Latest {
        Outcome::Duplicate { current: 8 }
    } else {
        Outcome::Applied
    };
    assert_eq!(outcomes, [late, early]);
    assert_eq!(
        row(&mut conn),
        if M::POLICY == Policy::Latest {
            at(80, 8)
        } else {
            at(60, 6)
        }
    );
}
for_each_replica!(d10_a_batch_is_applied_in_order_and_answered_in_its_own);

/// What the replica adds for itself is not in the event, and not undone by it.
fn a_column_of_the_replicas_own_stays<M: Replica>() {
    let (_db, mut conn) = replica();
    apply_each::<M>(&mut conn, &[created(10)]);
    diesel::update(copies::table.find(7))
        .set(copies::remark.eq("mine"))
        .execute(&mut conn)
        .unwrap();
    apply_each::<M>(&mut conn, &[updated(2, 20)]);
    assert_eq!(row(&mut conn), Some((7, 20, 2, Some("mine".into()))));
}
for_each_replica!(a_column_of_the_replicas_own_stays);

fn the_row_before_an_event_can_be_found<M: Replica>() {
    let (_db, mut conn) = replica();
    assert!(
        M::find_by_event(&created(10), &mut conn)
            .optional()
            .unwrap()
            .is_none()
    );
    apply_each::<M>(&mut conn, &[created(10), updated(2, 20)]);
    assert_eq!(
        M::find_by_event(&updated(3, 30), &mut conn)
            .unwrap()
            .facts(),
        (7, 20, 2)
    );
    for other in [updated::<M>(2, 20), updated(4, 40)] {
        assert!(
            M::find_by_event(&other, &mut conn)
                .optional()
                .unwrap()
                .is_none()
        );
    }
}
for_each_replica!(the_row_before_an_event_can_be_found);

/// Many events (more than a chunk of PostgreSQL's), some of them older, doubled or deletions: the same rows as one by one.
fn many_events_at_once<M: Replica>() {
    let (_db, mut conn) = replica();
    let mut events = Vec::new();
    let records = if backend::NAME == "postgres" {
        2_500
    } else {
        500
    };
    for id in 1..=records {
        for version in [3, 1, 2, 2] {
            let op = match version {
                1 => Op::Created,
                3 if id % 5 == 0 && M::GUARD == Guard::Position => Op::Deleted,
                _ => Op::Updated,
            };
            events.push(event::<M>(op, id, version, id * 10 + version));
        }
    }
    let outcomes = M::apply_all(&events, &mut conn).unwrap();
    assert_eq!(outcomes.len(), events.len());
    assert!(outcomes.iter().all(|outcome| outcome.should_ack()));
    let rows: Vec<(i64, i64, i64)> = copies::table
        .select((copies::id, copies::price, copies::version))
        .order(copies::id)
        .load(&mut conn)
        .unwrap();
    let expected: Vec<(i64, i64, i64)> = (1..=records)
        .filter(|id| id % 5 != 0 || M::GUARD == Guard::Row)
        .map(|id| (id, id * 10 + 3, 3))
        .collect();
    assert_eq!(rows, expected);
    let again = M::apply_all(&events, &mut conn).unwrap();
    assert!(
        again
            .iter()
            .all(|outcome| *outcome == Outcome::Duplicate { current: 3 })
    );
}
for_each_replica!(many_events_at_once: latest_position LatestPosition, latest_row LatestRow, sequential_position SequentialPosition);

/// A batch that comes late: nothing of it is written, the newer row and the deletion stay.
fn a_late_batch_changes_nothing<M: Replica>() {
    let (_db, mut conn) = replica();
    let snapshot = |id, version| event::<M>(Op::Snapshot, id, version, version * 10);
    apply_each::<M>(&mut conn, &[snapshot(7, 5), snapshot(8, 5)]);
    if M::GUARD == Guard::Position {
        apply_each::<M>(&mut conn, &[event(Op::Deleted, 8, 6, 0)]);
    }
    let late = [snapshot(8, 4), updated(4, 99), event(Op::Updated, 9, 1, 10)];
    let outcomes = M::apply_all(&late, &mut conn).unwrap();
    let of_8 = if M::GUARD == Guard::Position { 6 } else { 5 };
    assert_eq!(outcomes[0], Outcome::Duplicate { current: of_8 });
    assert_eq!(outcomes[1], Outcome::Duplicate { current: 5 });
    assert_eq!(outcomes[2], Outcome::Applied);
    assert_eq!(row(&mut conn), at(50, 5));
    let deleted = copies::table
        .find(8)
        .first::<Row>(&mut conn)
        .optional()
        .unwrap();
    assert_eq!(deleted.is_none(), M::GUARD == Guard::Position);
    if M::GUARD == Guard::Position {
        let late = [
            event::<M>(Op::Deleted, 7, 4, 0),
            event(Op::Deleted, 9, 2, 0),
        ];
        let outcomes = M::apply_all(&late, &mut conn).unwrap();
        assert_eq!(
            outcomes,
            [Outcome::Duplicate { current: 5 }, Outcome::Applied]
        );
        assert_eq!(row(&mut conn), at(50, 5));
    }
    // Two of one record.
    let outcomes = M::apply_all(&[updated::<M>(3, 99), updated(4, 99)], &mut conn).unwrap();
    assert_eq!(outcomes, [Outcome::Duplicate { current: 5 }; 2]);
    assert_eq!(row(&mut conn), at(50, 5));
}
for_each_replica!(a_late_batch_changes_nothing);

/// One bad event, and none of the others is applied.
fn a_batch_with_a_bad_event_writes_nothing<M: Replica>() {
    let (_db, mut conn) = replica();
    let bad = Event {
        key: "8".into(),
        ..updated::<M>(2, 20)
    };
    assert!(matches!(
        M::apply_all(&[created(10), bad], &mut conn),
        Err(Error::Event(_))
    ));
    assert_eq!(row(&mut conn), None);
    assert_eq!(M::apply_all(&[], &mut conn).unwrap(), []);
}
for_each_replica!(a_batch_with_a_bad_event_writes_nothing);

/// Those that apply the same records in other orders take their locks in the same one. In a transaction of the caller's
/// a deadlock is not tried again: there must be none.
fn batches_over_the_same_records_never_deadlock<M: Replica>() {
    let (db, mut conn) = replica();
    let all = |version| -> Vec<Event<M>> {
        (1..=300)
            .map(|id| event(Op::Snapshot, id, version, version))
            .collect()
    };
    M::apply_all(&all(1), &mut conn).unwrap();
    thread::scope(|scope| {
        for consumer in 0..4 {
            let mut conn = db.connect();
            scope.spawn(move || {
                for version in 2..=6 {
                    let mut events = all(version);
                    if consumer % 2 == 0 {
                        events.reverse();
                    }
                    let outcomes = conn.transaction(|conn| M::apply_all(&events, conn));
                    assert_eq!(outcomes.unwrap().len(), 300);
                }
            });
        }
    });
    let behind = copies::table.filter(copies::version.ne(6)).count();
    assert_eq!(behind.get_result::<i64>(&mut conn).unwrap(), 0);
    assert_eq!(
        copies::table.count().get_result::<i64>(&mut conn).unwrap(),
        300
    );
}
for_each_replica!(batches_over_the_same_records_never_deadlock);
