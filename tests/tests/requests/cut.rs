//! A service whose connection is cut in the middle of a request.

use std::thread;

use super::front;
use super::scenarios::{Copy, cut_others, keep_many, letters_left, replica};

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
