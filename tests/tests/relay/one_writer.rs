//! `SQLite` has one writer: what became of a batch is noted when the relay gets its turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use diesel::connection::{InstrumentationEvent, SimpleConnection as _};
use versioned_core::Error;
use versioned_core::outbox::Relay;

use super::super::broker::Broker;
use super::super::*;
use super::backend::Conn;
use super::scenarios::database;

/// Counts the attempts to delete what was published.
fn deletions(conn: &mut Conn) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event
            && query.to_string().starts_with("DELETE")
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    count
}

fn waiting(conn: &mut Conn) -> i64 {
    versioned_outbox::table.count().get_result(conn).unwrap()
}

#[test]
fn another_writer_is_waited_for() {
    let (db, mut conn) = database();
    announce(1..=3, &mut conn);
    conn.batch_execute("PRAGMA busy_timeout = 0").unwrap();
    let deletions = deletions(&mut conn);
    let attempts = Arc::clone(&deletions);
    let relay = Relay::new(Broker::doing_first(move |_| {
        let mut other = db.connect();
        other.batch_execute("BEGIN IMMEDIATE").unwrap();
        let attempts = Arc::clone(&attempts);
        thread::spawn(move || {
            while attempts.load(Ordering::Relaxed) == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_millis(20));
            other.batch_execute("COMMIT").unwrap();
        });
    }));
    assert_eq!(relay.run_once(&mut conn).unwrap().published, 3);
    assert!(deletions.load(Ordering::Relaxed) > 1);
    assert_eq!(waiting(&mut conn), 0);
}

#[test]
fn what_no_waiting_mends_is_told_at_once() {
    let (db, mut conn) = database();
    announce(1..=3, &mut conn);
    let deletions = deletions(&mut conn);
    let relay = Relay::new(Broker::doing_first(move |_| {
        let stays = "CREATE TRIGGER stays BEFORE DELETE ON versioned_outbox BEGIN SELECT RAISE(ABORT, 'no'); END";
        db.connect().batch_execute(stays).unwrap();
    }));
    let failed = relay.run_once(&mut conn);
    assert!(matches!(failed, Err(Error::Database(_))), "{failed:?}");
    assert_eq!(deletions.load(Ordering::Relaxed), 1);
    assert_eq!(waiting(&mut conn), 3);
}

/// No read stays open while the broker has the batch, or the log that is to be written back would grow.
#[test]
fn the_log_is_written_back_while_a_batch_is_published() {
    let (db, mut conn) = database();
    conn.batch_execute("PRAGMA journal_mode = WAL").unwrap();
    announce(1..=30, &mut conn);
    let relay = Relay::new(Broker::doing_first(move |_| {
        let other = &mut db.connect();
        announce([100 + waiting(other)], other);
        let busy: i32 =
            diesel::dsl::sql::<diesel::sql_types::Integer>("PRAGMA wal_checkpoint(TRUNCATE)")
                .get_result(other)
                .unwrap();
        assert_eq!(busy, 0);
    }))
    .batch(10);
    for _ in 0..2 {
        assert_eq!(relay.run_once(&mut conn).unwrap().published, 10);
    }
}
