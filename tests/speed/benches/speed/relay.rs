//! How fast a relay drains the outbox of PostgreSQL to a publisher that costs nothing.

use std::thread;

use diesel::connection::SimpleConnection as _;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use diesel_migrations::MigrationHarness as _;
use versioned_core::MIGRATIONS;
use versioned_core::outbox::{OutboxRow, PublishError, Publisher, Relay};
use versioned_tests::postgres::Db;

use crate::asynchronous::runtime;
use crate::places::{Place as _, Postgres};
use crate::raw::{Libpq, Raw as _};
use crate::report::{Subject, Suite};
use crate::turns::{Candidate, Work, take_turns};

const WHAT: &str = "relay";
const EVENTS: usize = 30_000;
const ROUNDS: usize = 5;
const BY_HAND: &str = "DELETE FROM versioned_outbox WHERE id IN \
    (SELECT id FROM versioned_outbox ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED) RETURNING entity, key, version, payload";

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

/// Empties an outbox that is filled again in each turn.
struct Drain<F> {
    full: Option<Db>,
    drain: F,
}

impl<F: FnMut(&Db)> Work for Drain<F> {
    fn ready(&mut self, _times: u32) {
        if let Some(db) = &self.full {
            let left = versioned_core::outbox::Lag::load(&mut db.connect()).unwrap();
            assert_eq!(left.pending, 0);
        }
        self.full = Some(full());
    }

    fn work(&mut self) {
        (self.drain)(self.full.as_ref().unwrap());
    }
}

fn candidate<'a>(name: &'static str, drain: impl FnMut(&Db) + 'a) -> Candidate<'a> {
    (name, Box::new(Drain { full: None, drain }))
}

fn drained(relay: &Relay<Free>, db: &Db) {
    let mut conn = db.connect();
    while relay.run_once(&mut conn).unwrap().published > 0 {}
}

pub(crate) fn run(suite: &mut Suite) {
    if !suite.wants(WHAT, Postgres::NAME) {
        return;
    }
    let relay = |batch| Relay::new(Free).batch(batch);
    let runtime = runtime();
    let mut candidates = [
        candidate("batches of 1,000", |db| drained(&relay(1_000), db)),
        candidate("batches of 100", |db| drained(&relay(100), db)),
        candidate("batches of 1,000, two relays", |db| {
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| drained(&relay(1_000), db));
                }
            });
        }),
        candidate("batches of 1,000, ordered", |db| {
            drained(&relay(1_000).ordered(), db);
        }),
        candidate("batches of 1,000, async", |db| {
            runtime.block_on(async {
                let mut conn = AsyncPgConnection::establish(db.url()).await.unwrap();
                let relay = relay(1_000);
                while relay.run_once_async(&mut conn).await.unwrap().published > 0 {}
            });
        }),
        candidate("libpq, DELETE .. RETURNING", |db| {
            let mut raw = Libpq::open(db.url());
            let drain = raw.prepare(BY_HAND);
            while raw.run(drain, &[]) > 0 {}
        }),
    ];
    let measured = take_turns(ROUNDS, &mut candidates);
    let measured = measured
        .into_iter()
        .map(|measured| measured.per(EVENTS as f64));
    let subject = Subject::new(WHAT, Postgres::NAME, measured.collect()).note("an event");
    println!("\n{:.0} events/s", 1e6 / subject.ours().median());
    suite.add(subject);
}
