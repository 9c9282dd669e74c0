//! A key that changes in memory or in a patch: the write would reach another record. Nothing is sent.

use diesel_migrations::MigrationHarness as _;
use versioned_core::{MIGRATIONS, Op, Tracked};

use super::statements::Log;
use super::*;

/// Records 7 and 8, both at version 1.
fn two_records() -> (Db, Conn, Ticket, Ticket) {
    let db = Db::fresh(TICKETS);
    let mut conn = db.connect();
    let seven = Ticket::inserted(&mut conn);
    let mut eight = Ticket {
        id: 8,
        title: "opera".into(),
        ..Ticket::concert()
    };
    eight.insert(&mut conn).unwrap();
    (db, conn, seven, eight)
}

/// It was refused because of record 7.
#[track_caller]
fn assert_key_changed<T>(refused: Result<T, Error>) {
    match refused {
        Err(Error::KeyChanged { table, id }) => assert_eq!((table, id.as_str()), ("tickets", "7")),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it went through"),
    }
}

#[test]
fn no_method_of_a_tracked_model_reaches_another_record() {
    let (_db, mut conn, seven, eight) = two_records();
    let mut ticket = Tracked::new(seven.clone());
    ticket.id = 8;
    let changed = ticket.clone();
    let log = Log::on(&mut conn);
    assert_key_changed(ticket.save(&mut conn).map(drop));
    assert_key_changed(ticket.touch(&mut conn).map(drop));
    assert_key_changed(ticket.delete(&mut conn).map(drop));
    assert_key_changed(ticket.verify(&mut conn));
    assert_key_changed(ticket.reload(&mut conn));
    assert_key_changed(ticket.rebase(&mut conn));
    assert_eq!(log.take(), Vec::<String>::new());
    assert_eq!(ticket, changed, "as it was");
    drop(log);
    assert_eq!(Ticket::row(7, &mut conn), Some(seven));
    assert_eq!(Ticket::row(8, &mut conn), Some(eight));
}

#[test]
fn after_a_touch_a_tracked_model_still_knows_what_changed() {
    let (_db, mut conn, seven, _) = two_records();
    let mut ticket = Tracked::new(seven);
    let change = ticket.touch(&mut conn).unwrap();
    assert_eq!((change.op(), change.version()), (Op::Updated, 2));
    assert_eq!(ticket.original().version, 2);
    assert!(ticket.save(&mut conn).unwrap().is_none(), "nothing changed");

    // A column that was not changed here is not written, so a write past the version stays.
    ticket.price = 25;
    ticket.touch(&mut conn).unwrap();
    diesel::update(tickets::table.find(7))
        .set(tickets::note.eq("theirs"))
        .execute(&mut conn)
        .unwrap();
    ticket.save(&mut conn).unwrap().unwrap();
    let row = Ticket::row(7, &mut conn).unwrap();
    assert_eq!(
        (row.price, row.note.as_deref(), row.version),
        (25, Some("theirs"), 4)
    );
}

#[test]
fn a_tracked_model_is_verified_and_deleted() {
    let (_db, mut conn, seven, _) = two_records();
    let mut ticket = Tracked::new(seven.clone());
    ticket.verify(&mut conn).unwrap();
    let change = ticket.delete(&mut conn).unwrap();
    assert_eq!((change.op(), change.version()), (Op::Deleted, 2));
    assert_eq!(Ticket::row(7, &mut conn), None);

    let mut late = Tracked::new(seven);
    assert_deleted(late.verify(&mut conn), 1);
    assert_deleted(late.touch(&mut conn).map(drop), 1);
    assert_deleted(late.delete(&mut conn).map(drop), 1);
    assert_eq!((late.version, late.original().version), (1, 1));
}

#[test]
fn a_closure_that_changes_the_key_writes_nothing() {
    let (_db, mut conn, seven, eight) = two_records();
    let changed = Ticket::update_with(&7, &mut conn, |ticket| {
        ticket.id = 8;
        ticket.price = 99;
        Ok(())
    });
    assert_key_changed(changed);
    assert_eq!(Ticket::row(7, &mut conn), Some(seven));
    assert_eq!(Ticket::row(8, &mut conn), Some(eight));
}

#[derive(AsChangeset)]
#[diesel(table_name = tickets, primary_key(version))]
struct Patch<'a> {
    price: Option<i64>,
    title: Option<&'a str>,
    id: Option<i64>,
}

#[test]
fn changes_that_assign_to_the_key_write_nothing() {
    let (_db, mut conn, seven, eight) = two_records();
    let log = Log::on(&mut conn);
    let at = || Ticket::at(7, 1);
    assert_key_changed(at().update(tickets::id.eq(42), &mut conn));
    assert_key_changed(at().update((tickets::price.eq(3), tickets::id.eq(8)), &mut conn));
    let patch = |id| Patch {
        price: Some(3),
        title: Some("a \"id\" = `id` = ', id"),
        id,
    };
    assert_key_changed(at().update(patch(Some(42)), &mut conn));
    assert_eq!(log.take(), Vec::<String>::new());
    drop(log);
    assert_eq!(Ticket::row(7, &mut conn), Some(seven));
    assert_eq!(Ticket::row(8, &mut conn), Some(eight));
    assert_eq!(Ticket::row(42, &mut conn), None);

    let row = at().update(patch(None), &mut conn).unwrap();
    assert_eq!((row.id, row.price, row.version), (7, 3, 2));
    // Read from the key, and not written to it.
    let row = Ticket::at(7, 2).update(tickets::price.eq(tickets::id + 1), &mut conn);
    assert_eq!(row.unwrap().price, 8);
}

/// With an outbox the event would have been for the other key.
#[test]
fn a_changed_key_is_not_announced() {
    diesel::table! {
        versioned_outbox {
            id -> BigInt,
        }
    }

    #[derive(Debug, Clone, Queryable, Selectable, serde::Serialize, Versioned)]
    #[diesel(table_name = tickets)]
    #[versioned(owner, outbox, tombstones)]
    struct Announced {
        id: i64,
        title: String,
        price: i64,
        note: Option<String>,
        version: i64,
    }

    let (_db, mut conn, ..) = two_records();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    assert_key_changed(Announced::at(7, 1).update(tickets::id.eq(42), &mut conn));
    assert_key_changed(Announced::update_with(&7, &mut conn, |ticket| {
        ticket.id = 8;
        Ok(())
    }));
    let mut ticket = Tracked::new(Announced::find(&7, &mut conn).unwrap());
    ticket.id = 8;
    assert_key_changed(ticket.delete(&mut conn).map(drop));
    assert_key_changed(ticket.touch(&mut conn).map(drop));
    let announced = versioned_outbox::table.count().get_result(&mut conn);
    assert_eq!(announced, Ok(0_i64));
    assert!(Ticket::row(7, &mut conn).is_some() && Ticket::row(8, &mut conn).is_some());
}
