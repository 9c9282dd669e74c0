//! Records that the service is asked to forget.

use versioned_core::requests::{Forget, RequestKind};
use versioned_core::{Outcome, positions};

use super::*;

fn apply(id: i64, versions: std::ops::RangeInclusive<i64>, conn: &mut Conn) {
    for version in versions {
        let copy = Parking {
            id,
            price: version,
            version,
        };
        let event = if version == 1 {
            Event::created(copy)
        } else {
            Event::updated(copy)
        };
        assert!(Parking::apply(&event, conn).unwrap().should_ack());
    }
}

fn asked(keys: &[&str], conn: &mut Conn) -> Request {
    let forget = Forget::records("copies", "tickets", keys.iter().copied())
        .requested_by("anna")
        .reason("asked to erase");
    front::forget(&forget, conn).unwrap()
}

/// The row, the letters and the parked events of each record are gone, and late events of it are
/// duplicates. Others stay, and a second request changes nothing.
#[test]
fn a_record_is_forgotten_and_does_not_come_back() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    for id in 1..=3 {
        apply(id, 1..=2, conn);
        // It waits for version 3.
        apply(id, 5..=6, conn);
        keep([Letter::of(id, 4)], conn);
    }
    let request = asked(&["3", "1", "no number", "1"], conn);
    assert_eq!(
        (request.kind, request.state, request.chosen),
        (RequestKind::Forget, RequestState::Open, 3)
    );
    assert_eq!(request.reason.as_deref(), Some("asked to erase"));
    // Nobody but the replica's service acts.
    assert_eq!(versions(conn), [(1, 2), (2, 2), (3, 2)]);
    serve::<Parking>(conn);
    let request = front::find(request.id, conn).unwrap().unwrap();
    assert_eq!(request.state, RequestState::Done);
    assert_eq!((request.counts.forgotten, request.counts.failed), (2, 1));
    assert_eq!(request.left(), Some(0));
    let outcomes: Vec<ItemOutcome> = results(&request, conn)
        .into_iter()
        .map(|(_, outcome)| outcome)
        .collect();
    assert_eq!(
        outcomes,
        [
            ItemOutcome::Forgotten,
            ItemOutcome::Forgotten,
            ItemOutcome::Failed
        ]
    );
    assert_eq!(versions(conn), [(2, 2)]);
    assert_eq!(letters_left(conn), 1);
    let parked = "SELECT COUNT(*) FROM versioned_parked";
    assert_eq!(number(parked, conn), 2);
    let late = Parking {
        id: 1,
        price: 3,
        version: 3,
    };
    let outcome = Parking::apply(&Event::updated(late), conn).unwrap();
    assert_eq!(outcome, Outcome::Duplicate { current: i64::MAX });

    let again = asked(&["1"], conn);
    serve::<Parking>(conn);
    let again = front::find(again.id, conn).unwrap().unwrap();
    assert_eq!(
        (again.state, again.counts.forgotten),
        (RequestState::Done, 1)
    );
    assert_eq!(versions(conn), [(2, 2)]);
}

/// What a redrive that is open has of the record is forgotten, too: whichever of them is first.
#[test]
fn a_redrive_of_a_forgotten_record_brings_nothing_back() {
    for forgets_first in [true, false] {
        let (_db, mut conn) = replica();
        let conn = &mut conn;
        keep([Letter::of(1, 1), Letter::of(2, 1)], conn);
        let redrive = front::store(&all(), conn).unwrap();
        if forgets_first {
            asked(&["1"], conn);
            serve::<Copy>(conn);
            let redrive = front::find(redrive.id, conn).unwrap().unwrap();
            assert_eq!((redrive.counts.applied, redrive.counts.forgotten), (1, 1));
        } else {
            serve::<Copy>(conn);
            asked(&["1"], conn);
            serve::<Copy>(conn);
        }
        assert_eq!(versions(conn), [(2, 1)]);
        positions::purge_tombstones::<Copy, _>(Duration::from_mins(1), conn).unwrap();
        assert_eq!(number("SELECT COUNT(*) FROM versioned_positions", conn), 2);
    }
}

/// What the record held is in none of the replica's tables: not in its row, its letters, its parked events, the
/// reasons, or the request.
#[test]
fn a_forgotten_value_is_in_no_table() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    let secret = 777_123_555;
    let row = |version| Parking {
        id: 1,
        price: secret,
        version,
    };
    for event in [Event::created(row(1)), Event::updated(row(3))] {
        assert!(Parking::apply(&event, conn).unwrap().should_ack());
    }
    let body = serde_json::to_string(&Event::<Copy>::new(
        Op::Updated,
        "tickets",
        "1",
        2,
        Some(Copy {
            id: 1,
            price: secret,
            version: 2,
        }),
    ));
    let reason = format!("{secret} is too much");
    keep(
        [Letter {
            body: body.unwrap(),
            reason,
            ..Letter::of(1, 2)
        }],
        conn,
    );
    let found = |conn: &mut Conn| -> Vec<&str> {
        let text = if backend::NAME == "mysql" {
            "CHAR"
        } else {
            "TEXT"
        };
        let columns = [
            "copies.price",
            "versioned_parked.event",
            "versioned_parked.error",
            "versioned_dead_letters.body",
            "versioned_dead_letters.reason",
            "versioned_requests.terms",
            "versioned_requests.progress",
            "versioned_requests.note",
            "versioned_request_items.error",
        ];
        let has = |column: &&str, conn: &mut Conn| {
            let (table, _) = column.split_once('.').unwrap();
            let rows = format!(
                "SELECT COUNT(*) FROM {table} WHERE CAST({column} AS {text}) LIKE '%{secret}%'"
            );
            number(&rows, conn) > 0
        };
        columns
            .into_iter()
            .filter(|column| has(column, conn))
            .collect()
    };
    let before = found(conn);
    assert_eq!(
        before,
        [
            "copies.price",
            "versioned_parked.event",
            "versioned_dead_letters.body",
            "versioned_dead_letters.reason"
        ]
    );
    asked(&["1"], conn);
    serve::<Parking>(conn);
    assert_eq!(found(conn), Vec::<&str>::new());
}
