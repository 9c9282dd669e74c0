//! T5, T6: what is in memory after a transaction that did not commit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

fn no<T>() -> Result<T, Error> {
    Err(Error::other("changed my mind"))
}

#[test]
fn t05_after_a_rollback_the_next_save_works() {
    let (_db, mut conn, _) = two_sessions();
    let mut ticket = Ticket::inserted(&mut conn);
    let rolled_back = transaction(&mut conn, &mut ticket, |conn, ticket| {
        ticket.price = 25;
        ticket.save(conn)?;
        ticket.save(conn)?;
        assert_eq!(ticket.version, 3);
        no::<()>()
    });
    assert!(
        matches!(rolled_back, Err(Error::Other(_))),
        "{rolled_back:?}"
    );
    assert_eq!((ticket.version, ticket.price), (1, 25));
    assert_eq!(
        Ticket::row(7, &mut conn),
        Some(Ticket {
            version: 1,
            ..Ticket::concert()
        })
    );
    ticket.save(&mut conn).unwrap();
    assert_eq!(
        Ticket::row(7, &mut conn),
        Some(Ticket {
            version: 2,
            price: 25,
            ..Ticket::concert()
        })
    );
}

/// Documented: with Diesel's own `transaction` the model does not hear of the rollback. It is then ahead of the row,
/// and refused; nothing is overwritten.
#[test]
fn t05_without_our_transaction_the_model_is_refused_and_nothing_is_lost() {
    let (_db, mut conn, _) = two_sessions();
    let mut ticket = Ticket::inserted(&mut conn);
    let rolled_back = conn.transaction(|conn| {
        ticket.save(conn)?;
        no::<()>()
    });
    assert!(
        matches!(rolled_back, Err(Error::Other(_))),
        "{rolled_back:?}"
    );
    assert_stale(ticket.save(&mut conn), 2, 1);
    ticket.reload(&mut conn).unwrap();
    ticket.save(&mut conn).unwrap();
}

#[test]
fn t05_a_deletion_and_an_insertion_are_taken_back_too() {
    let (_db, mut conn, _) = two_sessions();
    let mut old = Ticket::inserted(&mut conn);
    let mut new = Ticket {
        id: 8,
        title: "play".into(),
        version: 0,
        ..Ticket::concert()
    };
    let rolled_back = transaction(&mut conn, (&mut old, &mut new), |conn, (old, new)| {
        old.delete(conn)?;
        new.insert(conn)?;
        no::<()>()
    });
    assert!(
        matches!(rolled_back, Err(Error::Other(_))),
        "{rolled_back:?}"
    );
    assert_eq!((old.version, new.version), (1, 0));
    old.save(&mut conn).unwrap();
    assert_eq!(Ticket::row(8, &mut conn), None);
}

#[test]
fn t05_a_conflict_in_the_middle_takes_back_what_was_saved_before_it() {
    let (_db, mut one, mut two) = two_sessions();
    let mut a = Ticket::inserted(&mut one);
    let mut b = Ticket {
        id: 8,
        title: "play".into(),
        ..Ticket::concert()
    };
    b.insert(&mut one).unwrap();
    Ticket::find(&8, &mut two).unwrap().save(&mut two).unwrap();
    let lost = transaction(&mut one, (&mut a, &mut b), |conn, (a, b)| {
        a.save(conn)?;
        b.save(conn)?;
        Ok::<_, Error>(())
    });
    let conflict = conflict(lost);
    assert_eq!(
        (conflict.kind(), conflict.id()),
        (ConflictKind::Stale, Some("8"))
    );
    assert_eq!((a.version, b.version), (1, 1));
    assert_eq!(Ticket::row(7, &mut two).unwrap().version, 1);
    a.save(&mut one).unwrap();
}

#[test]
fn t05_a_slice_of_models_is_taken_back() {
    let (_db, mut conn, _) = two_sessions();
    let mut tickets: Vec<_> = (1..=3)
        .map(|id| Ticket {
            id,
            title: format!("show {id}"),
            ..Ticket::concert()
        })
        .collect();
    transaction(&mut conn, &mut tickets[..], |conn, tickets| {
        for ticket in tickets {
            ticket.insert(conn)?;
        }
        Ok::<_, Error>(())
    })
    .unwrap();
    let rolled_back = transaction(&mut conn, &mut tickets[..], |conn, tickets| {
        for ticket in tickets.iter_mut().take(2) {
            ticket.save(conn)?;
        }
        no::<()>()
    });
    assert!(
        matches!(rolled_back, Err(Error::Other(_))),
        "{rolled_back:?}"
    );
    assert!(
        tickets.iter().all(|ticket| ticket.version == 1),
        "{tickets:?}"
    );
}

#[test]
fn t05_a_panic_takes_the_version_back() {
    let (db, mut conn, _) = two_sessions();
    let mut ticket = Ticket::inserted(&mut conn);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        transaction(&mut conn, &mut ticket, |conn, ticket| {
            ticket.save(conn)?;
            assert_ne!(ticket.version, 2, "a panic in the middle");
            Ok::<_, Error>(())
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(ticket.version, 1);
    drop(conn);
    ticket.save(&mut db.connect()).unwrap();
    assert_eq!(ticket.version, 2);
}

#[test]
fn t06_a_savepoint_is_taken_back_alone() {
    let (_db, mut conn, _) = two_sessions();
    let mut ticket = Ticket::inserted(&mut conn);
    transaction(&mut conn, &mut ticket, |conn, ticket| {
        let inner = transaction(conn, &mut *ticket, |conn, ticket| {
            ticket.price = 99;
            ticket.save(conn)?;
            no::<()>()
        });
        assert!(matches!(inner, Err(Error::Other(_))), "{inner:?}");
        assert_eq!(ticket.version, 1);
        ticket.price = 25;
        ticket.save(conn)?;
        Ok::<_, Error>(())
    })
    .unwrap();
    assert_eq!(ticket.version, 2);
    assert_eq!(Ticket::row(7, &mut conn), Some(ticket));
}

#[test]
fn t06_after_a_savepoint_was_rolled_back_the_save_may_come_after_the_commit() {
    let (_db, mut conn, _) = two_sessions();
    let mut ticket = Ticket::inserted(&mut conn);
    transaction(&mut conn, &mut ticket, |conn, ticket| {
        let inner = transaction(conn, ticket, |conn, ticket| {
            ticket.save(conn)?;
            no::<()>()
        });
        assert!(matches!(inner, Err(Error::Other(_))), "{inner:?}");
        Ok::<_, Error>(())
    })
    .unwrap();
    ticket.save(&mut conn).unwrap();
    assert_eq!(Ticket::row(7, &mut conn).unwrap().version, 2);
}

#[test]
fn t06_an_outer_rollback_takes_back_what_an_inner_transaction_kept() {
    let (_db, mut conn, _) = two_sessions();
    let mut ticket = Ticket::inserted(&mut conn);
    let outer = transaction(&mut conn, &mut ticket, |conn, ticket| {
        transaction(conn, &mut *ticket, |conn, ticket| {
            ticket.save(conn)?;
            Ok::<_, Error>(())
        })?;
        assert_eq!(ticket.version, 2);
        no::<()>()
    });
    assert!(matches!(outer, Err(Error::Other(_))), "{outer:?}");
    assert_eq!(ticket.version, 1);
    ticket.save(&mut conn).unwrap();
}
