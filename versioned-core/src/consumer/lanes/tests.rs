use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::*;
use crate::consumer::dice::Dice;

const LONGEST: Duration = Duration::from_secs(1);

/// Starts one event.
fn start_one(lanes: &mut Lanes, now: Instant) -> Option<Started> {
    lanes.start(1, now).pop()
}

fn started(lanes: &mut Lanes, now: Instant) -> Option<(String, i64)> {
    start_one(lanes, now).map(|one| (one.record.to_string(), one.version()))
}

/// Starts a batch.
fn batch(lanes: &mut Lanes, most: usize, now: Instant) -> Vec<(String, i64)> {
    let batch = lanes.start(most, now).into_iter();
    batch
        .map(|one| (one.record.to_string(), one.version()))
        .collect()
}

#[test]
fn a_batch_has_the_versions_of_a_record_that_may_follow_each_other() {
    let now = Instant::now();
    let mut lanes = Lanes::new(LONGEST);
    for (number, version) in (1..).zip([1, 2, 2, 3, 5, 6]) {
        lanes.arrive("a", version, number, Kind::Change);
    }
    lanes.arrive("b", 7, 9, Kind::Change);
    lanes.arrive("b", 9, 10, Kind::Snapshot);
    let of = |record: &str, version| (record.to_owned(), version);
    let all = [
        of("a", 1),
        of("a", 2),
        of("a", 2),
        of("a", 3),
        of("b", 7),
        of("b", 9),
    ];
    assert_eq!(batch(&mut lanes, 9, now), all);
    assert_eq!(batch(&mut lanes, 9, now), [], "both are busy");
    // The record is busy until all of its events are done.
    let a: Arc<str> = "a".into();
    for version in [1, 2, 2] {
        lanes.reached(&a, version, now);
        assert_eq!(batch(&mut lanes, 9, now), []);
    }
    lanes.reached(&a, 3, now);
    assert_eq!(batch(&mut lanes, 1, now), [of("a", 5)], "no more than that");
}

#[test]
fn a_deletion_without_a_version_of_its_own_follows_the_version_that_it_deletes() {
    let now = Instant::now();
    let mut lanes = Lanes::new(LONGEST);
    let of = |version| ("a".to_owned(), version);
    lanes.arrive("a", 4, 1, Kind::Derived);
    let early = start_one(&mut lanes, now).unwrap();
    assert_eq!((early.version(), early.id().as_str()), (3, "a/3"));
    lanes.gap(&early, 1, now);
    assert_eq!(batch(&mut lanes, 9, now), [], "version 2 is missing");
    lanes.arrive("a", 3, 2, Kind::Change);
    lanes.arrive("a", 2, 3, Kind::Change);
    assert_eq!(batch(&mut lanes, 9, now), [of(2), of(3), of(3)]);
    let a: Arc<str> = "a".into();
    for version in [2, 3, 3] {
        lanes.reached(&a, version, now);
    }
    lanes.arrive("a", 4, 4, Kind::Change);
    assert_eq!(batch(&mut lanes, 9, now), [of(4)], "it is created again");
}

#[test]
fn after_a_failure_an_event_starts_alone_until_it_succeeds() {
    let now = Instant::now();
    let mut lanes = Lanes::new(LONGEST);
    for version in 1..=4 {
        lanes.arrive("a", version, version.unsigned_abs(), Kind::Change);
    }
    let all = lanes.start(9, now);
    let again = now + Duration::from_millis(300);
    // Two parts of a batch: the first one fails, the second one comes too early.
    lanes.failed(&all[0], again);
    for early in &all[1..] {
        lanes.gap(early, 0, now);
    }
    assert_eq!(lanes.start(9, now), []);
    assert_eq!(lanes.start(9, again), all[..1]);
    lanes.reached(&all[0].record, 1, again);
    assert_eq!(lanes.start(9, again), all[1..]);
}

#[test]
fn the_events_of_a_record_start_one_after_the_other_by_version() {
    let now = Instant::now();
    let mut lanes = Lanes::new(LONGEST);
    for (number, version) in (1..).zip([3, 1, 2]) {
        lanes.arrive("a", version, number, Kind::Change);
    }
    lanes.arrive("b", 1, 9, Kind::Change);
    assert_eq!(started(&mut lanes, now), Some(("a".into(), 1)));
    assert_eq!(started(&mut lanes, now), Some(("b".into(), 1)));
    assert_eq!(started(&mut lanes, now), None);
    lanes.reached(&"a".into(), 1, now);
    assert_eq!(started(&mut lanes, now), Some(("a".into(), 2)));
    assert_eq!(started(&mut lanes, now), None);
}

#[test]
fn an_early_event_starts_again_after_its_predecessor_and_not_before_a_pause() {
    let now = Instant::now();
    let mut lanes = Lanes::new(LONGEST);
    lanes.arrive("a", 2, 1, Kind::Change);
    let early = start_one(&mut lanes, now).unwrap();
    lanes.gap(&early, 0, now);
    assert_eq!((start_one(&mut lanes, now), lanes.waiting()), (None, 1));
    // Another process may have applied the predecessor.
    let later = lanes.next_look().unwrap();
    assert!(later > now && later <= now + SHORT_PAUSE);
    let early = start_one(&mut lanes, later).unwrap();
    lanes.gap(&early, 0, later);
    lanes.arrive("a", 1, 2, Kind::Change);
    assert_eq!(started(&mut lanes, later), Some(("a".into(), 1)));
    lanes.reached(&"a".into(), 1, later);
    assert_eq!(started(&mut lanes, later), Some(("a".into(), 2)));
    lanes.reached(&"a".into(), 2, later);
    assert!(lanes.records.is_empty());
}

#[test]
fn a_snapshot_does_not_wait_behind_a_gap() {
    let now = Instant::now();
    let mut lanes = Lanes::new(LONGEST);
    lanes.arrive("a", 2, 1, Kind::Change);
    let early = start_one(&mut lanes, now).unwrap();
    lanes.gap(&early, 0, now);
    lanes.arrive("a", 4, 2, Kind::Snapshot);
    assert_eq!(started(&mut lanes, now), Some(("a".into(), 4)));
    lanes.reached(&"a".into(), 4, now);
    assert_eq!(
        started(&mut lanes, now),
        Some(("a".into(), 2)),
        "a duplicate by now"
    );
}

#[test]
fn a_failed_event_holds_back_its_record_until_its_pause_is_over() {
    let now = Instant::now();
    let mut lanes = Lanes::new(LONGEST);
    lanes.arrive("a", 1, 1, Kind::Change);
    lanes.arrive("a", 2, 2, Kind::Change);
    let one = start_one(&mut lanes, now).unwrap();
    let again = now + Duration::from_millis(300);
    lanes.failed(&one, again);
    assert_eq!(start_one(&mut lanes, now), None);
    assert_eq!(lanes.next_look(), Some(again));
    assert_eq!(start_one(&mut lanes, again), Some(one));
}

#[test]
fn a_wait_is_reported_once_and_so_is_its_end() {
    let now = Instant::now();
    let patience = Duration::from_secs(3);
    let mut lanes = Lanes::new(LONGEST);
    lanes.arrive("a", 5, 1, Kind::Change);
    let early = start_one(&mut lanes, now).unwrap();
    lanes.gap(&early, 3, now);
    assert_eq!(lanes.overdue(patience, now), []);
    let later = now + patience;
    let overdue = Overdue {
        record: "a".into(),
        current: 3,
        received: 5,
        waited: patience,
    };
    assert_eq!(lanes.overdue(patience, later), [overdue]);
    assert_eq!(lanes.overdue(patience, later), []);
    // The wait goes on at the broker.
    assert_eq!(lanes.give_back(1, later), [(1, patience / 4)]);
    lanes.arrive("a", 4, 2, Kind::Change);
    assert_eq!(started(&mut lanes, later), Some(("a".into(), 4)));
    assert_eq!(lanes.reached(&"a".into(), 4, later), Some(patience));
}

#[test]
fn those_that_wait_longest_are_given_back_and_those_that_can_start_are_not() {
    let now = Instant::now();
    let mut lanes = Lanes::new(LONGEST);
    for number in 1..=4 {
        lanes.arrive(&number.to_string(), 2, number, Kind::Change);
        let early = start_one(&mut lanes, now).unwrap();
        lanes.gap(&early, 0, now + Duration::from_millis(number));
    }
    lanes.arrive("5", 1, 5, Kind::Change);
    let back: Vec<u64> = lanes
        .give_back(2, now)
        .iter()
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(back, [1, 2]);
    assert_eq!(lanes.waiting(), 2);
    assert_eq!(started(&mut lanes, now), Some(("5".into(), 1)));
    let mut rest = lanes.drain();
    rest.sort_unstable();
    assert_eq!(rest, [3, 4]);
}

/// So that a record which waits for hours is not redelivered all the time.
#[test]
fn the_longer_a_record_waits_the_later_it_comes_back() {
    let start = Instant::now();
    for (waited, rest) in [(0, 0), (400, 100), (4_000, 1_000), (4_000_000, 1_000)] {
        let mut lanes = Lanes::new(LONGEST);
        lanes.arrive("a", 2, 1, Kind::Change);
        let early = start_one(&mut lanes, start).unwrap();
        lanes.gap(&early, 0, start);
        let now = start + Duration::from_millis(waited);
        assert_eq!(lanes.give_back(1, now), [(1, Duration::from_millis(rest))]);
    }
    let mut lanes = Lanes::new(LONGEST);
    lanes.arrive("a", 1, 1, Kind::Change);
    let failed = start_one(&mut lanes, start).unwrap();
    let pause = Duration::from_millis(700);
    lanes.failed(&failed, start + pause);
    assert_eq!(lanes.give_back(1, start), [(1, pause)]);
}

/// A broker that redelivers, and a replica: whatever happens in between, each event is applied
/// once and in order, a record is in one batch at a time, and nothing is forgotten.
#[test]
fn whatever_happens_every_event_is_applied_in_order() {
    const RECORDS: usize = 5;
    const VERSIONS: i64 = 6;
    for seed in 0..2_000 {
        let dice = &mut Dice(seed);
        let mut now = Instant::now();
        let mut lanes = Lanes::new(LONGEST);
        let mut broker: Vec<(String, i64)> = (0..RECORDS)
            .flat_map(|record| (1..=VERSIONS).map(move |version| (record.to_string(), version)))
            .collect();
        let mut held: HashMap<u64, (String, i64)> = HashMap::new();
        let mut flight: Vec<Vec<Started>> = Vec::new();
        let mut replica: HashMap<String, i64> = HashMap::new();
        let mut number = 0;
        for step in 0.. {
            assert!(step < 20_000, "seed {seed}: {replica:?} {lanes:?}");
            if broker.is_empty() && held.is_empty() {
                break;
            }
            match dice.roll(12) {
                0..=3 if !broker.is_empty() => {
                    let (record, version) = broker.swap_remove(dice.roll(broker.len()));
                    number += 1;
                    lanes.arrive(&record, version, number, Kind::Change);
                    held.insert(number, (record, version));
                }
                4..=6 if flight.len() < 3 => {
                    let batch = lanes.start(1 + dice.roll(6), now);
                    if batch.is_empty() {
                        now += Duration::from_millis(50);
                        continue;
                    }
                    for one in &batch {
                        let same = |other: &Started| other.record == one.record;
                        let mut all = flight.iter().flatten();
                        assert!(!all.any(same), "seed {seed}: a record in two batches");
                    }
                    flight.push(batch);
                }
                7..=9 if !flight.is_empty() => {
                    let mut batch = flight.swap_remove(dice.roll(flight.len()));
                    if dice.roll(8) == 0 {
                        // It fails, as a whole or with its second half at another time.
                        let second = batch.split_off(batch.len() / 2);
                        for one in &second {
                            lanes.failed(one, now + Duration::from_millis(100));
                        }
                        if !batch.is_empty() {
                            flight.push(batch);
                        }
                        continue;
                    }
                    for one in batch {
                        let current = replica.entry(one.record.to_string()).or_default();
                        if one.version() <= *current + 1 {
                            *current = one.version().max(*current);
                            lanes.reached(&one.record, *current, now);
                            held.remove(&one.number).unwrap();
                        } else {
                            lanes.gap(&one, *current, now);
                        }
                    }
                }
                10 => {
                    for (number, _) in lanes.give_back(dice.roll(3), now) {
                        broker.push(held.remove(&number).unwrap());
                    }
                }
                _ => now += Duration::from_millis(20),
            }
        }
        assert!(replica.values().all(|version| *version == VERSIONS));
        assert!(lanes.records.is_empty(), "seed {seed}: {lanes:?}");
    }
}
