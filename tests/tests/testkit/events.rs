//! The events that a closure causes.

use diesel::prelude::*;
use serde_json::Value;
use versioned_core::{Error, Event, EventError, Op, Outcome, Result};

use super::backend::prelude::*;
use super::backend::{Conn, Db};
use super::front::caused;
use crate::{Copy, TABLES, Ticket};

fn connect() -> (Db, Conn) {
    use diesel_migrations::MigrationHarness as _;

    let db = Db::fresh(TABLES);
    let mut conn = db.connect();
    conn.run_pending_migrations(versioned_core::MIGRATIONS)
        .unwrap();
    (db, conn)
}

fn ids<T>(events: &[Event<T>]) -> Vec<(String, Op)> {
    let ids = events.iter().map(|event| (event.id(), event.op));
    ids.collect()
}

#[test]
fn they_are_those_of_the_closure_in_order() {
    let (_db, mut conn) = connect();
    let mut ticket = Ticket::new(7, 20, 0);
    let first: Vec<Event<Value>> = caused(&mut conn, |conn| {
        ticket.insert(conn)?;
        Ok(())
    })
    .unwrap();
    assert_eq!(ids(&first), [("tickets/7/1".to_owned(), Op::Created)]);
    assert_eq!(first[0].data.as_ref().unwrap()["price"], 20);

    let mut other = Ticket::new(8, 50, 0);
    let events: Vec<Event<Copy>> = caused(&mut conn, |conn| {
        conn.transaction(|conn| {
            ticket.price = 25;
            ticket.save(conn)?;
            other.insert(conn)?;
            Ok::<(), Error>(())
        })?;
        let undone: Result<()> = conn.transaction(|conn| {
            ticket.clone().touch(conn)?;
            Err(Error::other("roll back"))
        });
        assert!(undone.is_err());
        ticket.delete(conn)?;
        Ok(())
    })
    .unwrap();
    let expected = [
        ("tickets/7/2".to_owned(), Op::Updated),
        ("tickets/8/1".to_owned(), Op::Created),
        ("tickets/7/3".to_owned(), Op::Deleted),
    ];
    assert_eq!(ids(&events), expected);
    assert_eq!(events[0].data, Some(Copy::new(7, 25, 2)));
    assert_eq!(events[2].data, None);

    let none: Vec<Event<Value>> = caused(&mut conn, |conn| {
        Ticket::find(&8, conn)?;
        Ok(())
    })
    .unwrap();
    assert_eq!(none, []);
}

#[test]
fn a_transaction_that_is_open_shows_them() {
    let (_db, mut conn) = connect();
    let done: Result<()> = conn.transaction(|conn| {
        let events: Vec<Event<Copy>> = caused(conn, |conn| {
            Ticket::new(7, 20, 0).insert(conn)?;
            Ok(())
        })?;
        assert_eq!(ids(&events), [("tickets/7/1".to_owned(), Op::Created)]);
        Ticket::find(&7, conn)?.delete(conn)?;
        // The replica of this test is the same table.
        assert_eq!(Copy::apply(&events[0], conn)?, Outcome::Applied);
        Err(Error::other("roll back"))
    });
    assert_eq!(done.unwrap_err().to_string(), "roll back");
}

#[test]
fn its_error_and_data_of_another_type_are_errors() {
    let (_db, mut conn) = connect();
    let failed: Result<Vec<Event<Value>>> = caused(&mut conn, |_| Err(Error::other("no")));
    assert_eq!(failed.unwrap_err().to_string(), "no");
    let wrong: Result<Vec<Event<String>>> = caused(&mut conn, |conn| {
        Ticket::new(7, 20, 0).insert(conn)?;
        Ok(())
    });
    match wrong.unwrap_err() {
        Error::Event(EventError::Unreadable { reason }) => {
            assert!(reason.contains("expected a string"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}
