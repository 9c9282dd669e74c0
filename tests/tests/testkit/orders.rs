//! The explorer tries every order of deliveries, and says which one a handler gets wrong.

use diesel::prelude::*;
use versioned_core::testing::Explorer;
use versioned_core::{Error, Event, Outcome, Result};

use super::backend::prelude::*;
use super::backend::{Conn, Db};
use super::front::explore;
use crate::{Copy, Latest, Parking, TABLES, seats, tickets, totals};

fn connect() -> (Db, Conn) {
    use diesel_migrations::MigrationHarness as _;

    let db = Db::fresh(TABLES);
    let mut conn = db.connect();
    conn.run_pending_migrations(versioned_core::MIGRATIONS)
        .unwrap();
    (db, conn)
}

type Rows = Vec<(i64, i64, i64)>;

fn rows(conn: &mut Conn) -> Result<Rows> {
    Ok(tickets::table.order(tickets::id).load(conn)?)
}

fn total(conn: &mut Conn) -> Result<i64> {
    Ok(totals::table.select(totals::total).first(conn)?)
}

fn add(amount: i64, conn: &mut Conn) -> Result<()> {
    diesel::update(totals::table)
        .set(totals::total.eq(totals::total + amount))
        .execute(conn)?;
    Ok(())
}

/// Nothing of what was explored is left.
fn assert_untouched(conn: &mut Conn) {
    diesel::table! { versioned_positions (key) { key -> Text, } }
    diesel::table! { versioned_parked (key) { key -> Text, } }

    assert_eq!(rows(conn).unwrap(), []);
    assert_eq!(total(conn).unwrap(), 0);
    let positions = versioned_positions::table.count().get_result(conn);
    assert_eq!(positions, Ok(0_i64));
    let parked = versioned_parked::table.count().get_result(conn);
    assert_eq!(parked, Ok(0_i64));
}

/// Two records, one of which is deleted and created again, and a snapshot.
macro_rules! history {
    ($model:ident) => {
        [
            Event::created($model::new(7, 20, 1)),
            Event::created($model::new(8, 50, 1)),
            Event::deleted(&7, 2),
            Event::created($model::new(7, 22, 3)),
            Event::snapshot($model::new(8, 50, 1)),
        ]
    };
}

const LAST: [(i64, i64, i64); 2] = [(7, 22, 3), (8, 50, 1)];

#[test]
fn a_handler_that_only_applies_events_passes() {
    let (_db, mut conn) = connect();
    let history = history!(Copy);
    let copies = explore(&Explorer::new(&history), &mut conn, Copy::apply, rows);
    assert_eq!(copies.unwrap(), LAST);
    let history = history!(Parking);
    let parking = explore(&Explorer::new(&history), &mut conn, Parking::apply, rows);
    assert_eq!(parking.unwrap(), LAST);
    let history = history!(Latest);
    let latest = explore(&Explorer::new(&history), &mut conn, Latest::apply, rows);
    assert_eq!(latest.unwrap(), LAST);
    assert_untouched(&mut conn);
}

#[test]
fn a_transaction_of_the_caller_stays_open() {
    let (_db, mut conn) = connect();
    let done: Result<()> = conn.transaction(|conn| {
        add(3, conn)?;
        let history = history!(Parking);
        explore(&Explorer::new(&history), conn, Parking::apply, rows).unwrap();
        assert_eq!((rows(conn)?, total(conn)?), (Vec::new(), 3));
        let failure = explore(&Explorer::new(&history), conn, adds_again, total);
        failure.unwrap_err();
        assert_eq!((rows(conn)?, total(conn)?), (Vec::new(), 3));
        Err(Error::other("roll back"))
    });
    assert_eq!(done.unwrap_err().to_string(), "roll back");
    assert_untouched(&mut conn);
}

/// The bug: it is not in the transaction of the event, and runs for each delivery.
fn adds_again(event: &Event<Parking>, conn: &mut Conn) -> Result<Outcome> {
    let outcome = Parking::apply(event, conn)?;
    add(event.data.as_ref().map_or(0, |data| data.price), conn)?;
    Ok(outcome)
}

#[test]
fn a_write_that_is_repeated_with_the_delivery_is_found() {
    let (_db, mut conn) = connect();
    let history = [
        Event::created(Parking::new(7, 20, 1)),
        Event::updated(Parking::new(7, 25, 2)),
    ];
    let failure = explore(&Explorer::new(&history), &mut conn, adds_again, total);
    let text = "make the handler independent of the order and the number of deliveries: \
        these lead to another state than the deliveries in order
  1. tickets/7/1 created: Applied
  2. tickets/7/2 updated: Applied
  3. tickets/7/1 created: Duplicate { current: 2 }
the state after the deliveries in order: 45
the state after these: 65";
    let failure = failure.unwrap_err();
    assert_eq!(failure.to_string(), text);
    assert_eq!(format!("{failure:?}"), text);
    assert_untouched(&mut conn);

    // Each event once, in each order: nothing is wrong with that.
    let once = Explorer::new(&history).deliveries(1);
    assert_eq!(explore(&once, &mut conn, adds_again, total).unwrap(), 45);
}

/// The closure of `apply_with` runs again if a snapshot comes again.
#[test]
fn a_closure_that_runs_for_each_snapshot_is_found() {
    let (_db, mut conn) = connect();
    let history = [Event::snapshot(Copy::new(7, 20, 1))];
    let apply = |event: &Event<Copy>, conn: &mut Conn| {
        Copy::apply_with(event, conn, |conn, _| conn.transaction(|conn| add(1, conn)))
    };
    let failure = explore(&Explorer::new(&history), &mut conn, apply, total);
    let text = failure.unwrap_err().to_string();
    let deliveries = "
  1. tickets/7/1 snapshot: Applied
  2. tickets/7/1 snapshot: Applied
the state after the deliveries in order: 1
the state after these: 2";
    assert!(text.ends_with(deliveries), "{text}");
    assert_untouched(&mut conn);
}

#[test]
fn a_closure_that_depends_on_the_order_of_two_records_is_found() {
    let (_db, mut conn) = connect();
    let history = [
        Event::created(Copy::new(7, 20, 1)),
        Event::created(Copy::new(8, 50, 1)),
        Event::updated(Copy::new(7, 25, 2)),
    ];
    let last_price = |event: &Event<Copy>, conn: &mut Conn| {
        Copy::apply_with(event, conn, |conn, event| {
            let price = event.data.as_ref().map_or(0, |data| data.price);
            conn.transaction(|conn| {
                diesel::update(totals::table)
                    .set(totals::total.eq(price))
                    .execute(conn)?;
                Ok(())
            })
        })
    };
    let failure = explore(&Explorer::new(&history), &mut conn, last_price, total);
    let text = failure.unwrap_err().to_string();
    let deliveries = "
  1. tickets/7/1 created: Applied
  2. tickets/7/2 updated: Applied
  3. tickets/8/1 created: Applied
the state after the deliveries in order: 25
the state after these: 50";
    assert!(text.ends_with(deliveries), "{text}");
    assert_untouched(&mut conn);
}

/// On PostgreSQL, the error of a statement ends the transaction around it.
#[test]
fn an_event_that_fails_comes_again() {
    let (_db, mut conn) = connect();
    let history = [
        Event::created(Copy::new(7, 20, 1)),
        Event::created(Copy::new(8, 50, 1)),
    ];
    // The seat of 8 is at the ticket 7, which must be there.
    let apply = |event: &Event<Copy>, conn: &mut Conn| {
        Copy::apply_with(event, conn, |conn, event| {
            if event.key == "8" {
                diesel::insert_into(seats::table)
                    .values((seats::id.eq(1_i64), seats::ticket.eq(7_i64)))
                    .execute(conn)?;
            }
            Ok(())
        })
    };
    let state = |conn: &mut Conn| {
        let seats: Vec<(i64, i64)> = seats::table.load(conn)?;
        Ok((rows(conn)?, seats))
    };
    let (rows, seats) = explore(&Explorer::new(&history), &mut conn, apply, state).unwrap();
    assert_eq!(rows, [(7, 20, 1), (8, 50, 1)]);
    assert_eq!(seats, [(1, 7)]);
    assert_untouched(&mut conn);
}

#[test]
fn an_event_that_no_order_gets_acknowledged_is_found() {
    let (_db, mut conn) = connect();
    let history = [
        Event::created(Copy::new(7, 20, 1)),
        Event::created(Copy::new(8, 50, 1)),
    ];
    let apply = |event: &Event<Copy>, conn: &mut Conn| {
        if event.key == "7" && !rows(conn)?.is_empty() {
            return Err(Error::other("too late"));
        }
        Copy::apply(event, conn)
    };
    let failure = explore(&Explorer::new(&history), &mut conn, apply, rows);
    assert_eq!(
        failure.unwrap_err().to_string(),
        "make the handler acknowledge each event in the end: after these deliveries, it acknowledges none of those \
         that are left
  1. tickets/8/1 created: Applied
the next delivery is one of these
  2. tickets/7/1 created: too late
"
    );
    assert_untouched(&mut conn);
}

#[test]
fn a_history_that_is_not_in_order_is_an_error() {
    let (_db, mut conn) = connect();
    let history = [
        Event::created(Copy::new(7, 20, 1)),
        Event::updated(Copy::new(7, 22, 3)),
    ];
    let failure = explore(&Explorer::new(&history), &mut conn, Copy::apply, rows);
    assert_eq!(
        failure.unwrap_err().to_string(),
        "pass the events in an order in which the handler acknowledges all of them: \
         it did not acknowledge the last of these
  1. tickets/7/1 created: Applied
  2. tickets/7/3 updated: Gap { current: 1, received: 3 }
"
    );
    assert_untouched(&mut conn);
}

/// An event with a gap comes any number of times.
#[test]
fn a_write_of_an_early_event_is_found_if_it_does_harm() {
    let (_db, mut conn) = connect();
    let history = [
        Event::created(Copy::new(7, 20, 1)),
        Event::updated(Copy::new(7, 25, 2)),
    ];
    let counts = |event: &Event<Copy>, conn: &mut Conn| {
        let outcome = Copy::apply(event, conn)?;
        if !outcome.should_ack() {
            add(1, conn)?;
        }
        Ok(outcome)
    };
    let failure = explore(&Explorer::new(&history), &mut conn, counts, total);
    let text = failure.unwrap_err().to_string();
    let deliveries = "
  1. tickets/7/2 updated: Gap { current: 0, received: 2 }
  2. tickets/7/1 created: Applied
  3. tickets/7/2 updated: Applied
the state after the deliveries in order: 0
the state after these: 1";
    assert!(text.ends_with(deliveries), "{text}");

    // It takes back what it wrote.
    let marks = |event: &Event<Copy>, conn: &mut Conn| {
        let outcome = Copy::apply(event, conn)?;
        let mark = i64::from(!outcome.should_ack());
        diesel::update(totals::table)
            .set(totals::total.eq(mark))
            .execute(conn)?;
        Ok(outcome)
    };
    let explored = explore(&Explorer::new(&history), &mut conn, marks, total);
    assert_eq!(explored.unwrap(), 0);
    assert_untouched(&mut conn);
}

#[test]
fn an_error_of_the_state_is_returned() {
    let (_db, mut conn) = connect();
    let history = [Event::created(Copy::new(7, 20, 1))];
    let unreadable = |_: &mut Conn| Err::<i64, _>(Error::other("no state"));
    let failure = explore(&Explorer::new(&history), &mut conn, Copy::apply, unreadable);
    assert_eq!(failure.unwrap_err().to_string(), "no state");
    assert_untouched(&mut conn);
}
