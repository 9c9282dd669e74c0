//! One pass after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use versioned_core::Error;
use versioned_core::outbox::{self, PublishError, Rejected};

use super::*;

#[test]
fn everything_is_published_once_and_in_order_where_nothing_fails() {
    let (_db, mut conn) = database();
    announce(1..=12, &mut conn);
    let mut ticket = Ticket::find(&7, &mut conn).unwrap();
    for _ in 0..5 {
        ticket.price += 1;
        ticket.save(&mut conn).unwrap();
    }
    ticket.delete(&mut conn).unwrap();
    let payloads: Vec<String> = versioned_outbox::table
        .select(versioned_outbox::payload)
        .order(versioned_outbox::id)
        .load(&mut conn)
        .unwrap();

    let broker = Arc::new(Broker::new());
    let relay = Relay::new(Arc::clone(&broker)).batch(5);
    let mut published = Vec::new();
    loop {
        let pass = relay.run_once(&mut conn).unwrap();
        assert_eq!((pass.rejected, pass.unavailable), (0, 0));
        assert_eq!(pass.taken(), pass.published);
        if pass.published == 0 {
            break;
        }
        published.push(pass.published);
    }
    assert_eq!(published, [5, 5, 5, 3]);
    let mut ids = created(1..=12);
    ids.extend((2..=7).map(|version| format!("tickets/7/{version}")));
    assert_eq!(broker.ids(), ids);
    let log = broker.log.lock().unwrap();
    let sent: Vec<&String> = log.iter().map(|row| &row.payload).collect();
    assert_eq!(sent, payloads.iter().collect::<Vec<_>>(), "byte for byte");
    for row in log.iter() {
        let event: Value = serde_json::from_str(&row.payload).unwrap();
        assert_eq!(event["key"], row.key);
        assert_eq!(event["version"], row.version);
        assert_eq!(event["op"], row.op);
        assert_eq!(row.attempts, 0);
    }
    assert_eq!(log.last().unwrap().op, "deleted");
    assert_eq!(waiting(&mut conn), []);
    assert_eq!(
        broker.batches.lock().unwrap().len(),
        4,
        "nothing is nothing"
    );
}

/// The publisher answers from another thread: the blocking front waits for it.
#[test]
fn a_publisher_may_take_its_time() {
    let (_db, mut conn) = database();
    announce(1..=3, &mut conn);
    let later = Arc::new(Later(Broker::new()));
    let pass = Relay::new(Arc::clone(&later)).run_once(&mut conn).unwrap();
    assert_eq!(pass.published, 3);
    assert_eq!(later.0.ids(), created(1..=3));
    assert_eq!(waiting(&mut conn), []);
}

/// The process dies after the broker has the events, and before it can delete them.
#[test]
fn a_crash_between_publishing_and_deleting_publishes_again() {
    let (db, mut conn) = database();
    announce(1..=3, &mut conn);
    let crashing = Relay::new(Broker::doing_first(|_| panic!("on purpose")));
    let mut doomed = db.connect();
    let crash = catch_unwind(AssertUnwindSafe(|| crashing.run_once(&mut doomed)));
    assert!(crash.is_err());
    drop(doomed);
    assert_eq!(waiting(&mut conn), untouched(1..=3));

    let broker = Arc::new(Broker::new());
    let relay = Relay::new(Arc::clone(&broker));
    until_published(&relay, &mut conn);
    assert_eq!(broker.ids(), created(1..=3));
}

#[test]
fn events_that_the_broker_refuses_starve_nobody() {
    let (_db, mut conn) = database();
    // 12 of them, before all others, and more than two batches.
    announce(1..=30, &mut conn);
    let cured = Arc::new(Mutex::new(false));
    let is_cured = Arc::clone(&cured);
    let broker = Arc::new(Broker::refusing(move |row| {
        let poison = row.key.parse::<i64>().unwrap() <= 12 && !*is_cured.lock().unwrap();
        let text = format!("too large: {}\0", "é".repeat(2_000));
        if poison {
            Err(PublishError::rejected(text))
        } else {
            Ok(())
        }
    }));
    let problem = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&problem);
    let (first, longest) = (Duration::from_millis(400), Duration::from_millis(700));
    let relay = Relay::new(Arc::clone(&broker))
        .batch(5)
        .backoff(first, longest)
        .on_problem(move |problem| heard.lock().unwrap().push(problem.to_string()));
    let before = micros();
    let mut rejected = 0;
    for _ in 0..6 {
        let pass = relay.run_once(&mut conn).unwrap();
        assert_eq!(pass.unavailable, 0);
        rejected += pass.rejected;
    }
    assert_eq!(
        broker.ids(),
        created(13..=30),
        "after as many passes as it takes"
    );
    assert_eq!(rejected, 12);
    assert_eq!(problem.lock().unwrap().len(), 12);
    assert!(
        problem.lock().unwrap()[0].starts_with("the broker rejected tickets/1/1: too large: é"),
        "{:?}",
        problem.lock().unwrap()[0]
    );
    let rows = waiting(&mut conn);
    assert_eq!(rows.len(), 12);
    let first = 400_000_i64;
    for (id, attempts, due, error) in rows {
        assert_eq!(attempts, 1, "{id}");
        // SQLite knows milliseconds.
        let expected = before + first - 1_000..=micros() + first;
        assert!(expected.contains(&due), "{id}");
        let error = error.unwrap();
        assert!(
            error.starts_with("too large: éé") && error.len() <= 2_000,
            "{error}"
        );
    }
    assert_eq!(relay.run_once(&mut conn).unwrap().taken(), 0, "none is due");

    // Again, when they are due, and then after twice the time, but no more than the longest.
    thread::sleep(Duration::from_millis(450));
    let before = micros();
    while relay.run_once(&mut conn).unwrap().taken() > 0 {}
    for (id, attempts, due, _) in waiting(&mut conn) {
        assert_eq!(attempts, 2, "{id}");
        assert!(
            (before + 699_000..=micros() + 700_000).contains(&due),
            "{id}"
        );
    }
    assert_eq!(outbox::Lag::load(&mut conn).unwrap().rejected, 12);
    *cured.lock().unwrap() = true;
    thread::sleep(Duration::from_millis(750));
    while relay.run_once(&mut conn).unwrap().taken() > 0 {}
    assert_eq!(broker.sorted_ids(), created(1..=30));
    assert_eq!(waiting(&mut conn), []);
}

/// Each batch is full of new events, and a rejected one is retried nevertheless.
#[test]
fn a_flow_of_new_events_does_not_starve_a_rejected_one() {
    for ordered in [false, true] {
        let (db, mut conn) = database();
        announce(1..=10, &mut conn);
        let owner = Mutex::new((db.connect(), 10));
        let rejected_once = Mutex::new(false);
        let broker = Arc::new(Broker {
            first: Some(Box::new(move |batch| {
                let (conn, last) = &mut *owner.lock().unwrap();
                let next = *last + 1..=*last + i64::try_from(batch.len()).unwrap();
                *last = *next.end();
                announce(next, conn);
            })),
            ..Broker::refusing(move |row| {
                if row.key == "1" && !std::mem::replace(&mut *rejected_once.lock().unwrap(), true) {
                    return Err(PublishError::rejected("not now"));
                }
                Ok(())
            })
        });
        let second = Duration::from_millis(1);
        let relay = Relay::new(Arc::clone(&broker))
            .batch(5)
            .backoff(second, second);
        let relay = if ordered { relay.ordered() } else { relay };
        let mut passes = 0;
        while !broker.ids().contains(&"tickets/1/1".to_owned()) {
            let pass = relay.run_once(&mut conn).unwrap();
            passes += 1;
            assert!(passes <= 8, "the rejected event waits, ordered: {ordered}");
            assert!(passes == 8 || pass.taken() == 5, "not full: {pass:?}");
        }
    }
}

/// A record's events are in their order in each batch, also if the first one was rejected before.
#[test]
fn a_batch_has_the_versions_of_a_record_in_their_order() {
    let (_db, mut conn) = database();
    announce([1], &mut conn);
    let cured = Arc::new(AtomicBool::new(false));
    let is_cured = Arc::clone(&cured);
    let broker = Arc::new(Broker::refusing(move |_| {
        if is_cured.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(PublishError::rejected("not now"))
    }));
    let pause = Duration::from_millis(1);
    let relay = Relay::new(Arc::clone(&broker)).backoff(pause, pause);
    assert_eq!(relay.run_once(&mut conn).unwrap().rejected, 1);
    let mut ticket = Ticket::find(&1, &mut conn).unwrap();
    for _ in 2..=4 {
        ticket.save(&mut conn).unwrap();
    }
    thread::sleep(Duration::from_millis(20));
    cured.store(true, Ordering::SeqCst);
    assert_eq!(relay.run_once(&mut conn).unwrap().published, 4);
    assert_eq!(broker.versions()["1"], [1, 2, 3, 4]);
}

/// Saves the ticket, until it is at this version.
fn save_until(version: i64, id: i64, conn: &mut Conn) {
    let mut ticket = Ticket::find(&id, conn).unwrap();
    while ticket.version < version {
        ticket.save(conn).unwrap();
    }
}

/// The k-th event of each record is in wave k. MySQL has one wave in a pass.
#[test]
fn an_ordered_relay_publishes_a_batch_in_waves() {
    let (_db, mut conn) = database();
    announce(1..=3, &mut conn);
    save_until(4, 1, &mut conn);
    save_until(2, 3, &mut conn);
    let broker = Arc::new(Broker::new());
    let relay = Relay::new(Arc::clone(&broker)).ordered();
    let pass = relay.run_once(&mut conn).unwrap();
    let in_waves = backend::NAME != "mysql";
    assert_eq!(pass.published, if in_waves { 7 } else { 3 });
    while relay.run_once(&mut conn).unwrap().taken() > 0 {}
    assert_eq!(*broker.batches.lock().unwrap(), [3, 2, 1, 1]);
    let versions = broker.versions();
    assert_eq!(versions["1"], [1, 2, 3, 4]);
    assert_eq!((&versions["2"], &versions["3"]), (&vec![1], &vec![1, 2]));
}

/// What follows on a rejected event waits, in its batch and in the next ones.
#[test]
fn in_an_ordered_relay_a_rejected_event_holds_back_its_record_alone() {
    let (_db, mut conn) = database();
    announce(1..=2, &mut conn);
    save_until(4, 1, &mut conn);
    save_until(3, 2, &mut conn);
    let cured = Arc::new(AtomicBool::new(false));
    let is_cured = Arc::clone(&cured);
    let broker = Arc::new(Broker::refusing(move |row| {
        if (row.key.as_str(), row.version) == ("1", 2) && !is_cured.load(Ordering::SeqCst) {
            return Err(PublishError::rejected("not now"));
        }
        Ok(())
    }));
    let aside = Duration::from_millis(400);
    let relay = Relay::new(Arc::clone(&broker))
        .ordered()
        .backoff(aside, aside);
    let mut rejected = 0;
    while rejected == 0 || !broker.ids().contains(&"tickets/2/3".to_owned()) {
        rejected += relay.run_once(&mut conn).unwrap().rejected;
    }
    assert_eq!(relay.run_once(&mut conn).unwrap().published, 0);
    assert_eq!(broker.versions()["1"], [1]);
    assert_eq!(broker.versions()["2"], [1, 2, 3]);
    cured.store(true, Ordering::SeqCst);
    until_published(&relay, &mut conn);
    assert_eq!(broker.versions()["1"], [1, 2, 3, 4]);
}

/// A slow broker does not keep the transaction open for all waves of a batch.
#[test]
fn the_waves_of_a_batch_keep_to_the_timeout() {
    let (_db, mut conn) = database();
    announce([1], &mut conn);
    save_until(20, 1, &mut conn);
    let broker = Arc::new(Broker::doing_first(|_| {
        thread::sleep(Duration::from_millis(30));
    }));
    let relay = Relay::new(Arc::clone(&broker))
        .ordered()
        .timeout(Duration::from_millis(200));
    let pass = relay.run_once(&mut conn).unwrap();
    assert_eq!((pass.rejected, pass.unavailable), (0, 0));
    assert!((1..=4).contains(&pass.published), "{pass:?}");
    until_published(&relay, &mut conn);
    assert_eq!(broker.versions()["1"], (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_broker_that_is_away_loses_nothing_and_counts_against_nobody() {
    let (_db, mut conn) = database();
    announce(1..=7, &mut conn);
    let broker = Arc::new(Broker::new());
    broker.away.store(true, Ordering::SeqCst);
    let relay = Relay::new(Arc::clone(&broker)).batch(5);
    for _ in 0..3 {
        let pass = relay.run_once(&mut conn).unwrap();
        assert_eq!((pass.published, pass.rejected, pass.unavailable), (0, 0, 5));
    }
    announce(8..=9, &mut conn);
    assert_eq!(waiting(&mut conn), untouched(1..=9));
    broker.away.store(false, Ordering::SeqCst);
    while relay.run_once(&mut conn).unwrap().taken() > 0 {}
    assert_eq!(broker.ids(), created(1..=9));
}

/// Some are published, one is refused, the broker goes away, and the publisher forgets the last ones.
#[test]
fn each_event_is_taken_at_its_own_answer() {
    let (_db, mut conn) = database();
    announce(1..=6, &mut conn);
    struct Forgetful;
    impl Publisher for Forgetful {
        async fn publish(&self, _: &[outbox::OutboxRow]) -> Vec<Result<(), PublishError>> {
            vec![
                Ok(()),
                Err(PublishError::rejected("no")),
                Ok(()),
                Err(PublishError::unavailable("gone")),
            ]
        }
    }
    let pass = Relay::new(Forgetful).run_once(&mut conn).unwrap();
    assert_eq!((pass.published, pass.rejected, pass.unavailable), (2, 1, 3));
    let left: Vec<_> = waiting(&mut conn)
        .into_iter()
        .map(|(id, attempts, _, error)| (id, attempts, error))
        .collect();
    let expected = [
        ("tickets/2/1".to_owned(), 1, Some("no".to_owned())),
        ("tickets/4/1".to_owned(), 0, None),
        ("tickets/5/1".to_owned(), 0, None),
        ("tickets/6/1".to_owned(), 0, None),
    ];
    assert_eq!(left, expected);
}

#[test]
fn a_batch_that_takes_too_long_is_not_published() {
    let (_db, mut conn) = database();
    announce(1..=8, &mut conn);
    let broker = Arc::new(Broker {
        hangs_at: Some("3"),
        ..Broker::new()
    });
    let relay = Relay::new(Arc::clone(&broker))
        .batch(8)
        .timeout(Duration::from_millis(50));
    let start = Instant::now();
    let pass = relay.run_once(&mut conn).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!((pass.published, pass.rejected, pass.unavailable), (0, 0, 8));
    assert_eq!(waiting(&mut conn), untouched(1..=8));

    // It is not the broker's fault, as the smaller batches show: one event makes it hang.
    for _ in 0..12 {
        relay.run_once(&mut conn).unwrap();
    }
    let mut others = created([1, 2]);
    others.extend(created(4..=8));
    assert_eq!(broker.ids(), others);
    let left = waiting(&mut conn);
    assert_eq!(left.len(), 1);
    let (id, attempts, _, error) = &left[0];
    assert_eq!((id.as_str(), *attempts), ("tickets/3/1", 1));
    assert_eq!(error.as_deref(), Some("not published within 50ms"));
    // The batches have their size again.
    announce(11..=18, &mut conn);
    assert_eq!(relay.run_once(&mut conn).unwrap().published, 8);
}

#[test]
fn what_is_not_committed_is_not_published() {
    let (_db, mut conn) = database();
    let broker = Arc::new(Broker::new());
    let relay = Relay::new(Arc::clone(&broker));
    let rolled_back = conn.transaction(|conn| {
        announce([1], conn);
        match relay.run_once(conn) {
            Err(Error::Database(diesel::result::Error::AlreadyInTransaction)) => {}
            other => panic!("{other:?}"),
        }
        Err::<(), _>(diesel::result::Error::RollbackTransaction)
    });
    assert!(rolled_back.is_err());
    assert_eq!(relay.run_once(&mut conn).unwrap().taken(), 0);
    assert_eq!(broker.ids(), Vec::<String>::new());
}

/// An id of an event is never that of an earlier one, also after the table was empty: replicas and brokers may know it.
#[test]
fn an_outbox_that_was_emptied_does_not_count_from_the_beginning() {
    let (db, mut conn) = database();
    let broker = Arc::new(Broker::new());
    let relay = Relay::new(Arc::clone(&broker));
    for id in 1..=4 {
        announce([id], &mut conn);
        assert_eq!(relay.run_once(&mut conn).unwrap().published, 1);
        assert_eq!(waiting(&mut conn), []);
        conn = db.connect();
    }
    let ids: Vec<i64> = broker
        .log
        .lock()
        .unwrap()
        .iter()
        .map(|row| row.id)
        .collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
}

/// Nobody who writes a record waits for a broker.
#[test]
fn owners_write_while_a_batch_is_published() {
    let (db, mut conn) = database();
    announce(1..=3, &mut conn);
    let owner = Mutex::new(db.connect());
    let times = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&times);
    let relay = Relay::new(Broker::doing_first(move |batch| {
        let start = Instant::now();
        let conn = &mut *owner.lock().unwrap();
        announce([100 + batch[0].id], conn);
        let mut ticket = Ticket::find(&2, conn).unwrap();
        ticket.save(conn).unwrap();
        told.lock().unwrap().push(start.elapsed());
    }));
    let pass = relay.run_once(&mut conn).unwrap();
    assert_eq!(pass.published, 3);
    assert!(
        times.lock().unwrap()[0] < Duration::from_secs(2),
        "{times:?}"
    );
    assert_eq!(waiting(&mut conn).len(), 2);
    assert_eq!(relay.run_once(&mut conn).unwrap().published, 2);
}

#[test]
fn lag_says_what_waits() {
    let (_db, mut conn) = database();
    let nothing = outbox::Lag::load(&mut conn).unwrap();
    assert_eq!(
        (nothing.pending, nothing.rejected, nothing.oldest),
        (0, 0, None)
    );
    announce(1..=3, &mut conn);
    diesel::update(versioned_outbox::table.filter(versioned_outbox::key.eq("2")))
        .set((
            versioned_outbox::at.eq(micros() - 90_000_000),
            versioned_outbox::attempts.eq(4),
        ))
        .execute(&mut conn)
        .unwrap();
    let lag = outbox::Lag::load(&mut conn).unwrap();
    assert_eq!((lag.pending, lag.rejected), (3, 1));
    let oldest = lag.oldest.unwrap();
    // SQLite knows milliseconds.
    assert!((89..100).contains(&oldest.as_secs()), "{oldest:?}");
}

/// A count that reads everything would be slow when it is needed most.
#[test]
fn lag_counts_up_to_a_limit() {
    let (_db, mut conn) = database();
    announce([1], &mut conn);
    let doubled =
        "INSERT INTO versioned_outbox (entity, \"key\", version, op, payload, at, attempts)
        SELECT entity, \"key\", version, op, payload, at - 1, 1 FROM versioned_outbox";
    let doubled = match backend::NAME {
        "mysql" => doubled.replace('"', "`"),
        _ => doubled.to_owned(),
    };
    for times in 1..=14 {
        diesel::sql_query(&doubled).execute(&mut conn).unwrap();
        let lag = outbox::Lag::load(&mut conn).unwrap();
        let all = 1_u64 << times;
        assert_eq!(lag.pending, all.min(10_001));
        assert_eq!(lag.rejected, (all - 1).min(10_001));
        assert!(lag.oldest.is_some());
    }
}

#[test]
fn rejected_events_are_listed_with_their_reasons_and_tried_again_at_once() {
    let (_db, mut conn) = database();
    let conn = &mut conn;
    announce(1..=6, conn);
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    let relay = Relay::new(Broker::refusing(move |row| {
        if is_broken.load(Ordering::SeqCst) && ["2", "3", "5"].contains(&&*row.key) {
            return Err(PublishError::rejected(format_args!("no {}", row.key)));
        }
        Ok(())
    }));
    assert_eq!(Rejected::load(None, 10, conn).unwrap(), []);
    let pass = relay.run_once(conn).unwrap();
    assert_eq!((pass.published, pass.rejected), (3, 3));
    // One of them once more.
    diesel::update(versioned_outbox::table.filter(versioned_outbox::key.eq("2")))
        .set(versioned_outbox::due.eq(0))
        .execute(conn)
        .unwrap();
    assert_eq!(relay.run_once(conn).unwrap().rejected, 1);
    let facts = |page: &[Rejected]| -> Vec<(String, u32, String)> {
        let facts = page.iter().map(|one| {
            assert_eq!(
                (&*one.entity, one.version, &*one.op),
                ("tickets", 1, "created")
            );
            (one.key.clone(), one.attempts, one.reason.clone())
        });
        facts.collect()
    };
    let all = Rejected::load(None, 10, conn).unwrap();
    let expected = [("3", 1, "no 3"), ("5", 1, "no 5"), ("2", 2, "no 2")];
    assert_eq!(
        facts(&all),
        expected.map(|(key, attempts, reason)| (key.to_owned(), attempts, reason.to_owned()))
    );
    assert_eq!(all[0].to_string(), "tickets/3/1, rejected 1 times: no 3");
    let age = all[0].at.elapsed().unwrap_or_default();
    assert!(age < Duration::from_mins(1), "{age:?}");
    let first = Rejected::load(None, 1, conn).unwrap();
    assert_eq!(first, all[..1]);
    assert_eq!(Rejected::load(first.last(), 10, conn).unwrap(), all[1..]);
    assert_eq!(Rejected::load(all.last(), 10, conn).unwrap(), []);

    broken.store(false, Ordering::SeqCst);
    assert_eq!(relay.run_once(conn).unwrap().taken(), 0);
    assert_eq!(Rejected::retry_all(conn).unwrap(), 3);
    assert_eq!(Rejected::retry_all(conn).unwrap(), 0);
    let published: usize = (0..3)
        .map(|_| relay.run_once(conn).unwrap().published)
        .sum();
    assert_eq!(published, 3);
    assert_eq!(Rejected::load(None, 10, conn).unwrap(), []);
}

fn micros() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_micros()).unwrap()
}
