//! Errors in the middle of a result, on MySQL and MariaDB: the rows before it were sent already.
//!
//! Connector/C of MariaDB leaves the prepared statement in a state in which its next execution waits for
//! the rest of the result, which never comes.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use versioned_core::{Op, dead_letters};

use super::backend::Db;
use super::scenarios::{COPIES, SequentialPosition, event, migrate};

#[test]
fn a_redrive_goes_on_after_an_error_in_the_middle_of_its_letters() {
    let db = Db::fresh(COPIES);
    let (mut conn, mut other) = (db.connect(), db.connect());
    migrate(&mut conn);
    for version in 1..=2 {
        let body: versioned_core::Event<SequentialPosition> =
            event(Op::Updated, 7, version, version);
        let body = serde_json::to_string(&body).unwrap();
        conn.batch_execute(&format!(
            "INSERT INTO versioned_dead_letters (replica, entity, source, `key`, version, body, subject, message_key, headers,
                reason, attempts, first_at, last_at)
             VALUES ('copies', 'tickets', '{version}', '7', {version}, '{body}', 'events', 'none:', '', 'not now', 1, 1, 1)"
        ))
        .unwrap();
    }
    conn.batch_execute("SET SESSION innodb_lock_wait_timeout = 1")
        .unwrap();
    // The second letter is locked for longer than the timeout. The redrive is tried again meanwhile.
    other
        .batch_execute("BEGIN; UPDATE versioned_dead_letters SET attempts = 2 WHERE source = '2'")
        .unwrap();
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let redriven = dead_letters::redrive::<SequentialPosition, _>(&mut conn);
        done.send(redriven.map(|redriven| redriven.applied))
            .unwrap();
    });
    thread::sleep(Duration::from_millis(2_500));
    other.batch_execute("COMMIT").unwrap();
    let applied = is_done.recv_timeout(Duration::from_mins(1));
    assert_eq!(applied.expect("it hangs").unwrap(), 2);
}
