//! The result of each letter.

use versioned_core::model::Policy;
use versioned_core::requests::Filter;
use versioned_core::{Outcome, dead_letters, positions};

use super::*;

/// Letters that are chosen out of order never move a position back, and each one is applied at its turn at last.
fn letters_out_of_order<M>()
where
    M: Dependent<Backend> + FromJson,
{
    let orders: &[[&[i64]; 3]] = &[
        [&[5], &[4, 5], &[5, 3]],
        [&[5], &[5, 3], &[4, 5]],
        [&[4, 5], &[5], &[5, 3]],
        [&[4, 5], &[5, 3], &[5]],
        [&[5, 3], &[5], &[4, 5]],
        [&[5, 3], &[4, 5], &[5]],
    ];
    for order in orders {
        let (_db, mut conn) = replica();
        let conn = &mut conn;
        // The ids are the versions.
        keep((1..=5).map(|version| Letter::of(7, version)), conn);
        let first = served::<M>(&redrive(Filter::new().ids([2, 1])), conn);
        assert_eq!(first.counts.applied, 2, "{first}");
        let mut last = 2;
        for ids in order {
            let request = served::<M>(&redrive(Filter::new().ids(ids.iter().copied())), conn);
            assert_eq!(request.state, RequestState::Done);
            assert_eq!(request.counts.failed, 0, "{order:?} {ids:?}: {request}");
            let (_, now) = versions(conn)[0];
            assert!(now >= last, "{order:?} {ids:?}: {last} to {now}");
            let expected = match (M::POLICY, *ids) {
                (Policy::Latest, _) => 5,
                // With `gap = "park"`, 4 and 5 follow as soon as 3 is there.
                (_, [5, 3]) if last == 2 && now > 3 => now,
                (_, [5, 3]) => last.max(3),
                (_, [4, 5]) if last >= 3 => 5,
                _ => last,
            };
            assert_eq!(
                now,
                expected,
                "{order:?} {ids:?}: {:?}",
                results(&request, conn)
            );
            last = now;
        }
        let rest = served::<M>(&all(), conn);
        assert_eq!(rest.state, RequestState::Done, "{rest}");
        assert_eq!(versions(conn), [(7, 5)], "{order:?}");
        assert_eq!(letters_left(conn), 0, "{order:?}");
    }
}

mod letters_chosen_out_of_order {
    #[test]
    fn sequential() {
        super::letters_out_of_order::<super::Copy>();
    }

    #[test]
    fn park() {
        super::letters_out_of_order::<super::Parking>();
    }

    #[test]
    fn latest() {
        super::letters_out_of_order::<super::Latest>();
    }
}

/// A result for each, whatever became of its letter since the request was stored.
#[test]
fn each_letter_has_its_result() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    let bad = Letter {
        body: "no event".to_owned(),
        ..Letter::of(6, 1)
    };
    let of_no_record = Letter {
        key: String::new(),
        body: "hex:00ff".to_owned(),
        ..Letter::of(0, 0)
    };
    keep(
        [
            Letter::of(1, 1), // 1: is applied
            Letter::of(2, 4), // 2: a snapshot is newer
            Letter::of(3, 2), // 3: waits
            Letter::of(4, 1), // 4: is forgotten
            Letter::of(5, 1), // 5: is discarded
            bad,              // 6: fails
            of_no_record,     // 7: fails
            Letter::of(8, 1), // 8: something else applies it
        ],
        conn,
    );
    let request = front::store(&all(), conn).unwrap();
    let snapshot = Copy {
        id: 2,
        price: 9,
        version: 9,
    };
    let snapshot = Event::new(Op::Snapshot, "tickets", "2", 9, Some(snapshot));
    assert_eq!(Copy::apply(&snapshot, conn).unwrap(), Outcome::Applied);
    positions::forget::<Copy, _>(&4, conn).unwrap();
    assert!(dead_letters::discard::<Copy, _>(5, conn).unwrap());
    let event: Event<Copy> = serde_json::from_str(&body(8, 1)).unwrap();
    assert_eq!(Copy::apply(&event, conn).unwrap(), Outcome::Applied);
    assert!(dead_letters::discard::<Copy, _>(8, conn).unwrap());
    serve::<Copy>(conn);
    let request = front::find(request.id, conn).unwrap().unwrap();
    use ItemOutcome::{Applied, Failed, Forgotten, Superseded, Waiting};
    let expected = [
        (1, Applied),
        (2, Superseded),
        (3, Waiting),
        (4, Forgotten),
        (5, Forgotten),
        (6, Failed),
        (7, Failed),
        (8, Superseded),
    ];
    assert_eq!(results(&request, conn), expected);
    assert_eq!(request.state, RequestState::Done);
    assert_eq!(
        request.counts.to_string(),
        "1 applied, 2 superseded, 1 waiting, 2 failed, 2 forgotten"
    );
    let failed = &front::results(request.id, 5, 1, conn).unwrap()[0];
    assert_eq!((failed.key.as_deref(), failed.version), (Some("6"), 1));
    assert!(failed.error.is_some() && failed.at.is_some(), "{failed:?}");
    // The row of the snapshot is unchanged.
    let price: i64 = copies::table
        .find(2)
        .select(copies::price)
        .first(conn)
        .unwrap();
    assert_eq!(price, 9);
    let left = dead_letters::list::<Copy, _>(0, 100, conn).unwrap();
    let left: Vec<i64> = left.iter().map(|letter| letter.id).collect();
    assert_eq!(left, [3, 6, 7]);
    // Once more is harmless.
    let again = served::<Copy>(&redrive(Filter::new().ids(1..=8)).canary(0), conn);
    assert_eq!(again.chosen, 3);
    assert_eq!(again.counts.to_string(), "1 waiting, 2 failed");
}

/// One bad letter does not hold up the others.
#[test]
fn one_bad_letter_of_a_hundred_leaves_ninety_nine_applied() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    let letter = |id: i64| match id {
        2 => Letter {
            body: "no event".to_owned(),
            ..Letter::of(id, 1)
        },
        _ => Letter::of(id, 1),
    };
    keep((1..=100).map(letter), conn);
    let request = served::<Copy>(&all(), conn);
    assert_eq!(request.counts.to_string(), "99 applied, 1 failed");
    assert_eq!(versions(conn).len(), 99);
}

#[test]
fn a_request_that_is_canceled_does_not_go_on() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    keep((1..=3).map(|version| Letter::of(1, version)), conn);
    let request = front::store(
        &all()
            .rate(1)
            .requested_by("alice")
            .reason("after the outage"),
        conn,
    )
    .unwrap();
    assert_eq!(request.requested_by.as_deref(), Some("alice"));
    assert_eq!(request.reason.as_deref(), Some("after the outage"));
    assert_eq!(request.last_at, None);
    // The first one, and then a pause of a second. A slow machine gets farther.
    assert!(front::execute::<Copy>(conn).unwrap().is_some() || versions(conn) == [(1, 3)]);
    let begun = front::find(request.id, conn).unwrap().unwrap();
    assert!(begun.last_at.is_some());
    let is_open = begun.state == RequestState::Open;
    assert_eq!(front::cancel(request.id, conn).unwrap(), is_open);
    assert!(!front::cancel(request.id, conn).unwrap());
    assert!(!front::cancel(4_711, conn).unwrap());
    serve::<Copy>(conn);
    let canceled = front::find(request.id, conn).unwrap().unwrap();
    assert_eq!(canceled.counts, begun.counts);
    let state = if is_open {
        RequestState::Canceled
    } else {
        RequestState::Done
    };
    assert_eq!(canceled.state, state);
    let listed = front::list(0, 10, conn).unwrap();
    assert_eq!(listed, [canceled]);
    assert_eq!(front::list(request.id, 10, conn).unwrap(), []);
    assert_eq!(front::find(4_711, conn).unwrap(), None);
}
