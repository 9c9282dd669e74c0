//! The explorer without a transaction around the deliveries, for handlers that a rollback does not undo.

use std::cell::RefCell;

use diesel::prelude::*;
use versioned_core::testing::Explorer;
use versioned_core::{Event, Outcome, Result};

use super::backend::prelude::*;
use super::backend::{Conn, Db};
use super::front::explore_with_reset;
use crate::{Copy, TABLES, tickets};

fn connect() -> (Db, Conn) {
    use diesel_migrations::MigrationHarness as _;

    let db = Db::fresh(TABLES);
    let mut conn = db.connect();
    conn.run_pending_migrations(versioned_core::MIGRATIONS)
        .unwrap();
    (db, conn)
}

fn rows(conn: &mut Conn) -> Result<Vec<(i64, i64, i64)>> {
    Ok(tickets::table.order(tickets::id).load(conn)?)
}

#[test]
fn what_a_rollback_does_not_undo_is_reset() {
    let (_db, mut conn) = connect();
    let history = [
        Event::created(Copy::new(7, 20, 1)),
        Event::created(Copy::new(8, 50, 1)),
        Event::updated(Copy::new(7, 25, 2)),
    ];
    // Rows of a test before.
    let _ = Copy::apply(&history[0], &mut conn).unwrap();
    let mails = RefCell::new(Vec::new());
    let reset = |conn: &mut Conn| {
        mails.borrow_mut().clear();
        versioned_core::positions::rebuild::<Copy, _>(conn)
    };
    let state = |conn: &mut Conn| {
        let mut sent: Vec<String> = mails.borrow().clone();
        sent.sort();
        Ok((rows(conn)?, sent))
    };
    let for_applied = |event: &Event<Copy>, conn: &mut Conn| {
        let outcome = Copy::apply(event, conn)?;
        if outcome == Outcome::Applied {
            mails.borrow_mut().push(event.id());
        }
        Ok(outcome)
    };
    let explorer = Explorer::new(&history);
    let (explored, sent) =
        explore_with_reset(&explorer, &mut conn, reset, for_applied, state).unwrap();
    assert_eq!(explored, [(7, 25, 2), (8, 50, 1)]);
    assert_eq!(sent, ["tickets/7/1", "tickets/7/2", "tickets/8/1"]);
    assert_eq!(
        (rows(&mut conn).unwrap(), mails.borrow().len()),
        (vec![], 0)
    );

    let for_each = |event: &Event<Copy>, conn: &mut Conn| {
        let outcome = Copy::apply(event, conn)?;
        if outcome.should_ack() {
            mails.borrow_mut().push(event.id());
        }
        Ok(outcome)
    };
    let failure = explore_with_reset(&explorer, &mut conn, reset, for_each, state);
    let text = failure.unwrap_err().to_string();
    let deliveries = "
  1. tickets/7/1 created: Applied
  2. tickets/8/1 created: Applied
  3. tickets/7/2 updated: Applied
  4. tickets/7/1 created: Duplicate { current: 2 }
";
    assert!(text.contains(deliveries), "{text}");
    assert_eq!(
        (rows(&mut conn).unwrap(), mails.borrow().len()),
        (vec![], 0)
    );
}
