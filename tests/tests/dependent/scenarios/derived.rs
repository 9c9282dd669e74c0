//! Deletions of sources that spend no version on them.

use versioned_core::EventError;

use super::*;

fn derived<M: Replica>(version: i64) -> Event<M> {
    event(Op::DeletedAt, 7, version, 0)
}

fn snapshot<M: Replica>(version: i64, price: i64) -> Event<M> {
    event(Op::Snapshot, 7, version, price)
}

/// It deletes the row at its version, and nothing up to that version brings the row back.
fn a_derived_deletion_deletes_at_its_version<M: Replica + std::fmt::Debug>() {
    let (_db, mut conn) = replica();
    apply_each::<M>(&mut conn, &[created(10), updated(2, 20)]);
    assert_eq!(M::apply(&derived(2), &mut conn).unwrap(), Outcome::Applied);
    assert_eq!(row(&mut conn), None);
    let current = 2;
    for late in [
        created(10),
        updated(2, 20),
        derived(2),
        derived(1),
        snapshot(2, 20),
        snapshot(1, 10),
    ] {
        let outcome = M::apply(&late, &mut conn).unwrap();
        assert_eq!(outcome, Outcome::Duplicate { current }, "{late:?}");
        let outcomes = M::apply_all(std::slice::from_ref(&late), &mut conn).unwrap();
        assert_eq!(outcomes, [Outcome::Duplicate { current }], "{late:?}");
        assert_eq!(row(&mut conn), None, "{late:?}");
    }
    // The record is created again at the next version.
    assert_eq!(
        M::apply(&event(Op::Created, 7, 3, 30), &mut conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(row(&mut conn), at(30, 3));
    let outcome = M::apply(&derived(2), &mut conn).unwrap();
    assert_eq!(outcome, Outcome::Duplicate { current: 3 });
    assert_eq!(row(&mut conn), at(30, 3));
    // A snapshot repeats the version of a live record only.
    assert_eq!(
        M::apply(&snapshot(3, 33), &mut conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(
        M::apply(&snapshot(3, 34), &mut conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(row(&mut conn), at(34, 3));
}
for_each_replica!(a_derived_deletion_deletes_at_its_version remembers deletions);

/// One UPDATE of the source that travels as a deletion and a creation of one key, in both orders.
fn an_update_may_travel_as_a_deletion_and_a_creation<M: Replica + std::fmt::Debug>() {
    let pair = [derived(1), event(Op::Created, 7, 2, 20)];
    let swapped = [pair[1].clone(), pair[0].clone()];
    for (events, answers) in [
        (pair, [Outcome::Applied, Outcome::Applied]),
        (
            swapped,
            [Outcome::Applied, Outcome::Duplicate { current: 2 }],
        ),
    ] {
        let (_db, mut conn) = replica();
        apply_each::<M>(&mut conn, &[created(10)]);
        for (event, answer) in events.iter().zip(answers) {
            assert_eq!(M::apply(event, &mut conn).unwrap(), answer);
        }
        assert_eq!(row(&mut conn), at(20, 2));
        let (_db, mut conn) = replica();
        apply_each::<M>(&mut conn, &[created(10)]);
        M::apply_all(&events, &mut conn).unwrap();
        assert_eq!(row(&mut conn), at(20, 2));
    }
}
for_each_replica!(an_update_may_travel_as_a_deletion_and_a_creation remembers deletions);

/// A sequential replica waits for the version that is deleted; any other remembers the deletion.
fn an_early_derived_deletion_waits<M: Replica + std::fmt::Debug>() {
    let (_db, mut conn) = replica();
    apply_each::<M>(&mut conn, &[created(10)]);
    let outcome = M::apply(&derived(2), &mut conn).unwrap();
    let expected = match (M::POLICY, M::GAP) {
        (Policy::Latest, _) => Outcome::Applied,
        (_, Gap::Park) => Outcome::Parked,
        (_, Gap::Nack) => Outcome::Gap {
            current: 1,
            received: 2,
        },
    };
    assert_eq!(outcome, expected);
    let outcome = M::apply(&updated(2, 20), &mut conn).unwrap();
    let expected = match M::POLICY {
        Policy::Latest => Outcome::Duplicate { current: 2 },
        Policy::Sequential => Outcome::Applied,
    };
    assert_eq!(outcome, expected);
    if M::GAP == Gap::Nack {
        assert!(M::apply(&derived(2), &mut conn).unwrap().should_ack());
    }
    assert_eq!(row(&mut conn), None);
    assert_eq!(
        M::apply(&derived(2), &mut conn).unwrap(),
        Outcome::Duplicate { current: 2 }
    );
}
for_each_replica!(an_early_derived_deletion_waits remembers deletions);

/// A parked deletion without a version of its own, and the event that supersedes it, in both orders.
fn a_parked_event_supersedes_a_parked_derived_deletion<M: Replica + std::fmt::Debug>() {
    let pair = [derived(2), updated(3, 30)];
    let swapped = [pair[1].clone(), pair[0].clone()];
    for events in [pair, swapped] {
        let (_db, mut conn) = replica();
        for event in &events {
            assert_eq!(M::apply(event, &mut conn).unwrap(), Outcome::Parked);
        }
        apply_each::<M>(&mut conn, &[created(10), updated(2, 20)]);
        assert_eq!(row(&mut conn), at(30, 3));
        let parked = "SELECT count(*) FROM versioned_parked";
        let parked: i64 = diesel::dsl::sql::<diesel::sql_types::BigInt>(parked)
            .get_result(&mut conn)
            .unwrap();
        assert_eq!(parked, 0);
    }
}
for_each_replica!(a_parked_event_supersedes_a_parked_derived_deletion: sequential_park SequentialPark);

/// It ends the record for good, whatever comes later.
fn a_final_deletion_is_for_good<M: Replica + std::fmt::Debug>() {
    let forever = event::<M>(Op::DeletedForever, 7, i64::MAX, 0);
    for known in [false, true] {
        for batched in [false, true] {
            let (_db, mut conn) = replica();
            if known {
                apply_each::<M>(&mut conn, &[created(10)]);
            }
            let outcome = if batched {
                M::apply_all(std::slice::from_ref(&forever), &mut conn).unwrap()[0]
            } else {
                M::apply(&forever, &mut conn).unwrap()
            };
            assert_eq!(outcome, Outcome::Applied);
            let current = i64::MAX;
            for late in [
                created(10),
                updated(2, 20),
                snapshot(9, 90),
                derived(9),
                forever.clone(),
            ] {
                let outcome = M::apply(&late, &mut conn).unwrap();
                assert_eq!(outcome, Outcome::Duplicate { current }, "{late:?}");
                assert_eq!(row(&mut conn), None);
            }
        }
    }
    // It has no other version.
    let (_db, mut conn) = replica();
    let error = M::apply(&event(Op::DeletedForever, 7, 3, 0), &mut conn).unwrap_err();
    assert!(
        matches!(error, Error::Event(EventError::Version { received: 3 })),
        "{error:?}"
    );
}
for_each_replica!(a_final_deletion_is_for_good remembers deletions);

/// A replica that is its own guard cannot remember them.
fn a_row_cannot_remember_them<M: Replica + std::fmt::Debug>() {
    let (_db, mut conn) = replica();
    apply_each::<M>(&mut conn, &[created(10)]);
    for deletion in [derived(1), event(Op::DeletedForever, 7, i64::MAX, 0)] {
        let error = M::apply(&deletion, &mut conn).unwrap_err();
        assert!(
            matches!(error, Error::Event(EventError::Deletion)),
            "{error:?}"
        );
    }
    assert_eq!(row(&mut conn), at(10, 1));
}
for_each_replica!(a_row_cannot_remember_them: sequential_row SequentialRow, latest_row LatestRow);
