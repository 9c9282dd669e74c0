//! Several relays at once, where the server has row locks.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use diesel::sql_types::BigInt;
use versioned_core::Error;
use versioned_core::outbox::{self, OutboxRow, PublishError, Relay};

use super::super::broker::*;
use super::super::*;
use super::backend::{self, Conn};
use super::scenarios::{database, until_published};

/// Ends the session of a connection, as an administrator or a network would.
fn kill(session: i64, admin: &mut Conn) {
    let kill = match backend::NAME {
        "postgres" => format!("SELECT pg_terminate_backend({session}::int)"),
        _ => format!("KILL {session}"),
    };
    diesel::sql_query(kill).execute(admin).unwrap();
}

fn session(conn: &mut Conn) -> i64 {
    let session = match backend::NAME {
        "postgres" => "pg_backend_pid()::bigint",
        _ => "CAST(CONNECTION_ID() AS SIGNED)",
    };
    diesel::select(diesel::dsl::sql::<BigInt>(session))
        .get_result(conn)
        .unwrap()
}

fn keys(batch: &[OutboxRow]) -> HashSet<String> {
    batch.iter().map(|row| row.key.clone()).collect()
}

/// While one has its batch in hand, the other one takes the next; when the first one's connection breaks, its batch is for
/// the others.
#[test]
fn two_relays_never_have_the_same_event_in_hand() {
    let (db, mut conn) = database();
    announce(1..=20, &mut conn);
    let (reached, in_hand) = mpsc::sync_channel(1);
    let (release, released) = mpsc::sync_channel::<()>(1);
    let released = Mutex::new(released);
    let slow = Relay::new(Broker::doing_first(move |batch| {
        reached.send(keys(batch)).unwrap();
        released.lock().unwrap().recv().unwrap();
    }))
    .batch(8);
    let mut theirs = db.connect();
    let victim = session(&mut theirs);
    let run = thread::spawn(move || {
        slow.run_once(&mut theirs)
            .map_err(|error| error.to_string())
    });
    let first = in_hand.recv().unwrap();
    assert_eq!(first.len(), 8);

    let broker = Arc::new(Broker::new());
    let quick = Relay::new(Arc::clone(&broker)).batch(8);
    assert_eq!(quick.run_once(&mut conn).unwrap().published, 8);
    assert_eq!(quick.run_once(&mut conn).unwrap().published, 4);
    assert_eq!(quick.run_once(&mut conn).unwrap().taken(), 0);
    let second = keys(&broker.log.lock().unwrap());
    assert_eq!(
        first.intersection(&second).count(),
        0,
        "{first:?} {second:?}"
    );

    kill(victim, &mut conn);
    release.send(()).unwrap();
    run.join().unwrap().unwrap_err();
    until_published(&quick, &mut conn);
    assert_eq!(broker.sorted_ids(), created(1..=20));
}

/// The broker has the batch, and the DELETE does not come through: it is published again.
#[test]
fn a_connection_that_breaks_while_the_batch_is_published_loses_nothing() {
    let (db, mut conn) = database();
    announce(1..=3, &mut conn);
    let admin = Mutex::new(db.connect());
    let mut doomed = db.connect();
    let victim = session(&mut doomed);
    let first = Arc::new(Broker::doing_first(move |_| {
        kill(victim, &mut admin.lock().unwrap());
    }));
    let failed = Relay::new(Arc::clone(&first)).run_once(&mut doomed);
    assert!(matches!(failed, Err(Error::Database(_))), "{failed:?}");
    assert_eq!(first.ids(), created(1..=3), "the broker has them");
    let again = Arc::new(Broker::new());
    let relay = Relay::new(Arc::clone(&again));
    until_published(&relay, &mut conn);
    assert_eq!(again.ids(), created(1..=3));
}

/// A broker that now and then refuses one, and takes some time.
fn moody() -> Arc<Broker> {
    let dice = AtomicU64::new(1);
    Arc::new(Broker::refusing(move |_| {
        let thrown = dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed) >> 32;
        thread::sleep(Duration::from_micros(thrown % 300));
        if thrown.is_multiple_of(10) {
            return Err(PublishError::rejected("not now"));
        }
        Ok(())
    }))
}

/// Pass after pass, until `written` and nothing waits any more.
fn drain(relay: &Relay<Arc<Broker>>, written: &AtomicBool, conn: &mut Conn) {
    loop {
        let last = written.load(Ordering::SeqCst);
        let taken = relay.run_once(conn).unwrap().taken();
        if last && taken == 0 && outbox::Lag::load(conn).unwrap().pending == 0 {
            break;
        }
    }
}

#[test]
fn four_relays_publish_each_event_once() {
    let (db, mut conn) = database();
    announce(1..=500, &mut conn);
    let broker = moody();
    let written = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            let mut conn = db.connect();
            let relay = Relay::new(Arc::clone(&broker))
                .batch(20)
                .backoff(Duration::from_millis(20), Duration::from_millis(50));
            let written = &written;
            scope.spawn(move || drain(&relay, written, &mut conn));
        }
        announce(501..=1_500, &mut conn);
        written.store(true, Ordering::SeqCst);
    });
    assert_eq!(broker.sorted_ids(), created(1..=1_500));
}

/// Four relays, while the owner writes, with a broker that refuses one in ten: each record's events come one after the other.
#[test]
fn ordered_relays_publish_the_events_of_a_record_in_their_order() {
    const RECORDS: i64 = 40;
    const VERSIONS: i64 = 12;
    let (db, mut conn) = database();
    announce(1..=RECORDS, &mut conn);
    let save_each = |conn: &mut Conn| {
        for id in 1..=RECORDS {
            let mut ticket = Ticket::find(&id, conn).unwrap();
            ticket.save(conn).unwrap();
        }
    };
    // Half of them wait already.
    (1..VERSIONS / 2).for_each(|_| save_each(&mut conn));
    let broker = moody();
    let written = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            let mut conn = db.connect();
            let relay = Relay::new(Arc::clone(&broker))
                .ordered()
                .batch(7)
                .backoff(Duration::from_millis(10), Duration::from_millis(20));
            let written = &written;
            scope.spawn(move || drain(&relay, written, &mut conn));
        }
        (VERSIONS / 2..VERSIONS).for_each(|_| save_each(&mut conn));
        written.store(true, Ordering::SeqCst);
    });
    let versions = broker.versions();
    assert_eq!(versions.len(), usize::try_from(RECORDS).unwrap());
    for (key, versions) in versions {
        assert_eq!(versions, (1..=VERSIONS).collect::<Vec<_>>(), "ticket {key}");
    }
}

/// An event whose predecessor another relay has in hand is nobody's; nor is one whose predecessor was refused.
#[test]
fn an_ordered_relay_does_not_overtake_another() {
    let (db, mut conn) = database();
    announce([1, 2], &mut conn);
    let mut ticket = Ticket::find(&1, &mut conn).unwrap();
    ticket.save(&mut conn).unwrap();

    let mut theirs = db.connect();
    let second = Arc::new(Broker::new());
    let overtaking = Relay::new(Arc::clone(&second)).ordered();
    let theirs_seen = Mutex::new(Vec::new());
    struct Meanwhile<F>(F);
    impl<F: Fn() + Send + Sync> outbox::Publisher for Meanwhile<F> {
        async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
            (self.0)();
            batch
                .iter()
                .map(|row| {
                    if row.key == "1" {
                        Err(PublishError::rejected("no"))
                    } else {
                        Ok(())
                    }
                })
                .collect()
        }
    }
    let theirs = Mutex::new(&mut theirs);
    let relay = Relay::new(Meanwhile(|| {
        let pass = overtaking.run_once(*theirs.lock().unwrap()).unwrap();
        theirs_seen.lock().unwrap().push(pass.taken());
    }))
    .ordered();
    let pass = relay.run_once(&mut conn).unwrap();
    assert_eq!((pass.published, pass.rejected), (1, 1));
    assert_eq!(
        *theirs_seen.lock().unwrap(),
        [0],
        "version 2 waits for version 1"
    );
    assert_eq!(
        overtaking.run_once(&mut conn).unwrap().taken(),
        0,
        "version 1 is put aside"
    );
    assert_eq!(second.ids(), Vec::<String>::new());
}

/// The event with the lower id commits after the one with the higher id was published.
#[test]
fn an_event_that_commits_late_is_not_skipped() {
    for ordered in [false, true] {
        let (db, mut conn) = database();
        let broker = Arc::new(Broker::new());
        let relay = Relay::new(Arc::clone(&broker));
        let relay = if ordered { relay.ordered() } else { relay };
        let mut late = db.connect();
        late.begin_test_transaction().unwrap();
        announce([1], &mut late);
        announce([2], &mut conn);
        assert_eq!(relay.run_once(&mut conn).unwrap().published, 1);
        assert_eq!(relay.run_once(&mut conn).unwrap().taken(), 0);
        diesel::sql_query("COMMIT").execute(&mut late).unwrap();
        assert_eq!(relay.run_once(&mut conn).unwrap().published, 1);
        assert_eq!(broker.ids(), created([2, 1]));
        let ids: Vec<i64> = broker
            .log
            .lock()
            .unwrap()
            .iter()
            .map(|row| row.id)
            .collect();
        assert!(ids[1] < ids[0], "{ids:?}");
    }
}

/// Where they would hinder each other, and writers, at the higher ones.
#[test]
fn relays_do_not_work_at_the_isolation_level_of_their_sessions() {
    const WRITERS: i64 = 3;
    const EACH: i64 = 100;
    for level in backend::LEVELS {
        for ordered in [false, true] {
            let (db, mut conn) = database();
            announce(1..=50, &mut conn);
            let broker = Arc::new(Broker::new());
            let written = AtomicBool::new(false);
            thread::scope(|scope| {
                for _ in 0..4 {
                    let mut conn = db.connect();
                    backend::isolate(&mut conn, level);
                    let relay = Relay::new(Arc::clone(&broker)).batch(7);
                    let relay = if ordered { relay.ordered() } else { relay };
                    let written = &written;
                    scope.spawn(move || drain(&relay, written, &mut conn));
                }
                let writers: Vec<_> = (1..=WRITERS)
                    .map(|writer| {
                        let mut conn = db.connect();
                        let first = writer * 1_000;
                        scope.spawn(move || announce(first + 1..=first + EACH, &mut conn))
                    })
                    .collect();
                for writer in writers {
                    writer.join().unwrap();
                }
                written.store(true, Ordering::SeqCst);
            });
            let all = (1..=WRITERS).flat_map(|writer| writer * 1_000 + 1..=writer * 1_000 + EACH);
            assert_eq!(broker.sorted_ids(), created((1..=50).chain(all)), "{level}");
        }
    }
}
