//! What a comparison says of each state of a record.

use versioned_core::compare;
use versioned_core::{Error, EventError, Op, positions};

use super::*;

#[test]
fn a_replica_equals_its_owner() {
    let mut pair = Pair::with(1..=5);
    pair.save(2);
    pair.save(2);
    pair.delete(3);
    pair.relay();
    // Fields that no event writes are the replica's own.
    at_replica(&mut pair, "UPDATE copies SET seen = 9 WHERE id = 1");
    let compared = pair.compare();
    assert_eq!(found(&compared), []);
    assert_eq!((compared.equal, compared.records()), (4, 4));
    assert!(compared.is_equal(), "{compared}");
}

#[test]
fn nothing_compared_is_not_equal() {
    let mut pair = Pair::new();
    let compared = pair.compare();
    assert_eq!((compared.records(), compared.is_equal()), (0, false));

    let mut pair = Pair::with(1..=2);
    let compared = pair.run(&at_once().holds(|_| false));
    // The replica should not have them.
    assert_eq!(
        found(&compared),
        expected(&[(1, Verdict::Extra), (2, Verdict::Extra)])
    );
    at_replica(&mut pair, "DELETE FROM copies");
    let compared = pair.run(&at_once().holds(|_| false));
    assert_eq!((compared.records(), compared.is_equal()), (0, false));
}

#[test]
fn each_state_has_its_verdict() {
    let mut pair = Pair::with(1..=14);
    // 1 and 4: equal. 2: an event is lost. 3: a deletion is lost. 20: a new record is lost.
    pair.save(2);
    pair.delete(3);
    pair.insert(20);
    pair.lose();
    // 5: the owner was restored. 6, 7 and 8: damaged. 9: no row. 10: neither row nor position.
    at_owner(&mut pair, "UPDATE tickets SET version = 0 WHERE id = 5");
    at_replica(&mut pair, "UPDATE copies SET title = 'x' WHERE id = 6");
    at_replica(&mut pair, "UPDATE copies SET note = 'NULL' WHERE id = 7");
    at_replica(
        &mut pair,
        "UPDATE copies SET title = 'sho', note = 'w 8' WHERE id = 8",
    );
    at_replica(&mut pair, "DELETE FROM copies WHERE id IN (9, 10)");
    at_replica(
        &mut pair,
        &format!("DELETE FROM versioned_positions WHERE {KEY} = '10'"),
    );
    // 11: the owner does not know it.
    at_owner(&mut pair, "DELETE FROM tickets WHERE id = 11");
    // 12: the row was moved back by hand.
    pair.save(12);
    pair.relay();
    at_replica(&mut pair, "UPDATE copies SET version = 1 WHERE id = 12");
    // 13: forgotten. 14: the replica has a deletion at the owner's version.
    positions::forget::<Copy, _>(&13, &mut pair.replica).unwrap();
    let deleted = Event::new(Op::Snapshot, "tickets", "14", 1, None);
    assert_eq!(
        Copy::apply(&deleted, &mut pair.replica).unwrap(),
        Outcome::Applied
    );

    let compared = pair.compare();
    let expected = expected(&[
        (2, Verdict::Behind),
        (3, Verdict::Behind),
        (5, Verdict::Ahead),
        (6, Verdict::Different),
        (7, Verdict::Different),
        (8, Verdict::Different),
        (9, Verdict::Missing),
        (10, Verdict::Missing),
        (11, Verdict::Extra),
        (12, Verdict::Different),
        (14, Verdict::Different),
        (20, Verdict::Missing),
    ]);
    assert_eq!(found(&compared), expected);
    assert_eq!(
        (compared.equal, compared.forgotten, compared.unsettled),
        (2, 1, 0)
    );
    assert_eq!(compared.records(), 14);
    let of = |key: &str| {
        let one = compared
            .differences
            .iter()
            .find(|one| one.key == key)
            .unwrap();
        (one.owner, one.replica, one.reason.as_deref())
    };
    assert_eq!(of("2"), (Some(2), Some(1), None));
    assert_eq!(
        of("3"),
        (Some(2), Some(1), None),
        "the deletion has version 2"
    );
    assert_eq!(of("9"), (Some(1), Some(1), None));
    assert_eq!(of("10"), (Some(1), None, None));
    assert_eq!(of("11"), (None, Some(1), None));
    let reason = "the replica's position is at version 2";
    assert_eq!(of("12"), (Some(2), Some(1), Some(reason)));
    assert_eq!(
        of("14").2,
        Some("the replica has it as deleted, until its next version")
    );

    // What the owner sends again is repaired.
    let keys: Vec<String> = compared.to_resend().map(str::to_owned).collect();
    assert_eq!(
        front::resend::<Ticket, _>(&keys, &mut pair.owner).unwrap(),
        10
    );
    pair.relay();
    let rest = pair.compare();
    let left = [
        (5, Verdict::Ahead),
        (11, Verdict::Extra),
        (14, Verdict::Different),
    ];
    assert_eq!(found(&rest), super::expected(&left));
    pair.save(14);
    pair.relay();
    let left = [(5, Verdict::Ahead), (11, Verdict::Extra)];
    assert_eq!(found(&pair.compare()), super::expected(&left));

    // A row that the owner does not know is removed by a snapshot without data, at its version.
    let removed = Event::new(Op::Snapshot, "tickets", "11", 1, None);
    assert_eq!(
        Copy::apply(&removed, &mut pair.replica).unwrap(),
        Outcome::Applied
    );
    assert_eq!(found(&pair.compare()), super::expected(&left[..1]));
}

/// The deletion of a record that the owner has forgotten cannot be sent again.
#[test]
fn a_deletion_that_was_purged_leaves_an_extra_row() {
    let mut pair = Pair::with(1..=2);
    pair.delete(1);
    pair.lose();
    assert_eq!(found(&pair.compare()), expected(&[(1, Verdict::Behind)]));
    at_owner(&mut pair, "DELETE FROM versioned_positions");
    assert_eq!(found(&pair.compare()), expected(&[(1, Verdict::Extra)]));
    let keys = ["1".to_owned(), "no number".to_owned()];
    assert_eq!(
        front::resend::<Ticket, _>(&keys, &mut pair.owner).unwrap(),
        0
    );
}

/// A replica may hold a part of the records, and compare as it likes.
#[test]
fn only_what_the_replica_should_hold_is_compared() {
    let mut pair = Pair::with(1..=6);
    at_replica(&mut pair, "DELETE FROM copies WHERE id > 3");
    let cheap = |most: i64| {
        move |state: &compare::State| {
            let data: serde_json::Value = state.data().unwrap().unwrap();
            data["price"].as_i64().unwrap() <= most
        }
    };
    let compared = pair.run(&at_once().holds(cheap(30)));
    assert_eq!((compared.equal, compared.is_equal()), (3, true));
    assert_eq!((compared.not_held, compared.records()), (3, 3));
    let said = "3 records compared: 3 equal, 0 behind, 0 ahead, 0 different, 0 missing, 0 extra, \
        0 unsettled; 0 forgotten, 3 not held";
    assert_eq!(compared.to_string(), said);
    let compared = pair.run(&at_once().holds(cheap(20)));
    assert_eq!(found(&compared), expected(&[(3, Verdict::Extra)]));

    at_replica(&mut pair, "UPDATE copies SET note = 'of ours' WHERE id = 1");
    let comparison = Comparison::<Copy>::by(|owner, replica| owner.title == replica.title);
    let compared = pair.run(&comparison.settle(Duration::ZERO).holds(cheap(30)));
    assert!(compared.is_equal(), "{compared}");
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "tickets", guard = "row", policy = "latest")]
struct Guarding {
    id: i64,
    title: String,
    version: i64,
}

/// It has no positions.
#[test]
fn a_replica_whose_rows_are_the_guard() {
    let mut pair = Pair::with(1..=5);
    at_replica(&mut pair, "DELETE FROM versioned_positions");
    pair.save(2);
    pair.lose();
    at_replica(&mut pair, "UPDATE copies SET title = 'x' WHERE id = 3");
    at_replica(&mut pair, "DELETE FROM copies WHERE id = 4");
    at_owner(&mut pair, "DELETE FROM tickets WHERE id = 5");
    let compared = pair.run(&Comparison::<Guarding>::new().settle(Duration::ZERO));
    let differences = [
        (2, Verdict::Behind),
        (3, Verdict::Different),
        (4, Verdict::Missing),
        (5, Verdict::Extra),
    ];
    assert_eq!(found(&compared), expected(&differences));
    assert_eq!((compared.equal, compared.forgotten), (1, 0));
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "tickets")]
struct Unread {
    id: i64,
    /// The owner does not send it.
    #[serde(rename = "heading")]
    title: String,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "shows")]
struct Show {
    id: i64,
    version: i64,
}

#[test]
fn what_cannot_be_compared_is_said() {
    let mut pair = Pair::with(1..=1);
    let compared = pair.run(&Comparison::<Unread>::new().settle(Duration::ZERO));
    assert_eq!(found(&compared), expected(&[(1, Verdict::Different)]));
    let reason = compared.differences[0].reason.as_deref().unwrap();
    assert!(
        reason.starts_with("the owner's data cannot be read: missing field `heading`"),
        "{reason}"
    );

    // The owner of another entity.
    let Pair { owner, replica, .. } = &mut pair;
    let shows = Comparison::<Show>::new();
    let refused = front::compare(&shows, |question| asked(&question, owner), replica);
    let Err(Error::Event(EventError::Entity { expected, received })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((expected, received.as_str()), ("shows", "tickets"));

    // An owner that is away.
    let refused = front::compare(&at_once(), |_| Err(Error::other("it is away")), replica);
    assert!(matches!(refused, Err(Error::Other(error)) if error.to_string() == "it is away"));

    // A page after what is no key.
    let after = Some("x".to_owned());
    let refused = front::answer::<Ticket, _>(&Question::Page { after, limit: 1 }, owner);
    let Err(Error::Other(error)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        error.to_string(),
        "ask for a page after a key of `tickets`: `x` is none"
    );
}

#[test]
fn a_transaction_would_show_old_rows() {
    let mut pair = Pair::with(1..=1);
    let Pair { owner, replica, .. } = &mut pair;
    let refused = replica.transaction::<_, diesel::result::Error, _>(|replica| {
        Ok(front::compare(
            &at_once(),
            |question| asked(&question, owner),
            replica,
        ))
    });
    assert!(
        matches!(
            refused,
            Ok(Err(Error::Database(
                diesel::result::Error::AlreadyInTransaction
            )))
        ),
        "{refused:?}"
    );
}
