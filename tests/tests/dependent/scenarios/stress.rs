//! Many consumers at once, with crashes, at each isolation level.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;

use super::*;

diesel::table! {
    applied {
        id -> BigInt,
        version -> BigInt,
    }
}

const RECORDS: i64 = 120;
const VERSIONS: i64 = 7;
const CONSUMERS: usize = 8;

/// A generator of its own for each seed, so that a run can be made again.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Created, updated, and every third record deleted and made again.
fn history<M: Replica>(id: i64) -> Vec<Event<M>> {
    (1..=VERSIONS)
        .map(|version| {
            let op = match version {
                1 => Op::Created,
                5 if id % 3 == 0 && M::GUARD == Guard::Position => Op::Deleted,
                6 if id % 3 == 0 && M::GUARD == Guard::Position => Op::Created,
                7 if id % 6 == 0 && M::GUARD == Guard::Position => Op::Deleted,
                _ => Op::Updated,
            };
            event(op, id, version, id * 100 + version)
        })
        .collect()
}

fn consumers_at_once<M: Replica>() {
    for level in backend::LEVELS {
        stress::<M>(level);
    }
}
for_each_replica!(consumers_at_once);

/// 8 consumers, 1 to 3 copies of each event, shuffled, 15 % crash before their ack: every event is applied once, and
/// the replica ends as the owner. Every other consumer counts an event by what it writes in `apply_with`, the others, whose
/// events may be one statement, or batches, by the answers of `apply` and `apply_all`. What is parked has an answer of its
/// own only in `apply_with`, so that nothing is counted where such a replica takes batches too.
fn stress<M: Replica>(level: &str) {
    let is_counted = M::GAP == Gap::Nack || level != backend::LEVELS[0];
    let (db, mut conn) = replica();
    conn.batch_execute("CREATE TABLE applied (id BIGINT NOT NULL, version BIGINT NOT NULL)")
        .unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut queue: Vec<Event<M>> = Vec::new();
    for event in (1..=RECORDS).flat_map(history::<M>) {
        for _ in 0..=random.below(3) {
            queue.push(event.clone());
        }
    }
    for place in (1..queue.len()).rev() {
        let other = usize::try_from(random.below(place as u64 + 1)).unwrap();
        queue.swap(place, other);
    }
    let pending = AtomicUsize::new(queue.len());
    let deliveries = AtomicUsize::new(0);
    let most = queue.len() * 200;
    let failures = Mutex::new(Vec::new());
    let answered: Mutex<Vec<(i64, i64)>> = Mutex::new(Vec::new());
    let queue = Mutex::new(queue);
    let next = |events: usize| {
        let go_on = pending.load(Ordering::SeqCst) > 0
            && failures.lock().unwrap().is_empty()
            && deliveries.fetch_add(1, Ordering::SeqCst) < most;
        let take = || {
            let mut queue = queue.lock().unwrap();
            let rest = queue.len().saturating_sub(events);
            queue.split_off(rest)
        };
        go_on.then(take)
    };
    thread::scope(|scope| {
        for consumer in 0..CONSUMERS {
            let mut conn = db.connect();
            let (queue, pending, failures, next) = (&queue, &pending, &failures, &next);
            let answered = &answered;
            scope.spawn(move || {
                backend::isolate(&mut conn, level);
                let mut random = Random(consumer as u64 + 1);
                let in_batches = consumer % 4 == 3 && (M::GAP == Gap::Nack || !is_counted);
                let in_closures = consumer % 2 == 0 || (M::GAP == Gap::Park && is_counted);
                while let Some(events) = next(if in_batches { 20 } else { 1 }) {
                    let Some(event) = events.first() else {
                        thread::sleep(Duration::from_millis(1));
                        continue;
                    };
                    let outcomes = if in_closures {
                        let outcome = M::apply_with(event, &mut conn, |conn, event| {
                            let id: i64 = event.key.parse().map_err(Error::other)?;
                            diesel::insert_into(applied::table)
                                .values((applied::id.eq(id), applied::version.eq(event.version)))
                                .execute(conn)?;
                            Ok(())
                        });
                        outcome.map(|outcome| vec![outcome])
                    } else {
                        let outcomes = if in_batches {
                            M::apply_all(&events, &mut conn)
                        } else {
                            M::apply(event, &mut conn).map(|outcome| vec![outcome])
                        };
                        let told = events.iter().zip(outcomes.iter().flatten());
                        let told = told.filter(|(_, outcome)| **outcome == Outcome::Applied);
                        let ids =
                            told.map(|(event, _)| (event.key.parse().unwrap(), event.version));
                        answered.lock().unwrap().extend(ids);
                        outcomes
                    };
                    let outcomes = match outcomes {
                        Ok(outcomes) => outcomes,
                        Err(error) => {
                            failures.lock().unwrap().push(format!("{error:?}"));
                            return;
                        }
                    };
                    for (event, outcome) in events.into_iter().zip(outcomes) {
                        if outcome.should_ack() && random.below(100) >= 15 {
                            pending.fetch_sub(1, Ordering::SeqCst);
                        } else {
                            // To the back of the queue, which is where a broker's redelivery goes.
                            queue.lock().unwrap().insert(0, event);
                        }
                    }
                }
            });
        }
    });
    assert_eq!(
        failures.into_inner().unwrap(),
        Vec::<String>::new(),
        "{level}"
    );
    assert_eq!(pending.into_inner(), 0, "{level}: the queue does not drain");

    let rows: Vec<(i64, i64, i64)> = copies::table
        .select((copies::id, copies::price, copies::version))
        .order(copies::id)
        .load(&mut conn)
        .unwrap();
    let owner: Vec<(i64, i64, i64)> = (1..=RECORDS)
        .filter_map(|id| {
            history::<M>(id)
                .pop()
                .unwrap()
                .data
                .map(|data| data.facts())
        })
        .collect();
    assert_eq!(rows, owner, "{level}");
    let mut effects: Vec<(i64, i64)> = applied::table
        .select((applied::id, applied::version))
        .load(&mut conn)
        .unwrap();
    effects.extend(answered.into_inner().unwrap());
    effects.sort_unstable();
    let number = effects.len();
    effects.dedup();
    if is_counted {
        assert_eq!(effects.len(), number, "{level}: an event was applied twice");
    }
    if is_counted && M::POLICY == Policy::Sequential {
        let all: Vec<_> = (1..=RECORDS)
            .flat_map(|id| (1..=VERSIONS).map(move |version| (id, version)))
            .collect();
        assert_eq!(effects, all, "{level}: an event was skipped");
    }
    let parked: i64 =
        diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM versioned_parked")
            .get_result(&mut conn)
            .unwrap();
    assert_eq!(parked, 0, "{level}");
}
