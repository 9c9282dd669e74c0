//! Pages, limits, and going on after them.

use versioned_core::compare::Place;

use super::*;

#[test]
fn a_comparison_goes_on_where_it_ended() {
    let mut pair = Pair::with(1..=9);
    at_replica(
        &mut pair,
        "UPDATE copies SET title = 'x' WHERE id IN (2, 8)",
    );
    at_owner(&mut pair, "DELETE FROM tickets WHERE id = 5");
    let whole = pair.run(&at_once().page(2));
    let all = [
        (2, Verdict::Different),
        (5, Verdict::Extra),
        (8, Verdict::Different),
    ];
    assert_eq!(found(&whole), expected(&all));
    assert_eq!((whole.equal, whole.next), (6, None));

    // A page each, and none if there is no time.
    let none = pair.run(&at_once().at_most(Duration::ZERO));
    assert_eq!(none.next, Some(Place::Records { after: None }));
    assert_eq!((none.records(), none.is_equal()), (0, false));
    let (mut place, mut parts) = (none.next, Vec::new());
    while let Some(here) = place {
        let one = at_once().page(2).differences(1).resume(here);
        let part = pair.run(&one);
        place = part.next.clone();
        assert!(!part.is_equal() || place.is_none());
        parts.push(part);
    }
    assert_eq!(parts.len(), 4, "{parts:?}");
    assert_eq!(parts.iter().map(|part| part.equal).sum::<u64>(), 6);
    let differences: Vec<_> = parts.iter().flat_map(found).collect();
    let in_turn = [
        (2, Verdict::Different),
        (8, Verdict::Different),
        (5, Verdict::Extra),
    ];
    assert_eq!(differences, expected(&in_turn));
}

/// The owner sends the records of an answer, and the replica asks in pages.
#[test]
fn a_question_is_answered_in_pages() {
    let mut pair = Pair::with(1..=5);
    pair.delete(4);
    pair.save(5);
    let states = |question: &Question, pair: &mut Pair| {
        let answer = asked(question, &mut pair.owner).unwrap();
        assert_eq!(answer.entity, "tickets");
        let states = answer.records.iter();
        states
            .map(|state| {
                let data: Option<serde_json::Value> = state.data().unwrap();
                let title = data.map(|data| data["title"].as_str().unwrap().to_owned());
                (state.key.clone(), state.version, state.deleted, title)
            })
            .collect::<Vec<_>>()
    };
    let row =
        |id: i64, version, title: &str| (id.to_string(), version, false, Some(title.to_owned()));
    let page = |after: Option<&str>, limit| {
        let after = after.map(str::to_owned);
        Question::Page { after, limit }
    };
    assert_eq!(
        states(&page(None, 2), &mut pair),
        [row(1, 1, "show 1"), row(2, 1, "show 2")]
    );
    assert_eq!(
        states(&page(Some("2"), 9), &mut pair),
        [row(3, 1, "show 3"), row(5, 2, "show 5 at 51")]
    );
    assert_eq!(states(&page(Some("5"), 9), &mut pair), []);
    let keys: Vec<String> = ["4", "5", "6", "05", "x"].map(str::to_owned).into();
    let gone = ("4".to_owned(), 2, true, None);
    let records = Question::Records { keys: keys.clone() };
    assert_eq!(
        states(&records, &mut pair),
        [row(5, 2, "show 5 at 51"), gone.clone()]
    );
    let versions = Question::Versions { keys };
    let five = ("5".to_owned(), 2, false, None);
    assert_eq!(states(&versions, &mut pair), [five, gone]);
}

diesel::table! {
    seats (hall, number) {
        hall -> VarChar,
        number -> BigInt,
        version -> BigInt,
    }
}

const SEATS: &str = "CREATE TABLE seats (hall VARCHAR(20) NOT NULL, number BIGINT NOT NULL,
    version BIGINT NOT NULL, PRIMARY KEY (hall, number))";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = seats, primary_key(hall, number))]
#[versioned(owner, outbox)]
struct Seat {
    hall: String,
    number: i64,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = seats, primary_key(hall, number))]
#[versioned(dependent, entity = "seats")]
struct SeatCopy {
    hall: String,
    number: i64,
    version: i64,
}

#[test]
fn keys_of_several_columns() {
    let fresh = || {
        let db = Db::fresh(SEATS);
        let mut conn = db.connect();
        conn.run_pending_migrations(MIGRATIONS).unwrap();
        (db, conn)
    };
    let ((_owner, mut owner), (_replica, mut replica)) = (fresh(), fresh());
    for (hall, number) in [("a", 1), ("a", 2), ("a,b", 1), ("b\\", 3), ("", 4)] {
        let (hall, version) = (hall.to_owned(), 0);
        let mut seat = Seat {
            hall,
            number,
            version,
        };
        seat.insert(&mut owner).unwrap();
        if number == 2 {
            continue;
        }
        let copy = SeatCopy {
            hall: seat.hall,
            number,
            version: 1,
        };
        assert_eq!(
            SeatCopy::apply(&Event::created(copy), &mut replica).unwrap(),
            Outcome::Applied
        );
    }
    let comparison = Comparison::<SeatCopy>::new().settle(Duration::ZERO).page(1);
    let ask = |question| front::answer::<Seat, _>(&question, &mut owner);
    let compared = front::compare(&comparison, ask, &mut replica).unwrap();
    assert_eq!((compared.equal, compared.missing), (4, 1), "{compared:?}");
    assert_eq!(compared.differences[0].key, "a,2");
    let keys: Vec<String> = compared.to_resend().map(str::to_owned).collect();
    assert_eq!(front::resend::<Seat, _>(&keys, &mut owner).unwrap(), 1);
}
