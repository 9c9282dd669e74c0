//! Semantics 4, where an unlocked read shows the transaction's snapshot: MySQL at REPEATABLE READ.

use diesel::prelude::*;
use versioned_core::Error;

use super::backend;
use super::backend::prelude::*;
use super::scenarios::{Ticket, assert_stale, two_sessions};

/// An unlocked read in the transaction would always show version 1; `reload` and `update_with` must not.
#[test]
fn s04_reload_and_update_with_see_past_the_snapshot_of_the_transaction() {
    let (_db, mut one, mut two) = two_sessions();
    let mut a = Ticket::inserted(&mut one);
    backend::isolate(&mut two, "REPEATABLE READ");
    two.transaction(|conn| {
        let mut b = Ticket::find(&7, conn)?;
        a.save(&mut one)?;
        assert_eq!(Ticket::find(&7, conn)?.version, 1, "the snapshot");
        assert_stale(b.save(conn), 1, 2);
        b.reload(conn)?;
        assert_eq!(b.version, 2);
        let saved = Ticket::update_with(&7, conn, |b| {
            b.price = 31;
            Ok(())
        })?;
        assert_eq!((saved.version, saved.price), (3, 31));
        Ok::<_, Error>(())
    })
    .unwrap();
}
