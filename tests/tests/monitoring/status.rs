//! What waits in a database.

use std::time::Duration;

use diesel_migrations::MigrationHarness as _;
use versioned_core::status::{MOST, OutboxBacklog, Status};
use versioned_core::{Error, MIGRATIONS};

use super::super::rows::{Look as _, Rows, ago};
use super::backend::{self, Conn, Db};

fn database() -> (Db, Conn) {
    let db = Db::fresh("CREATE TABLE tickets (id BIGINT PRIMARY KEY)");
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

fn rows(conn: &mut Conn) -> Rows<'_, Conn> {
    let name = backend::NAME;
    Rows { conn, name }
}

#[track_caller]
fn is_about(seconds: u64, age: Option<Duration>) {
    let age = age.unwrap();
    // Inserted before it was looked at; SQLite knows milliseconds.
    assert!(
        (seconds - 1..seconds + 60).contains(&age.as_secs()),
        "{age:?}"
    );
}

#[test]
fn nothing_waits_in_a_new_database() {
    let (_db, mut conn) = database();
    let status = conn.status(MOST).unwrap();
    assert_eq!(status, Status::default());
    assert_eq!(status.outbox.pending.to_string(), "0");
}

/// Three ages, of what waits for three reasons.
#[test]
fn what_waits_is_counted_with_the_age_of_the_oldest() {
    let (_db, mut conn) = database();
    rows(&mut conn).pending(3, 0, ago(100));
    rows(&mut conn).pending(2, 4, ago(500));
    rows(&mut conn).parked(4, "copies", "tickets", ago(1_000));
    rows(&mut conn).letters(5, "copies", "tickets", ago(2_000));
    let status = conn.status(MOST).unwrap();
    let OutboxBacklog {
        pending,
        oldest_pending,
        rejected,
        oldest_rejected,
        ..
    } = status.outbox;
    assert_eq!((pending.value, pending.at_least), (5, false));
    // Those that the broker rejected are late too.
    is_about(500, oldest_pending);
    assert_eq!((rejected.value, rejected.at_least), (2, false));
    is_about(500, oldest_rejected);
    let [copies] = &status.replicas[..] else {
        panic!("{:?}", status.replicas);
    };
    assert_eq!((&*copies.replica, &*copies.entity), ("copies", "tickets"));
    assert_eq!((copies.parked.value, copies.parked.at_least), (4, false));
    is_about(1_000, copies.oldest_parked);
    let letters = copies.dead_letters;
    assert_eq!((letters.value, letters.at_least), (5, false));
    is_about(2_000, copies.oldest_dead_letter);
}

#[test]
fn a_count_ends_at_its_limit() {
    let (_db, mut conn) = database();
    rows(&mut conn).pending(12, 1, ago(100));
    rows(&mut conn).parked(12, "copies", "tickets", ago(1_000));
    rows(&mut conn).letters(12, "copies", "tickets", ago(2_000));
    for (most, value, at_least, shown) in [
        (5, 5, true, "5+"),
        (12, 12, true, "12+"),
        (13, 12, false, "12"),
    ] {
        let status = conn.status(most).unwrap();
        let copies = &status.replicas[0];
        for count in [
            status.outbox.pending,
            status.outbox.rejected,
            copies.parked,
            copies.dead_letters,
        ] {
            assert_eq!((count.value, count.at_least), (value, at_least));
            assert_eq!(count.to_string(), shown);
        }
        // The oldest is among the first.
        is_about(100, status.outbox.oldest_pending);
        is_about(1_000, copies.oldest_parked);
        is_about(2_000, copies.oldest_dead_letter);
    }
}

/// One that has nothing waiting too, and none that is an owner's.
#[test]
fn each_replica_is_found() {
    let (_db, mut conn) = database();
    rows(&mut conn).positions(1, "", "tickets");
    rows(&mut conn).positions(3, "b", "tickets");
    rows(&mut conn).positions(3, "b", "events");
    rows(&mut conn).positions(3, "d", "tickets");
    rows(&mut conn).parked(2, "b", "orders", ago(10));
    rows(&mut conn).parked(2, "c", "tickets", ago(10));
    rows(&mut conn).letters(1, "B", "tickets", ago(10));
    rows(&mut conn).letters(1, "b", "tickets", ago(10));
    rows(&mut conn).letters(1, "e", "users", ago(10));
    let status = conn.status(MOST).unwrap();
    let found: Vec<_> = status
        .replicas
        .iter()
        .map(|one| {
            let (parked, letters) = (one.parked.value, one.dead_letters.value);
            assert_eq!(one.oldest_parked.is_some(), parked > 0);
            assert_eq!(one.oldest_dead_letter.is_some(), letters > 0);
            (&*one.replica, &*one.entity, parked, letters)
        })
        .collect();
    assert_eq!(
        found,
        [
            ("B", "tickets", 0, 1),
            ("b", "events", 0, 0),
            ("b", "orders", 2, 0),
            ("b", "tickets", 0, 1),
            ("c", "tickets", 2, 0),
            ("d", "tickets", 0, 0),
            ("e", "users", 0, 1),
        ]
    );
}

/// Written by a host whose clock is ahead.
#[test]
fn nothing_is_younger_than_new() {
    let (_db, mut conn) = database();
    rows(&mut conn).pending(1, 1, ago(-3_600));
    rows(&mut conn).parked(1, "copies", "tickets", ago(-3_600));
    rows(&mut conn).letters(1, "copies", "tickets", ago(-3_600));
    let status = conn.status(MOST).unwrap();
    let copies = &status.replicas[0];
    for age in [
        status.outbox.oldest_pending,
        status.outbox.oldest_rejected,
        copies.oldest_parked,
        copies.oldest_dead_letter,
    ] {
        assert_eq!(age, Some(Duration::ZERO));
    }
}

#[test]
fn without_the_tables_it_is_an_error() {
    let db = Db::fresh("CREATE TABLE tickets (id BIGINT PRIMARY KEY)");
    let error = db.connect().status(MOST).unwrap_err();
    assert!(matches!(error, Error::Database(_)), "{error:?}");
}
