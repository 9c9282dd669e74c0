//! `at(id, version)`: writes against the version that a client sent.

use super::*;

#[derive(AsChangeset)]
#[diesel(table_name = tickets)]
struct Patch {
    title: Option<String>,
    price: Option<i64>,
}

#[test]
fn an_update_answers_with_the_row_as_it_is() {
    let (_db, mut conn, _) = two_sessions();
    Ticket::inserted(&mut conn);
    let updated = Ticket::at(7, 1)
        .update(tickets::price.eq(25), &mut conn)
        .unwrap();
    assert_eq!(
        updated,
        Ticket {
            price: 25,
            version: 2,
            ..Ticket::concert()
        }
    );
    assert_eq!(Ticket::row(7, &mut conn), Some(updated));
    let patch = Patch {
        title: None,
        price: Some(30),
    };
    let updated = Ticket::at(7, 2).update(patch, &mut conn).unwrap();
    assert_eq!((updated.price, updated.version), (30, 3));
}

#[test]
fn an_empty_update_moves_the_version() {
    let (_db, mut conn, _) = two_sessions();
    Ticket::inserted(&mut conn);
    let nothing = Patch {
        title: None,
        price: None,
    };
    let updated = Ticket::at(7, 1).update(nothing, &mut conn).unwrap();
    assert_eq!(
        updated,
        Ticket {
            version: 2,
            ..Ticket::concert()
        }
    );
}

#[test]
fn t12_a_version_from_a_client_is_what_is_compared() {
    let (_db, mut conn, _) = two_sessions();
    Ticket::inserted(&mut conn);
    let row = Ticket::at(7, 1).touch(&mut conn).unwrap();
    assert_eq!(
        row,
        Ticket {
            version: 2,
            ..Ticket::concert()
        }
    );
    assert_stale(
        Ticket::at(7, 1).update(tickets::price.eq(1), &mut conn),
        1,
        2,
    );
    assert_stale(Ticket::at(7, 1).touch(&mut conn), 1, 2);
    assert_stale(Ticket::at(7, 1).delete(&mut conn), 1, 2);
    assert_eq!(Ticket::row(7, &mut conn), Some(row));
    assert_eq!(Ticket::at(7, 2).delete(&mut conn).unwrap(), 3);
    assert_eq!(Ticket::row(7, &mut conn), None);
    assert_deleted(Ticket::at(7, 3).update(tickets::price.eq(1), &mut conn), 3);
    assert_deleted(Ticket::at(7, 3).touch(&mut conn), 3);
    assert_deleted(Ticket::at(7, 3).delete(&mut conn), 3);
}

/// The version is the library's: what assigns to it beside the guard is refused.
#[test]
fn t17_the_version_cannot_be_assigned_beside_the_guard() {
    let (_db, mut conn, _) = two_sessions();
    let ticket = Ticket::inserted(&mut conn);
    let twice =
        Ticket::at(7, 1).update((tickets::price.eq(25), tickets::version.eq(99)), &mut conn);
    assert!(
        matches!(twice, Err(Error::VersionAssigned { table: "tickets" })),
        "{twice:?}"
    );
    assert_eq!(Ticket::row(7, &mut conn), Some(ticket));
}

#[test]
fn a_refused_update_inside_of_a_transaction_leaves_it_usable() {
    let (_db, mut conn, _) = two_sessions();
    Ticket::inserted(&mut conn);
    conn.transaction(|conn| {
        assert_stale(Ticket::at(7, 9).update(tickets::price.eq(1), conn), 9, 1);
        Ticket::at(7, 1).update(tickets::price.eq(26), conn)?;
        Ok::<_, Error>(())
    })
    .unwrap();
    assert_eq!(Ticket::row(7, &mut conn).unwrap().price, 26);
}
