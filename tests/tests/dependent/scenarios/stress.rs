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
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
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
/// events may be one statement, by the answer of `apply`. What is parked has an answer of its own only in `apply_with`.
fn stress<M: Replica>(level: &str) {
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
    let next = || {
        let go_on = pending.load(Ordering::SeqCst) > 0
            && failures.lock().unwrap().is_empty()
            && deliveries.fetch_add(1, Ordering::SeqCst) < most;
        go_on.then(|| queue.lock().unwrap().pop())
    };
    thread::scope(|scope| {
        for consumer in 0..CONSUMERS {
            let mut conn = db.connect();
            let (queue, pending, failures, next) = (&queue, &pending, &failures, &next);
            let answered = &answered;
            scope.spawn(move || {
                backend::isolate(&mut conn, level);
                let mut random = Random(consumer as u64 + 1);
                while let Some(event) = next() {
                    let Some(event) = event else {
                        thread::sleep(Duration::from_millis(1));
                        continue;
                    };
                    let outcome = if M::GAP == Gap::Nack && consumer % 2 == 1 {
                        let outcome = M::apply(&event, &mut conn);
                        if matches!(outcome, Ok(Outcome::Applied)) {
                            let id = event.key.parse().unwrap();
                            answered.lock().unwrap().push((id, event.version));
                        }
                        outcome
                    } else {
                        M::apply_with(&event, &mut conn, |conn, event| {
                            let id: i64 = event.key.parse().map_err(Error::other)?;
                            diesel::insert_into(applied::table)
                                .values((applied::id.eq(id), applied::version.eq(event.version)))
                                .execute(conn)?;
                            Ok(())
                        })
                    };
                    match outcome {
                        Ok(outcome) if outcome.should_ack() && random.below(100) >= 15 => {
                            pending.fetch_sub(1, Ordering::SeqCst);
                        }
                        // To the back of the queue, which is where a broker's redelivery goes.
                        Ok(_) => queue.lock().unwrap().insert(0, event),
                        Err(error) => failures.lock().unwrap().push(format!("{error:?}")),
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
    assert_eq!(effects.len(), number, "{level}: an event was applied twice");
    if M::POLICY == Policy::Sequential {
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
