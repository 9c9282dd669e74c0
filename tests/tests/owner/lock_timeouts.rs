//! Semantics 5, where a lock that is not free in time is an error of its own: `SQLite` and MySQL. (PostgreSQL's `lock_timeout`
//! is a limit that the user sets, and no statement about the order of transactions.)

use diesel::connection::SimpleConnection;
use versioned_core::version::Token;
use versioned_core::{ConflictKind, Error};

use super::backend;
use super::backend::prelude::*;
use super::scenarios::{Ticket, assert_stale, conflict, two_sessions};

#[test]
fn s05_a_lock_that_is_not_free_in_time_is_a_conflict() {
    let (_db, mut one, mut two) = two_sessions();
    let ticket = Ticket::inserted(&mut one);
    let (mut a, mut b) = (ticket.clone(), ticket);
    match backend::NAME {
        "sqlite" => two.batch_execute("PRAGMA busy_timeout = 0").unwrap(),
        "mysql" => two
            .batch_execute("SET innodb_lock_wait_timeout = 1")
            .unwrap(),
        _ => unreachable!("not one of these backends"),
    }
    transaction(&mut one, &mut a, |conn, a| {
        a.save(conn)?;
        let conflict = conflict(b.save(&mut two));
        assert_eq!(conflict.kind(), ConflictKind::Serialization);
        assert_eq!(
            (conflict.id(), conflict.expected(), conflict.found()),
            (Some("7"), Some(Token::Number(1)), None)
        );
        assert_eq!(b.version, 1);
        Ok::<_, Error>(())
    })
    .unwrap();
    assert_stale(b.save(&mut two), 1, 2);
}
