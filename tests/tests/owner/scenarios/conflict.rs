//! Semantics 4, 5, 12: what a conflict tells, and what is none.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::*;

#[track_caller]
fn database_kind<T: std::fmt::Debug>(result: Result<T, Error>) -> DatabaseErrorKind {
    match result {
        Err(Error::Database(DieselError::DatabaseError(kind, _))) => kind,
        other => panic!("expected an error of the database, got {other:?}"),
    }
}

#[test]
fn s05_constraints_pass_through_unchanged() {
    let (_db, mut conn, _) = two_sessions();
    let mut ticket = Ticket::inserted(&mut conn);
    let mut other = Ticket {
        id: 8,
        title: "play".into(),
        ..Ticket::concert()
    };
    other.insert(&mut conn).unwrap();

    ticket.price = -1;
    let check = database_kind(ticket.save(&mut conn));
    match backend::NAME {
        // Diesel has no kind for MariaDB's CHECK (4025).
        "mysql" => assert!(matches!(
            check,
            DatabaseErrorKind::Unknown | DatabaseErrorKind::CheckViolation
        )),
        _ => assert!(matches!(check, DatabaseErrorKind::CheckViolation)),
    }
    ticket.price = 20;
    ticket.title = "play".into();
    assert!(matches!(
        database_kind(ticket.save(&mut conn)),
        DatabaseErrorKind::UniqueViolation
    ));
    assert!(matches!(
        database_kind(ticket.insert(&mut conn)),
        DatabaseErrorKind::UniqueViolation
    ));
    assert!(matches!(
        database_kind(ticket.import(&mut conn)),
        DatabaseErrorKind::UniqueViolation
    ));
    assert_eq!(ticket.version, 1, "memory did not move");
    assert_eq!(
        Ticket::row(7, &mut conn),
        Some(Ticket {
            version: 1,
            ..Ticket::concert()
        })
    );
    ticket.title = "opera".into();
    ticket.save(&mut conn).unwrap();
}

#[test]
fn s01_nothing_in_memory_moves_before_the_write_succeeded() {
    let (_db, mut one, mut two) = two_sessions();
    let mut a = Ticket::inserted(&mut one);
    let mut b = Ticket {
        price: 77,
        note: None,
        ..a.clone()
    };
    a.save(&mut one).unwrap();
    let before = b.clone();
    assert_stale(b.save(&mut two), 1, 2);
    assert_eq!(b, before);
    assert_stale(b.delete(&mut two), 1, 2);
    assert_eq!(b, before);
    assert!(b.insert(&mut two).is_err());
    assert_eq!(b, before);
}

#[test]
fn update_with_loads_again_after_a_conflict() {
    let (_db, mut one, mut two) = two_sessions();
    Ticket::inserted(&mut one);
    let mut seen = Vec::new();
    let saved = Ticket::update_with(&7, &mut one, |ticket| {
        seen.push((ticket.version, ticket.price));
        if seen.len() < 3 {
            // Another session is faster, twice.
            let mut theirs = Ticket::find(&7, &mut two)?;
            theirs.price += 100;
            theirs.save(&mut two)?;
        }
        ticket.price += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [(1, 20), (2, 120), (3, 220)]);
    assert_eq!((saved.version, saved.price), (4, 221));
    assert_eq!(Ticket::row(7, &mut one), Some(saved));
}

#[test]
fn update_with_gives_up_in_the_end() {
    let (_db, mut one, mut two) = two_sessions();
    Ticket::inserted(&mut one);
    let mut runs = 0;
    let lost = Ticket::update_with_retry(&7, Retry::times(2), &mut one, |ticket| {
        runs += 1;
        Ticket::find(&7, &mut two)?.touch(&mut two)?;
        ticket.price += 1;
        Ok(())
    });
    assert_stale(lost, 3, 4);
    assert_eq!(runs, 3);
    assert_eq!(Ticket::row(7, &mut one).unwrap().price, 20);
}

#[test]
fn update_with_does_not_swallow_a_deleted_row() {
    let (_db, mut one, mut two) = two_sessions();
    let missing = Ticket::update_with(&7, &mut one, |_| panic!("there is nothing to change"));
    assert!(
        matches!(&missing, Err(Error::NotFound { table: "tickets", id }) if id == "7"),
        "{missing:?}"
    );

    Ticket::inserted(&mut one);
    let deleted = Ticket::update_with(&7, &mut one, |_| {
        Ticket::find(&7, &mut two)?.delete(&mut two)?;
        Ok(())
    });
    assert_deleted(deleted, 1);
}

#[test]
fn update_with_stops_at_an_error_of_the_callers_own() {
    let (_db, mut conn, _) = two_sessions();
    Ticket::inserted(&mut conn);
    let mut runs = 0;
    let refused = Ticket::update_with(&7, &mut conn, |ticket| {
        runs += 1;
        ticket.price = 0;
        Err(Error::other("sold out"))
    });
    assert!(
        matches!(&refused, Err(Error::Other(error)) if error.to_string() == "sold out"),
        "{refused:?}"
    );
    assert_eq!(runs, 1);
    assert_eq!(Ticket::row(7, &mut conn).unwrap().price, 20);
}

#[test]
fn a_conflict_reads_well() {
    let (_db, mut one, mut two) = two_sessions();
    let mut a = Ticket::inserted(&mut one);
    let mut b = a.clone();
    a.save(&mut one).unwrap();
    assert_eq!(
        b.save(&mut two).unwrap_err().to_string(),
        "tickets 7 is stale: expected version 1, found 2"
    );
    a.delete(&mut one).unwrap();
    assert_eq!(
        b.save(&mut two).unwrap_err().to_string(),
        "tickets 7 was deleted or never existed: expected version 1"
    );
}
