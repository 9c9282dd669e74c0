//! Semantics 5, where REPEATABLE READ refuses what comes too late: PostgreSQL.

use diesel::prelude::*;
use versioned_core::ConflictKind;

use super::backend;
use super::backend::prelude::*;
use super::scenarios::{Ticket, conflict, two_sessions};

/// A serialization failure inside of an open transaction is the caller's to retry, as a whole.
#[test]
fn update_with_in_a_transaction_hands_a_serialization_failure_up() {
    let (_db, mut one, mut two) = two_sessions();
    Ticket::inserted(&mut one);
    backend::isolate(&mut two, "REPEATABLE READ");
    let mut runs = 0;
    let lost = two.transaction(|conn| {
        Ticket::update_with(&7, conn, |ticket| {
            runs += 1;
            Ticket::find(&7, &mut one)?.save(&mut one)?;
            ticket.price += 1;
            Ok(())
        })
    });
    assert_eq!(conflict(lost).kind(), ConflictKind::Serialization);
    assert_eq!(runs, 1);
    // Without an open transaction the same is retried.
    let mut runs = 0;
    let saved = Ticket::update_with(&7, &mut two, |ticket| {
        runs += 1;
        if runs < 3 {
            Ticket::find(&7, &mut one)?.save(&mut one)?;
        }
        ticket.price += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!((runs, saved.price), (3, 21));
}
