//! T20, semantics 4 and 5, where rows are locked: PostgreSQL and MySQL.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use diesel::prelude::*;
use versioned_core::version::Token;
use versioned_core::{ConflictKind, Error};

use super::backend::prelude::*;
use super::backend::{self, Db};
use super::scenarios::concurrency::isolate;
use super::scenarios::{TICKETS, Ticket, assert_stale, conflict, tickets, two_sessions};

#[test]
fn t20_a_save_that_waits_for_a_rollback_goes_through() {
    let (_db, mut one, mut two) = two_sessions();
    let ticket = Ticket::inserted(&mut one);
    let (mut a, mut b) = (ticket.clone(), ticket);
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let rolled_back = transaction(&mut one, &mut a, |conn, a| {
                a.save(conn)?;
                barrier.wait();
                thread::sleep(Duration::from_millis(100));
                Err::<(), _>(Error::other("no"))
            });
            assert!(matches!(rolled_back, Err(Error::Other(_))));
        });
        barrier.wait();
        b.price = 30;
        b.save(&mut two).unwrap();
    });
    assert_eq!((a.version, b.version), (1, 2));
    assert_eq!(Ticket::row(7, &mut two), Some(b));
}

/// Semantics 5 and 4: the loser of a serialization failure cannot look any more, so nothing is `found`.
#[test]
fn s05_the_loser_at_repeatable_read_gets_a_conflict() {
    let (_db, mut one, mut two) = two_sessions();
    let mut a = Ticket::inserted(&mut one);
    isolate(&mut two, "REPEATABLE READ");
    let mut b = a.clone();
    let lost = transaction(&mut two, &mut b, |conn, b| {
        Ticket::find(&7, conn)?; // the snapshot
        a.save(&mut one)?;
        b.save(conn)?;
        Ok::<_, Error>(())
    });
    let conflict = conflict(lost);
    assert_eq!(
        (conflict.table(), conflict.id()),
        (Some("tickets"), Some("7"))
    );
    assert_eq!(conflict.expected(), Some(Token::Number(1)));
    if backend::NAME == "postgres" {
        assert_eq!(conflict.kind(), ConflictKind::Serialization);
        assert_eq!(conflict.found(), None);
        assert!(conflict.cause().is_some());
    } else {
        // The guard sees the row as it is, not the snapshot, and so does the look after it.
        assert_eq!(conflict.kind(), ConflictKind::Stale);
        assert_eq!(conflict.found(), Some(Token::Number(2)));
    }
    assert_eq!(b.version, 1);
    assert_eq!(Ticket::row(7, &mut one), Some(a));
}

#[test]
fn s05_a_deadlock_is_a_conflict() {
    let db = Db::fresh(TICKETS);
    let mut conn = db.connect();
    let first = Ticket::inserted(&mut conn);
    let mut second = Ticket {
        id: 8,
        title: "play".into(),
        ..Ticket::concert()
    };
    second.insert(&mut conn).unwrap();
    let barrier = Barrier::new(2);
    let run = |mut x: Ticket, mut y: Ticket| {
        let mut conn = db.connect();
        let barrier = &barrier;
        move || {
            transaction(&mut conn, (&mut x, &mut y), |conn, (x, y)| {
                x.save(conn)?;
                barrier.wait();
                y.save(conn)?;
                Ok::<_, Error>(())
            })
        }
    };
    let one = run(first.clone(), second.clone());
    let two = run(second, first);
    let (one, two) = thread::scope(|scope| {
        let (one, two) = (scope.spawn(one), scope.spawn(two));
        (one.join().unwrap(), two.join().unwrap())
    });
    let (winner, loser) = if one.is_ok() { (one, two) } else { (two, one) };
    winner.unwrap();
    let conflict = conflict(loser);
    assert_eq!(conflict.kind(), ConflictKind::Serialization);
    assert_eq!(conflict.expected(), Some(Token::Number(1)));
    let versions: Vec<i64> = tickets::table
        .select(tickets::version)
        .load(&mut db.connect())
        .unwrap();
    assert_eq!(versions, [2, 2]);
}

#[test]
fn a_verified_row_is_held_until_the_transaction_ends() {
    let (_db, mut one, mut two) = two_sessions();
    let ticket = Ticket::inserted(&mut one);
    let mut theirs = ticket.clone();
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            barrier.wait();
            theirs.save(&mut two).unwrap();
        });
        one.transaction(|conn| {
            ticket.verify(conn)?;
            barrier.wait();
            thread::sleep(Duration::from_millis(150));
            assert_eq!(Ticket::row(7, conn).unwrap().version, 1);
            ticket.verify(conn)?;
            Ok::<_, Error>(())
        })
        .unwrap();
    });
    assert_eq!(theirs.version, 2);
    assert_stale(ticket.verify(&mut one), 1, 2);
}
