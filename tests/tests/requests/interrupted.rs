//! A service that is killed in the middle of a request.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use versioned_tests::asynchronous::block_on;

use versioned_core::requests::{AsyncResender, Resend};

use super::front;
use super::scenarios::resends::{owner, pending};
use super::scenarios::{Copy, Ticket, keep_many, letters_left, replica};

/// Polls a future so many times, and drops it at the next event.
async fn polled<F: Future>(mut times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|task| {
        if times == 0 {
            return Poll::Ready(None);
        }
        times -= 1;
        future.as_mut().poll(task).map(Some)
    })
    .await
}

/// What the dead service has begun is rolled back, and the next one goes on. Each letter is applied once.
#[test]
fn a_request_goes_on_after_its_service_was_killed() {
    let (db, mut conn) = replica();
    let request = keep_many(&mut conn);
    // The process that asked is gone.
    drop(conn);
    let mut kills = 0;
    for polls in (3..).step_by(23) {
        let mut conn = db.connect();
        let executing = versioned_core::requests::execute_async::<Copy, _>(&mut conn);
        match block_on(polled(polls, executing)) {
            // It is dropped in the middle, and so is its connection.
            None => kills += 1,
            Some(Ok(None)) => break,
            // The database has not ended the transaction of the one before yet.
            Some(Ok(Some(pause))) => std::thread::sleep(pause),
            Some(Err(error)) => assert!(error.is_conflict(), "{error}"),
        }
    }
    let conn = &mut db.connect();
    let done = front::find(request.id, conn).unwrap().unwrap();
    assert_eq!(done.counts.to_string(), "200 applied", "{done}");
    assert_eq!(letters_left(conn), 0);
    assert!(kills > 2, "{kills}");
}

/// Each record is sent once, and none is left out.
#[test]
fn a_resend_goes_on_after_its_service_was_killed() {
    let (db, mut conn) = owner(100);
    let all = Resend::all("tickets").rate(100);
    let keys = (1..=100).map(|id: i64| id.to_string());
    let chosen = Resend::records("tickets", keys);
    for resend in [all, chosen] {
        let request = front::ask(&resend, &mut conn).unwrap();
        let before = pending(&mut conn).len();
        let mut kills = 0;
        for polls in (3..).step_by(23) {
            let mut conn = db.connect();
            let resender = AsyncResender::new().model::<Ticket>();
            match block_on(polled(polls, resender.run_once(&mut conn))) {
                None => kills += 1,
                Some(Ok(None)) => break,
                Some(Ok(Some(pause))) => std::thread::sleep(pause),
                Some(Err(error)) => assert!(error.is_conflict(), "{error}"),
            }
        }
        let done = front::find(request.id, &mut conn).unwrap().unwrap();
        assert_eq!(done.counts.to_string(), "100 queued", "{done}");
        let sent = pending(&mut conn);
        let mut keys: Vec<_> = sent[before..].iter().map(|(key, ..)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!((keys.len(), sent.len() - before), (100, 100));
        assert!(kills > 0, "{kills}");
    }
}
