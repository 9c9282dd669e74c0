//! Several purges beside a writer and a relay.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use diesel::connection::SimpleConnection as _;
use versioned_core::direct::DirectPublisher;
use versioned_core::outbox::{Relay, RelayProblem, Shutdown};
use versioned_core::retention::{Purged, Retention};
use versioned_tests::waiting::STUCK;

use super::retention::{HOUR, kept, letter, parked, tombstones};
use super::*;

const OLD: usize = 200;

#[test]
fn purges_do_not_get_in_the_way() {
    let mut pair = Pair::with(1..=10);
    let old: Vec<_> = (0..OLD)
        .map(|number| (format!("old {number}"), 5))
        .collect();
    tombstones("copies", &old, &mut pair.replica);
    tombstones("", &old, &mut pair.owner);
    for number in 0..30 {
        letter(
            &format!("old {number}"),
            &format!("{number}"),
            5,
            &mut pair.replica,
        );
        parked(&format!("old {}", number + 50), 9, 5, &mut pair.replica);
    }
    let retention = Retention::new()
        .tombstones(3 * HOUR)
        .dead_letters(3 * HOUR)
        .parked(3 * HOUR)
        .batch(10)
        .pause(Duration::from_millis(1));
    let total = Mutex::new([Purged::default(); 2]);
    let (stopped, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let problems = std::sync::Arc::new(Mutex::new(Vec::new()));
    let heard = std::sync::Arc::clone(&problems);
    let copies = Mutex::new(vec![pair.replica_db.connect()]);
    let publisher = DirectPublisher::new().replica::<Copy, _, _>(move || {
        let conn = copies.lock().unwrap().pop();
        conn.ok_or("there are no more connections")
    });
    let relay = Relay::new(publisher)
        .ordered()
        .poll(Duration::from_millis(2), Duration::from_millis(20))
        .on_problem(move |problem: &RelayProblem<'_>| {
            heard.lock().unwrap().push(problem.to_string());
        });
    let shutdown = Shutdown::new();
    let is_purged = || {
        let [replica, owner] = *total.lock().unwrap();
        let purged = (replica.tombstones, replica.dead_letters, replica.parked);
        (purged, owner.tombstones) == ((OLD, 30, 30), OLD)
    };
    std::thread::scope(|scope| {
        let mut writer = pair.owner_db.connect();
        let (stopped, written, total) = (&stopped, &written, &total);
        scope.spawn(move || {
            // Each record is saved, deleted and made again.
            for round in 0.. {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                for id in 1..=10 {
                    let mut ticket = Ticket::find(&id, &mut writer).unwrap();
                    ticket.title = format!("round {round}");
                    ticket.save(&mut writer).unwrap();
                    ticket.delete(&mut writer).unwrap();
                    ticket.version = 0;
                    ticket.insert(&mut writer).unwrap();
                    written.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        let mut relay_conn = Some(pair.owner_db.connect());
        let (relay, until) = (&relay, shutdown.clone());
        scope.spawn(move || {
            relay.run(
                || relay_conn.take().ok_or("there are no more connections"),
                until,
            )
        });
        for number in 0..4 {
            let side = number % 2;
            let db = [&pair.replica_db, &pair.owner_db][side];
            let (mut conn, retention) = (db.connect(), &retention);
            scope.spawn(move || {
                while !stopped.load(Ordering::SeqCst) {
                    let purged = if side == 0 {
                        front::purge::<Copy, _>(retention, &mut conn).unwrap()
                    } else {
                        front::purge_owner::<Ticket, _>(retention, &mut conn).unwrap()
                    };
                    let sum = &mut total.lock().unwrap()[side];
                    sum.tombstones += purged.tombstones;
                    sum.dead_letters += purged.dead_letters;
                    sum.parked += purged.parked;
                }
            });
        }
        let stop = Stop(stopped, shutdown.clone());
        let end = Instant::now() + STUCK;
        while !is_purged() || written.load(Ordering::SeqCst) < 50 {
            assert!(Instant::now() < end, "{:?}", total.lock().unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
        stopped.store(true, Ordering::SeqCst);
        // The relay goes on until all is applied.
        loop {
            let compared = pair.compare();
            if compared.is_equal() {
                break;
            }
            assert!(Instant::now() < end, "{compared:?}");
        }
        drop(stop);
    });
    assert_eq!(*problems.lock().unwrap(), [""; 0]);
    // No young deletion is gone, and no position.
    for conn in [&mut pair.owner, &mut pair.replica] {
        assert_eq!(kept(KEY, "versioned_positions", conn).len(), 10);
    }
}

/// Stops the threads, also if the test fails.
struct Stop<'s>(&'s AtomicBool, Shutdown);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        self.1.stop();
    }
}

const OURS: &str = "replica = 'copies' AND entity = 'tickets'";

#[derive(QueryableByName)]
#[allow(dead_code, reason = "it is locked, and not read")]
struct Locked {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    version: i64,
}

/// Rows that another transaction has locked are left to the next purge, and nobody waits.
#[test]
fn what_is_locked_is_left_out() {
    if backend::NAME == "sqlite" {
        return;
    }
    let mut pair = Pair::new();
    let old: Vec<_> = (0..5).map(|number| (format!("old {number}"), 5)).collect();
    tombstones("copies", &old, &mut pair.replica);
    for number in 0..5 {
        letter("", &format!("letter {number}"), 5, &mut pair.replica);
        parked(&format!("old {number}"), 9, 5, &mut pair.replica);
    }
    let retention = Retention::new()
        .tombstones(3 * HOUR)
        .dead_letters(3 * HOUR)
        .parked(3 * HOUR)
        .batch(2)
        .pause(Duration::ZERO);
    let mut other = pair.replica_db.connect();
    let conn = &mut pair.replica;
    // A purge that waited would fail.
    conn.batch_execute(match backend::NAME {
        "mysql" => "SET innodb_lock_wait_timeout = 1",
        _ => "SET lock_timeout = '1s'",
    })
    .unwrap();
    other
        .transaction::<_, diesel::result::Error, _>(|other| {
            for row in [
                format!("version FROM versioned_positions WHERE {OURS} AND {KEY} = 'old 1'"),
                format!("version FROM versioned_dead_letters WHERE {OURS} AND source = 'letter 3'"),
            ] {
                let lock = diesel::sql_query(format!("SELECT {row} FOR UPDATE"));
                assert_eq!(lock.load::<Locked>(other)?.len(), 1);
            }
            let purged = front::purge::<Copy, _>(&retention, conn).unwrap();
            assert_eq!((purged.dead_letters, purged.parked), (4, 4), "{purged}");
            // The letter may be of any record.
            assert_eq!(purged.tombstones, 0);
            Ok(())
        })
        .unwrap();
    assert_eq!(kept("source", "versioned_dead_letters", conn), ["letter 3"]);
    assert_eq!(kept(KEY, "versioned_parked", conn), ["old 1"]);
    let purged = front::purge::<Copy, _>(&retention, conn).unwrap();
    assert_eq!(
        (purged.dead_letters, purged.parked, purged.tombstones),
        (1, 1, 5),
        "{purged}"
    );
}

#[test]
fn a_loop_purges_until_it_is_stopped() {
    let mut pair = Pair::new();
    tombstones("copies", &[("7".to_owned(), 5)], &mut pair.replica);
    let (sender, purged) = std::sync::mpsc::channel();
    let shutdown = Shutdown::new();
    let mut conns = vec![pair.replica_db.connect(), pair.replica_db.connect()];
    let until = shutdown.clone();
    let retention = Retention::new().tombstones(3 * HOUR);
    let thread = std::thread::spawn(move || {
        let connect = || conns.pop().ok_or("there are no more connections");
        let report = |purged: Result<Purged>| {
            let said = purged.map(|purged| purged.tombstones);
            sender
                .send(said.map_err(|error| error.to_string()))
                .unwrap();
        };
        front::keep_purging::<Copy, _>(
            &retention,
            Duration::from_millis(1),
            connect,
            report,
            until,
        );
    });
    assert_eq!(purged.recv_timeout(STUCK), Ok(Ok(1)));
    assert_eq!(purged.recv_timeout(STUCK), Ok(Ok(0)));
    // An error does not end it.
    let away = Err("there are no more connections".to_owned());
    assert_eq!(purged.recv_timeout(STUCK), Ok(away.clone()));
    assert_eq!(purged.recv_timeout(STUCK), Ok(away));
    shutdown.stop();
    thread.join().unwrap();
}
