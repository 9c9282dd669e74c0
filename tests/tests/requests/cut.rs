//! A service whose connection is cut in the middle of a request.

use std::thread;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;

use super::backend::{self, Conn};
use super::front;
use super::scenarios::{Copy, keep_many, letters_left, number, replica};

/// Ends all other sessions of the database.
fn cut_others(conn: &mut Conn) {
    if backend::NAME == "postgres" {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        diesel::sql_query(cut).execute(conn).unwrap();
        return;
    }
    let others = "SELECT COALESCE(MAX(id), 0) FROM information_schema.processlist
        WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    let id = number(others, conn);
    if id > 0 {
        // It may have ended by itself by now.
        conn.batch_execute(&format!("KILL {id}")).ok();
    }
}

/// The step that was cut is rolled back, and the next service goes on. Each letter is applied once.
#[test]
fn a_request_goes_on_after_the_connection_was_cut() {
    let (db, mut conn) = replica();
    let conn = &mut conn;
    let request = keep_many(conn);
    let mut cuts = 0;
    loop {
        let before = letters_left(conn);
        let done = thread::scope(|scope| {
            let service = scope.spawn(|| {
                let mut conn = db.connect();
                loop {
                    match front::execute::<Copy>(&mut conn) {
                        Ok(Some(pause)) => thread::sleep(pause),
                        done => return done.is_ok(),
                    }
                }
            });
            while !service.is_finished() && letters_left(conn) == before {
                thread::yield_now();
            }
            cut_others(conn);
            service.join().unwrap()
        });
        if done {
            break;
        }
        cuts += 1;
    }
    let done = front::find(request.id, conn).unwrap().unwrap();
    assert_eq!(done.counts.to_string(), "200 applied", "{done}");
    assert_eq!(letters_left(conn), 0);
    assert!(cuts > 0);
}
