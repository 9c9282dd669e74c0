//! The explorer leaves no order out.

use std::cell::RefCell;
use std::collections::BTreeSet;

use diesel::prelude::*;
use versioned_core::testing::Explorer;
use versioned_core::{Event, Outcome, Result};

use super::backend::{Conn, Db};
use crate::Copy;

diesel::table! { arrivals { id -> BigInt, event -> Text, } }

/// What arrived, in order. All that have each event are the same, or the orders would differ.
#[derive(Debug)]
struct Arrivals {
    events: Vec<String>,
    has_all: bool,
}

impl PartialEq for Arrivals {
    fn eq(&self, other: &Self) -> bool {
        (self.has_all && other.has_all) || self.events == other.events
    }
}

#[test]
fn each_order_of_the_deliveries_is_tried() {
    let db = Db::fresh("CREATE TABLE arrivals (id INTEGER PRIMARY KEY, event TEXT NOT NULL)");
    let mut conn = db.connect();
    let history = [
        Event::created(Copy::new(1, 20, 1)),
        Event::created(Copy::new(2, 20, 1)),
        Event::created(Copy::new(3, 20, 1)),
    ];
    let apply = |event: &Event<Copy>, conn: &mut Conn| {
        diesel::insert_into(arrivals::table)
            .values(arrivals::event.eq(&event.key))
            .execute(conn)?;
        Ok(Outcome::Applied)
    };
    // Until the last of them has come, the other two come once or twice: 3 * (2 + 3 + 3 + 6).
    for (times, orders) in [(1, 6), (2, 42)] {
        let seen = RefCell::new(BTreeSet::new());
        let state = |conn: &mut Conn| -> Result<Arrivals> {
            let events: Vec<String> = arrivals::table
                .order(arrivals::id)
                .select(arrivals::event)
                .load(conn)?;
            let distinct = |events: &[String]| events.iter().collect::<BTreeSet<_>>().len();
            let has_all = distinct(&events) == history.len();
            if has_all && distinct(&events[..events.len() - 1]) < history.len() {
                seen.borrow_mut().insert(events.concat());
            }
            Ok(Arrivals { events, has_all })
        };
        Explorer::new(&history)
            .deliveries(times)
            .run(&mut conn, apply, state)
            .unwrap();
        assert_eq!(seen.borrow().len(), orders, "{seen:?}");
    }
}

/// A correct handler is called for each event in each set of events that were acknowledged, and once in order.
#[test]
fn the_number_of_calls_is_that_of_the_sets_of_events() {
    let db = Db::fresh("CREATE TABLE arrivals (id INTEGER PRIMARY KEY, event TEXT NOT NULL)");
    let mut conn = db.connect();
    let history: Vec<Event<Copy>> = (1..=8)
        .map(|id| Event::created(Copy::new(id, 20, 1)))
        .collect();
    let mut calls = 0;
    let apply = |event: &Event<Copy>, conn: &mut Conn| {
        calls += 1;
        let id: i64 = event.key.parse().unwrap();
        diesel::insert_or_ignore_into(arrivals::table)
            .values((arrivals::id.eq(id), arrivals::event.eq(&event.key)))
            .execute(conn)?;
        Ok(Outcome::Applied)
    };
    let state = |conn: &mut Conn| -> Result<Vec<i64>> {
        Ok(arrivals::table
            .order(arrivals::id)
            .select(arrivals::id)
            .load(conn)?)
    };
    let all = Explorer::new(&history).run(&mut conn, apply, state);
    assert_eq!(all.unwrap(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(calls, 2_056);
}
