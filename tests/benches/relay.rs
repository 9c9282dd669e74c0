//! How fast a relay drains the outbox of PostgreSQL to a publisher that costs nothing.
//!
//! `cargo bench -p versioned-tests --all-features --bench relay`
//!
//! Writes are not durable (`fsync = off`): the disk is not the subject.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a program of our own"
)]

use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use diesel_migrations::MigrationHarness as _;
use versioned_core::MIGRATIONS;
use versioned_core::outbox::{OutboxRow, PublishError, Publisher, Relay};
use versioned_tests::postgres::Db;

const EVENTS: usize = 100_000;
const ROUNDS: usize = 5;

/// A broker that costs nothing.
struct Free;

impl Publisher for Free {
    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        vec![Ok(()); batch.len()]
    }
}

/// A database whose outbox has `EVENTS` events, ten of each record.
fn full() -> Db {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    conn.batch_execute(&format!(
        "INSERT INTO versioned_outbox (entity, key, version, op, payload, at)
         SELECT 'tickets', (n / 10)::text, 1 + n % 10, 'updated', json_build_object('entity', 'tickets', 'key', (n / 10)::text,
             'version', 1 + n % 10, 'op', 'updated', 'at', '2026-11-23T05:10:00Z',
             'data', json_build_object('id', n / 10, 'title', 'concert', 'price', 20, 'version', 1 + n % 10))::text, 1
         FROM generate_series(0, {EVENTS} - 1) AS n;
         ANALYZE versioned_outbox"
    ))
    .unwrap();
    db
}

fn drained(relay: &Relay<Free>, db: &Db) {
    let mut conn = db.connect();
    while relay.run_once(&mut conn).unwrap().published > 0 {}
}

fn measure(name: &str, drain: impl Fn(&Db)) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let db = full();
            let start = Instant::now();
            drain(&db);
            let time = start.elapsed();
            let left = versioned_core::outbox::lag(&mut db.connect()).unwrap();
            assert_eq!(left.pending, 0);
            time
        })
        .collect();
    times.sort_unstable();
    let speed = |time: Duration| EVENTS as f64 / time.as_secs_f64();
    println!(
        "  {name:<34} {:>8.0} events/s   (slowest {:.0}, fastest {:.0})",
        speed(times[ROUNDS / 2]),
        speed(times[ROUNDS - 1]),
        speed(times[0]),
    );
}

fn main() {
    // `cargo test --benches` only wants to know whether it runs.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("PostgreSQL: a relay drains {EVENTS} events, medians of {ROUNDS}");
    let relay = |batch| Relay::new(Free).batch(batch);
    measure("batches of 100", |db| drained(&relay(100), db));
    measure("batches of 1,000", |db| drained(&relay(1_000), db));
    measure("batches of 1,000, two relays", |db| {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| drained(&relay(1_000), db));
            }
        });
    });
    measure("batches of 1,000, ordered", |db| {
        drained(&relay(1_000).ordered(), db);
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    measure("batches of 1,000, diesel-async", |db| {
        runtime.block_on(async {
            let mut conn = AsyncPgConnection::establish(db.url()).await.unwrap();
            let relay = relay(1_000);
            while relay.run_once_async(&mut conn).await.unwrap().published > 0 {}
        });
    });
}
