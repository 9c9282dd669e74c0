use super::*;
use crate::consumer::dice::Dice;

fn partition() -> Partition {
    Partition {
        topic: Arc::from("events.tickets"),
        number: 0,
    }
}

#[test]
fn the_slowest_message_holds_the_offset() {
    let mut ledger = Ledger::default();
    ledger.assign(partition());
    let epoch = ledger.deliver(&partition(), 5).unwrap();
    // The log has holes.
    for offset in [9, 12] {
        ledger.deliver(&partition(), offset);
    }
    assert_eq!(ledger.progress(), [(partition(), 5)]);
    ledger.complete(&partition(), epoch, 9);
    ledger.complete(&partition(), epoch, 12);
    assert_eq!(ledger.progress(), []);
    ledger.complete(&partition(), epoch, 5);
    assert_eq!(ledger.progress(), [(partition(), 13)]);
    assert_eq!(ledger.progress(), []);
    assert!(!ledger.has_moved());
}

#[test]
fn what_was_delivered_under_another_assignment_moves_nothing() {
    let mut ledger = Ledger::default();
    ledger.assign(partition());
    let before = ledger.deliver(&partition(), 5).unwrap();
    ledger.revoke(&partition());
    assert_eq!(ledger.deliver(&partition(), 6), None);
    ledger.complete(&partition(), before, 5);
    assert_eq!(ledger.progress(), []);
    ledger.assign(partition());
    let after = ledger.deliver(&partition(), 5).unwrap();
    ledger.complete(&partition(), before, 5);
    assert_eq!(ledger.progress(), [(partition(), 5)]);
    ledger.complete(&partition(), after, 5);
    assert_eq!(ledger.progress(), [(partition(), 6)]);
}

/// The topic was deleted and made again, while messages of the old one were in flight.
#[test]
fn a_log_that_begins_again_has_offsets_of_its_own() {
    let mut ledger = Ledger::default();
    ledger.assign(partition());
    let before = ledger.deliver(&partition(), 1).unwrap();
    ledger.deliver(&partition(), 19);
    ledger.complete(&partition(), before, 19);
    assert_eq!(ledger.progress(), [(partition(), 1)]);
    let after = ledger.deliver(&partition(), 0).unwrap();
    ledger.deliver(&partition(), 1);
    ledger.complete(&partition(), after, 0);
    ledger.complete(&partition(), before, 1);
    assert_eq!(ledger.progress(), [(partition(), 1)]);
    ledger.complete(&partition(), after, 1);
    assert_eq!(ledger.progress(), [(partition(), 2)]);
}

/// Members own the partition one after another, and each reads on from the offset that was
/// committed. Messages are done in any order and at any time, also after the partition has gone.
#[test]
fn no_offset_is_committed_before_all_below_it_are_done() {
    const END: i64 = 40;
    let mut most = 0;
    for seed in 0..3_000 {
        let mut dice = Dice(seed);
        let mut ledger = Ledger::default();
        let log: Vec<i64> = (0..END).filter(|_| dice.roll(3) > 0).collect();
        let (mut committed, mut position) = (0, 0);
        let mut is_owned = false;
        let mut in_flight: Vec<(u64, i64)> = Vec::new();
        let mut done = BTreeSet::new();
        // What was given back, and must be read again by the next owner.
        let mut returned: Vec<(u64, i64)> = Vec::new();
        let mut epoch = 0;
        for turn in 0.. {
            // In the end everything is delivered and done.
            let is_end = turn > 200;
            match dice.roll(8) {
                0 if is_owned && !is_end => {
                    // What is committed before the partition goes, or nothing if it is lost.
                    if dice.roll(2) == 0 {
                        commit(&mut ledger, &mut committed, &log, &done);
                    }
                    ledger.revoke(&partition());
                    is_owned = false;
                }
                0 | 1 if !is_owned => {
                    ledger.assign(partition());
                    (is_owned, position) = (true, committed);
                }
                2 => commit(&mut ledger, &mut committed, &log, &done),
                4 | 5 => {
                    let next = log.iter().copied().find(|offset| *offset >= position);
                    if let (true, Some(offset)) = (is_owned, next) {
                        epoch = ledger.deliver(&partition(), offset).unwrap();
                        in_flight.push((epoch, offset));
                        position = offset + 1;
                    }
                }
                _ if !in_flight.is_empty() => {
                    let (epoch, offset) = in_flight.swap_remove(dice.roll(in_flight.len()));
                    if is_end || dice.roll(20) > 0 {
                        done.insert(offset);
                        ledger.complete(&partition(), epoch, offset);
                    } else {
                        returned.push((epoch, offset));
                    }
                }
                _ => {}
            }
            let rest = log.iter().any(|offset| *offset >= position);
            if is_end && is_owned && in_flight.is_empty() && !rest {
                break;
            }
            most = most.max(turn);
        }
        commit(&mut ledger, &mut committed, &log, &done);
        let last = log.last().map_or(0, |offset| offset + 1);
        let current = returned.iter().filter(|(of, _)| *of == epoch);
        let held = current.map(|(_, offset)| *offset).min();
        // An epoch in which nothing was delivered begins where the last one ended.
        assert_eq!(committed, held.unwrap_or(last), "seed {seed}");
    }
    assert!(most > 200);
}

fn commit(ledger: &mut Ledger, committed: &mut i64, log: &[i64], done: &BTreeSet<i64>) {
    for (_, offset) in ledger.progress() {
        let below = log.iter().filter(|below| **below < offset);
        let missing: Vec<_> = below.filter(|below| !done.contains(*below)).collect();
        assert!(missing.is_empty(), "{offset} before {missing:?}");
        *committed = offset;
    }
}
