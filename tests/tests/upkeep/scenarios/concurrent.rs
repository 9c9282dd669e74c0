//! Comparisons while records are saved and events applied.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use versioned_core::Op;
use versioned_core::direct::DirectPublisher;
use versioned_core::outbox::{Relay, Shutdown};
use versioned_tests::waiting::STUCK;

use super::*;

/// Stops the threads, also if the test fails.
struct Stop<'s> {
    writers: &'s AtomicBool,
    relay: Shutdown,
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.writers.store(true, Ordering::SeqCst);
        self.relay.stop();
    }
}

/// Records 1 to 40 rest, and 41 to 50 are saved all the time.
const RESTING: i64 = 40;
const ALL: i64 = 50;

fn with_load(pair: &mut Pair, test: impl FnOnce(&mut Pair, &Stop<'_>)) {
    let stopped = AtomicBool::new(false);
    let mut relay_conns = vec![pair.owner_db.connect(), pair.owner_db.connect()];
    let mut writer = pair.owner_db.connect();
    let copies = Mutex::new(vec![pair.replica_db.connect(), pair.replica_db.connect()]);
    let publisher = DirectPublisher::new().replica::<Copy, _, _>(move || {
        let conn = copies.lock().unwrap().pop();
        conn.ok_or("there are no more connections")
    });
    let shutdown = Shutdown::new();
    std::thread::scope(|scope| {
        let stop = Stop {
            writers: &stopped,
            relay: shutdown.clone(),
        };
        let relay = Relay::new(publisher)
            .ordered()
            .poll(Duration::from_millis(2), Duration::from_millis(20));
        let until = shutdown.clone();
        scope.spawn(move || {
            let connect = || relay_conns.pop().ok_or("there are no more connections");
            relay.run(connect, until)
        });
        let stopped = &stopped;
        scope.spawn(move || {
            for round in 0.. {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let id = RESTING + 1 + round % (ALL - RESTING);
                let mut ticket = Ticket::find(&id, &mut writer).unwrap();
                ticket.title = format!("round {round}");
                ticket.save(&mut writer).unwrap();
            }
        });
        test(pair, &stop);
    });
}

/// Compares until what has come so far is applied. On a slow machine, records that are saved all the time may be behind.
fn of_resting(compared: &Compared) -> Vec<(String, Verdict)> {
    let (moving, resting): (Vec<_>, Vec<_>) = found(compared)
        .into_iter()
        .partition(|(key, _)| (RESTING + 1..=ALL).contains(&key.parse().unwrap()));
    let in_flight = [Verdict::Behind, Verdict::Unsettled];
    assert!(
        moving
            .iter()
            .all(|(_, verdict)| in_flight.contains(verdict)),
        "{moving:?}"
    );
    resting
}

#[test]
fn damage_is_found_and_repaired_while_records_are_saved() {
    let mut pair = Pair::with(1..=ALL);
    for damage in [
        "UPDATE copies SET title = 'damaged' WHERE id IN (3, 4, 5)",
        "DELETE FROM copies WHERE id IN (6, 7)",
        "INSERT INTO copies (id, title, version) VALUES (1000, 'extra', 1)",
    ] {
        at_replica(&mut pair, damage);
    }
    let comparison = || {
        Comparison::<Copy>::new()
            .page(7)
            .settle(Duration::from_millis(300))
    };
    with_load(&mut pair, |pair, stop| {
        let compared = pair.run(&comparison());
        let damaged = expected(&[
            (3, Verdict::Different),
            (4, Verdict::Different),
            (5, Verdict::Different),
            (6, Verdict::Missing),
            (7, Verdict::Missing),
            (1000, Verdict::Extra),
        ]);
        assert_eq!(of_resting(&compared), damaged, "{compared:?}");
        assert!(!compared.is_equal());
        let checked = u64::try_from(ALL).unwrap() + 1;
        assert_eq!(compared.records(), checked, "{compared}");

        let keys: Vec<String> = compared.to_resend().map(str::to_owned).collect();
        assert!(front::resend::<Ticket, _>(&keys, &mut pair.owner).unwrap() >= 5);
        let extra = Event::new(Op::Snapshot, "tickets", "1000", 1, None);
        assert_eq!(
            Copy::apply(&extra, &mut pair.replica).unwrap(),
            Outcome::Applied
        );
        // Nothing has stopped. The relay applies what was sent again.
        let end = Instant::now() + STUCK;
        loop {
            let compared = pair.run(&comparison());
            let left = of_resting(&compared);
            if left.is_empty() {
                break;
            }
            assert!(Instant::now() < end, "{compared:?}");
        }
        // When nothing is saved any more, all are equal.
        stop.writers.store(true, Ordering::SeqCst);
        loop {
            let compared = pair.run(&comparison());
            if compared.is_equal() {
                return;
            }
            assert_eq!(of_resting(&compared), []);
            assert!(Instant::now() < end, "{compared:?}");
        }
    });
}

/// Events that were not relayed yet are no damage.
#[test]
fn a_relay_that_stands_still_is_lag() {
    let mut pair = Pair::with(1..=10);
    for id in 1..=10 {
        pair.save(id);
    }
    pair.delete(10);
    let compared = pair.compare();
    assert_eq!(
        (compared.behind, compared.records()),
        (10, 10),
        "{compared:?}"
    );
    pair.relay();
    assert!(pair.compare().is_equal());
}

/// Between the owner's answer and the look at the replica comes one more event, each time.
#[test]
fn a_record_that_never_rests_is_unsettled() {
    let mut pair = Pair::with(1..=3);
    let mut other = pair.replica_db.connect();
    let Pair { owner, replica, .. } = &mut pair;
    let mut asked_for_2 = 0;
    let ask = |question: Question| {
        let answer = asked(&question, owner)?;
        if answer.records.iter().any(|state| state.key == "2") {
            asked_for_2 += 1;
            let mut ticket = Ticket::find(&2, owner)?;
            ticket.title.push('!');
            ticket.save(owner)?;
            let (title, note, version) = (ticket.title, None, ticket.version);
            let copy = Copy {
                id: 2,
                title,
                note,
                seen: None,
                version,
            };
            assert_eq!(
                Copy::apply(&Event::updated(copy), &mut other)?,
                Outcome::Applied
            );
        }
        Ok(answer)
    };
    let compared = front::compare(&at_once().looks(4), ask, replica).unwrap();
    assert_eq!(found(&compared), expected(&[(2, Verdict::Unsettled)]));
    assert_eq!((compared.equal, compared.is_equal()), (2, false));
    // Four looks, and one for the replica's rows.
    assert_eq!(asked_for_2, 5);
    let one = &compared.differences[0];
    assert_eq!((one.owner, one.replica), (Some(5), Some(6)), "{one}");
}

/// A record that comes to rest between two looks is equal.
#[test]
fn a_record_that_was_in_flight_is_equal_at_the_next_look() {
    let mut pair = Pair::with(1..=3);
    pair.save(1);
    pair.insert(4);
    pair.delete(3);
    let events = pair.events();
    let mut other = pair.replica_db.connect();
    let Pair { owner, replica, .. } = &mut pair;
    let mut looks = 0;
    let ask = |question: Question| {
        if let Question::Records { keys } = &question {
            looks += 1;
            assert_eq!(keys.len(), if looks == 1 { 2 } else { 1 });
            for event in &events {
                assert!(Copy::apply(event, &mut other)?.should_ack());
            }
        }
        asked(&question, owner)
    };
    let compared = front::compare(&at_once(), ask, replica).unwrap();
    assert_eq!(
        (compared.equal, compared.is_equal()),
        (3, true),
        "{compared:?}"
    );
    assert_eq!(looks, 1);
}
