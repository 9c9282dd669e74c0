//! Where a lock that is not free is an error at once: `SQLite` without a timeout.

use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use versioned_core::{Op, Outcome};

use super::backend::Db;
use super::backend::prelude::*;
use super::scenarios::{COPIES, LatestPosition, SequentialPosition, event, migrate};

/// The transactions of others take their time on a slow network or a busy machine.
#[test]
fn an_event_outlasts_a_slow_transaction() {
    let db = Db::fresh(COPIES);
    let (mut conn, mut slow) = (db.connect(), db.connect());
    migrate(&mut conn);
    conn.batch_execute("PRAGMA busy_timeout = 0").unwrap();
    slow.batch_execute("BEGIN IMMEDIATE").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(600));
            slow.batch_execute("COMMIT").unwrap();
        });
        let created = event(Op::Created, 7, 1, 20);
        let outcome = SequentialPosition::apply(&created, &mut conn).unwrap();
        assert_eq!(outcome, Outcome::Applied);
    });
}

#[test]
fn many_events_outlast_a_slow_transaction() {
    let db = Db::fresh(COPIES);
    let (mut conn, mut slow) = (db.connect(), db.connect());
    migrate(&mut conn);
    conn.batch_execute("PRAGMA busy_timeout = 0").unwrap();
    slow.batch_execute("BEGIN IMMEDIATE").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            slow.batch_execute("COMMIT").unwrap();
        });
        let created = [7, 8].map(|id| event(Op::Created, id, 1, 20));
        let outcomes = LatestPosition::apply_all(&created, &mut conn).unwrap();
        assert_eq!(outcomes, [Outcome::Applied; 2]);
    });
}
