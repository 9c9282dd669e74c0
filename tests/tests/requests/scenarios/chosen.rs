//! Which letters a request chooses.

use std::time::UNIX_EPOCH;

use versioned_core::Error;
use versioned_core::requests::Filter;

use super::*;

/// A part of a filter, and the condition that it must be.
type Part = (&'static str, fn(Filter) -> Filter, &'static str);

const PARTS: &[Part] = &[
    ("ids", |f| f.ids([2, 3, 5, 7, 11]), "id IN (2, 3, 5, 7, 11)"),
    ("no ids", |f| f.ids([]), "id < 0"),
    ("record", |f| f.record("2"), "KEY = '2'"),
    (
        "reason",
        |f| f.reason_contains("Poison%"),
        "reason LIKE 'a Poison\\%%'",
    ),
    (
        "since",
        |f| f.since(UNIX_EPOCH + Duration::from_secs(4)),
        "first_at >= 4000000",
    ),
    (
        "until",
        |f| f.until(UNIX_EPOCH + Duration::from_secs(9)),
        "first_at < 9000000",
    ),
    ("after", |f| f.after(3), "id > 3"),
    ("up to", |f| f.up_to(9), "id <= 9"),
    ("failed", |f| f.failed(), "reason <> ''"),
];

/// All parts of a filter are combined by AND, in every pair: of a request, and of a list.
#[test]
fn filters_choose_what_sql_would() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    let letter = |place: i64| Letter {
        reason: ["a Poison%", "a poison%", "a Poison_", ""][usize::try_from(place % 4).unwrap()]
            .to_owned(),
        at: place * 1_000_000,
        ..Letter::of(place % 3, place)
    };
    keep((1..=12).map(letter), conn);
    // Of another replica, and of another entity.
    for change in ["replica = 'others'", "entity = 'others'"] {
        keep([Letter::of(9, 1)], conn);
        let other = format!(
            "UPDATE versioned_dead_letters SET {change} WHERE version = 1 AND {}",
            key_is("9")
        );
        diesel::sql_query(other).execute(conn).unwrap();
    }
    let mut matches = 0;
    for first in PARTS {
        for second in PARTS {
            let filter = second.1(first.1(Filter::new()));
            let condition = |part: &Part| match part.2 {
                "KEY = '2'" => key_is("2"),
                like if like.contains("LIKE") => truth_of_like().to_owned(),
                sql => sql.to_owned(),
            };
            let truth = format!(
                "SELECT COUNT(*) FROM versioned_dead_letters WHERE replica = 'copies' AND entity = 'tickets' AND {} AND {}",
                condition(first),
                condition(second)
            );
            let expected = u64::try_from(number(&truth, conn)).unwrap();
            matches += expected;
            let plan = front::plan(&redrive(filter.clone()), conn).unwrap();
            assert_eq!(plan.chosen, expected, "{} and {}", first.0, second.0);
            let request = front::store(&redrive(filter.clone()), conn).unwrap();
            assert_eq!((request.chosen, &request.filter), (expected, &filter));
            let items = results(&request, conn);
            let ids: Vec<String> = items.iter().map(|(id, _)| id.to_string()).collect();
            let ids = if ids.is_empty() {
                "0".to_owned()
            } else {
                ids.join(", ")
            };
            let right = number(&format!("{truth} AND id IN ({ids})"), conn);
            assert_eq!(
                u64::try_from(right).unwrap(),
                expected,
                "{} and {}",
                first.0,
                second.0
            );
            assert_eq!(items.len() as u64, expected);
            let listed = filter.replica("copies").entity("tickets");
            let listed = front::letters(&listed, conn).unwrap();
            assert_eq!(
                listed.iter().map(|letter| letter.id).collect::<Vec<_>>(),
                items.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
                "{} and {}",
                first.0,
                second.0
            );
            let state = if expected == 0 {
                RequestState::Done
            } else {
                RequestState::Open
            };
            assert_eq!(request.state, state);
        }
    }
    assert!(matches > 50, "the filters match only {matches} letters");
}

fn key_is(key: &str) -> String {
    match backend::NAME {
        "mysql" => format!("`key` = '{key}'"),
        _ => format!("\"key\" = '{key}'"),
    }
}

/// `LIKE` ignores case by default on two of the databases.
fn truth_of_like() -> &'static str {
    match backend::NAME {
        "mysql" => "CAST(reason AS BINARY) LIKE '%Poison\\%%'",
        "sqlite" => "reason GLOB '*Poison%*'",
        _ => "reason LIKE '%Poison\\%%'",
    }
}

#[test]
fn no_filter_is_an_error_and_all_must_be_asked_for() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    keep([Letter::of(1, 1)], conn);
    for done in [
        front::store(&redrive(Filter::new()), conn).map(drop),
        front::plan(&redrive(Filter::new()), conn).map(drop),
    ] {
        let Err(Error::NothingChosen { entity }) = done else {
            panic!("{done:?}");
        };
        assert_eq!(entity, "tickets");
    }
    assert_eq!(number("SELECT COUNT(*) FROM versioned_requests", conn), 0);
    assert_eq!(front::store(&all(), conn).unwrap().chosen, 1);
    // No letter of this replica.
    let other = Redrive::all("others", "tickets");
    let request = front::store(&other, conn).unwrap();
    assert_eq!((request.chosen, request.state), (0, RequestState::Done));
}

#[test]
fn letters_that_are_added_after_the_request_are_not_touched() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    keep((1..=3).map(|id| Letter::of(id, 1)), conn);
    let plan = front::plan(&all().limit(2), conn).unwrap();
    assert_eq!((plan.chosen, plan.beyond_limit, plan.up_to), (2, 1, 3));
    keep([Letter::of(4, 1)], conn);
    let planned = redrive(Filter::new().up_to(plan.up_to));
    let request = front::store(&planned, conn).unwrap();
    assert_eq!((request.chosen, request.beyond_limit), (3, 0));
    let everything = front::store(&all().limit(1), conn).unwrap();
    assert_eq!((everything.chosen, everything.beyond_limit), (1, 3));
    keep((5..=6).map(|id| Letter::of(id, 1)), conn);
    assert_eq!(front::newer(request.id, conn).unwrap(), 0, "of up to 3");
    assert_eq!(front::newer(everything.id, conn).unwrap(), 2);
    serve::<Copy>(conn);
    assert_eq!(versions(conn), [(1, 1), (2, 1), (3, 1)]);
    assert_eq!((letters_left(conn), attempts(conn)), (3, 0));
}
