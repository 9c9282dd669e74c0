//! PostgreSQL: many events at once, for replicas of other shapes.

use diesel::prelude::*;
use versioned_core::{Event, Op, Outcome};

use super::backend::Db;
use super::backend::prelude::*;
use super::scenarios::migrate;

diesel::table! {
    seats (hall, number) {
        hall -> Text,
        number -> Integer,
        tags -> Array<Text>,
        version -> BigInt,
    }
}

diesel::table! {
    plain_seats (hall, number) {
        hall -> Text,
        number -> Integer,
        version -> BigInt,
    }
}

const SEATS: &str = "
    CREATE TABLE seats (hall TEXT, number INTEGER, tags TEXT[] NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (hall, number));
    CREATE TABLE plain_seats (hall TEXT, number INTEGER, version BIGINT NOT NULL, PRIMARY KEY (hall, number))";

/// An array has no array of its own, and spills where it is one element of many.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = seats, primary_key(hall, number))]
#[versioned(dependent, policy = "latest")]
struct Seat {
    hall: String,
    number: i32,
    tags: Vec<String>,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = plain_seats, primary_key(hall, number))]
#[versioned(dependent, policy = "latest")]
struct PlainSeat {
    hall: String,
    number: i32,
    version: i64,
}

fn event<M: DependentDsl>(op: Op, version: i64, number: i32, data: Option<M>) -> Event<M> {
    Event {
        entity: M::ENTITY.into(),
        key: format!("the\\, hall,{number}"),
        version,
        op,
        at: String::new(),
        data,
        trace: None,
        metadata: None,
    }
}

fn tagged(number: i32, version: i64) -> Event<Seat> {
    let seat = Seat {
        hall: "the, hall".into(),
        number,
        tags: vec![format!("{version}"), "a, \"b\"".into()],
        version,
    };
    event(Op::Updated, version, number, Some(seat))
}

#[test]
fn a_replica_with_a_column_of_arrays() {
    let db = Db::fresh(SEATS);
    let mut conn = db.connect();
    migrate(&mut conn);
    let first: Vec<_> = (1..=3).map(|number| tagged(number, 1)).collect();
    let outcomes = Seat::apply_all(&first, &mut conn).unwrap();
    assert_eq!(outcomes, [Outcome::Applied; 3]);
    let next = [
        tagged(1, 2),
        event(Op::Deleted, 2, 2, None),
        tagged(3, 1),
        tagged(1, 4),
    ];
    let outcomes = Seat::apply_all(&next, &mut conn).unwrap();
    assert_eq!(
        outcomes,
        [
            Outcome::Duplicate { current: 4 },
            Outcome::Applied,
            Outcome::Duplicate { current: 1 },
            Outcome::Applied,
        ]
    );
    let left: Vec<Seat> = seats::table.order(seats::number).load(&mut conn).unwrap();
    let expected = [tagged(1, 4), tagged(3, 1)].map(|event| event.data.unwrap());
    assert_eq!(left, expected);
}

#[test]
fn a_replica_with_a_key_of_two_columns() {
    let db = Db::fresh(SEATS);
    let mut conn = db.connect();
    migrate(&mut conn);
    let seat = |number, version| PlainSeat {
        hall: "the, hall".into(),
        number,
        version,
    };
    let first: Vec<_> = (1..=4)
        .map(|number| event(Op::Created, 1, number, Some(seat(number, 1))))
        .collect();
    let outcomes = PlainSeat::apply_all(&first, &mut conn).unwrap();
    assert_eq!(outcomes, [Outcome::Applied; 4]);
    let next = [
        event::<PlainSeat>(Op::Deleted, 2, 2, None),
        event(Op::Deleted, 2, 4, None),
        event(Op::Updated, 2, 1, Some(seat(1, 2))),
    ];
    let outcomes = PlainSeat::apply_all(&next, &mut conn).unwrap();
    assert_eq!(outcomes, [Outcome::Applied; 3]);
    let left: Vec<PlainSeat> = plain_seats::table
        .order(plain_seats::number)
        .load(&mut conn)
        .unwrap();
    assert_eq!(left, [seat(1, 2), seat(3, 1)]);
}
