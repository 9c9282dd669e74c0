//! Large tables: what an operator looks at, and what a relay takes, does not depend on how much waits.
//!
//! `VERSIONED_TEST_TIMES=100` makes them as large as an outage of days: 5,000,000 events and 1,000,000 letters.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel_migrations::MigrationHarness as _;
use versioned_core::MIGRATIONS;
use versioned_core::inspect::{self, Filter};
use versioned_core::outbox::{OutboxRow, PublishError, Publisher, Relay};
use versioned_core::status::{self, MOST};
use versioned_tests::random;

use super::backend::{Conn, Db};

struct Broker;

impl Publisher for Broker {
    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        batch.iter().map(|_| Ok(())).collect()
    }
}

/// So many events and letters, and as many parked events and positions as letters.
fn database(events: u32, letters: u32) -> (Db, Conn) {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    let body = r#"{"entity":"tickets","key":"1","version":1,"op":"updated","data":{"id":1,"price":20,"version":1}}"#;
    let at = "1700000000000000 + i";
    conn.batch_execute(&format!(
        "INSERT INTO versioned_outbox (entity, key, version, op, payload, at)
             SELECT 'tickets', i % 1000000, 1 + i / 1000000, 'updated', '{body}', {at}
             FROM generate_series(1, {events}) AS i;
         INSERT INTO versioned_dead_letters (replica, entity, key, version, source, subject, message_key, headers, body,
             reason, attempts, first_at, last_at)
             SELECT 'copies', 'tickets', i % 500000, i, 'EVENTS:' || i, 'events', 'none:', '', '{body}', 'too long', 1,
                 {at}, {at} FROM generate_series(1, {letters}) AS i;
         INSERT INTO versioned_positions (replica, entity, key, version)
             SELECT 'copies', 'tickets', i, 1 FROM generate_series(1, {letters}) AS i;
         INSERT INTO versioned_parked (replica, entity, key, version, event, at)
             SELECT 'copies', 'tickets', i % 100000, 5 + i / 100000, '{{}}', {at} FROM generate_series(1, {letters}) AS i"
    ))
    .unwrap();
    conn.batch_execute("VACUUM ANALYZE").unwrap();
    (db, conn)
}

/// The median of five.
fn time(mut work: impl FnMut()) -> Duration {
    let mut times = [(); 5].map(|()| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    times.sort_unstable();
    times[2]
}

#[test]
fn what_waits_does_not_slow_down_a_look_or_a_relay() {
    let (events, letters) = (random::cases(50_000), random::cases(10_000));
    let (_small, mut few) = database(5_000, 10);
    let (_large, mut many) = database(events, letters);
    let looks = time(|| {
        let status = status::load(MOST, &mut many).unwrap();
        assert!(status.outbox.pending.at_least);
    });
    // In the middle of the list.
    let middle = i64::from(letters / 2);
    let page = time(|| {
        let page = inspect::letters(&Filter::new().replica("copies"), middle, 100, &mut many);
        assert_eq!(page.unwrap().len(), 100);
    });
    let relay = Relay::new(Broker).batch(1_000);
    let pass =
        |conn: &mut Conn| time(|| assert_eq!(relay.run_once(conn).unwrap().published, 1_000));
    let (with_few, with_many) = (pass(&mut few), pass(&mut many));
    println!(
        "{events} events, {letters} letters: status {looks:?}, a page of letters {page:?}, a pass of a relay \
         {with_many:?}, and {with_few:?} with 5000 events"
    );
    assert!(looks < Duration::from_millis(200), "{looks:?}");
    assert!(page < Duration::from_millis(200), "{page:?}");
    // The machine may be busy.
    let most = 3 * with_few + Duration::from_millis(50);
    assert!(with_many < most, "{with_many:?}, and {with_few:?} with few");
}
