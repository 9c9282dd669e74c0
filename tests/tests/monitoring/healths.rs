//! How a relay is, for the probes of an orchestrator.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use diesel_migrations::MigrationHarness as _;
use versioned_core::MIGRATIONS;
use versioned_core::health::{Cause, Health, Report};
use versioned_core::outbox::{OutboxRow, PublishError, Publisher, Relay, Shutdown};
use versioned_tests::waiting::STUCK;

use super::super::rows::{Rows, ago};
use super::backend::{self, Conn, Db};

/// Waits for a report.
#[track_caller]
fn until(health: &Health, is_it: impl Fn(&Report) -> bool) -> Report {
    let end = Instant::now() + STUCK;
    loop {
        let report = health.report();
        if is_it(&report) {
            return report;
        }
        assert!(Instant::now() < end, "{report:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn causes(report: &Report) -> Vec<Cause> {
    report
        .findings
        .iter()
        .map(|finding| finding.cause)
        .collect()
}

fn levels(report: &Report) -> (bool, bool, bool) {
    (report.alive, report.ready, report.degraded)
}

fn database() -> (Db, Conn) {
    let db = Db::fresh("CREATE TABLE tickets (id BIGINT PRIMARY KEY)");
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

fn pending(conn: &mut Conn) {
    let name = backend::NAME;
    Rows { conn, name }.pending(3, 0, ago(0));
}

/// A broker that may be away, or panic.
#[derive(Clone, Default)]
struct Broker {
    is_away: Arc<AtomicBool>,
    panics: Arc<AtomicBool>,
}

impl Publisher for Broker {
    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        assert!(!self.panics.load(Ordering::Relaxed), "as it was told");
        let one = |_| {
            if self.is_away.load(Ordering::Relaxed) {
                return Err(PublishError::unavailable("connection refused"));
            }
            Ok(())
        };
        batch.iter().map(one).collect()
    }
}

fn relay(broker: &Broker) -> Relay<Broker> {
    Relay::new(broker.clone()).poll(Duration::from_millis(1), Duration::from_millis(5))
}

#[test]
fn a_relay_is_ready_while_it_runs() {
    let (db, mut conn) = database();
    let relay = relay(&Broker::default());
    let (health, shutdown) = (relay.health(), Shutdown::new());
    assert_eq!(causes(&health.report()), [Cause::NotStarted]);
    assert_eq!(levels(&health.report()), (true, false, false));
    thread::scope(|scope| {
        let stop = shutdown.clone();
        let running = scope.spawn(|| relay.run(|| Ok::<_, String>(db.connect()), stop));
        pending(&mut conn);
        let report = until(&health, |report| report.ready);
        assert_eq!(levels(&report), (true, true, false));
        assert_eq!(report.to_string(), "ok");
        shutdown.stop();
        running.join().unwrap();
    });
    let report = health.report();
    assert_eq!(causes(&report), [Cause::Stopped]);
    assert_eq!(levels(&report), (true, false, false));
}

/// A restart would not help, and what the service answers from its database is not affected.
#[test]
fn a_broker_that_is_away_degrades_a_relay_until_it_is_back() {
    let (db, mut conn) = database();
    let broker = Broker::default();
    broker.is_away.store(true, Ordering::Relaxed);
    let relay = relay(&broker);
    let (health, shutdown) = (relay.health(), Shutdown::new());
    let strict = health.clone().patience(Duration::ZERO);
    thread::scope(|scope| {
        let stop = shutdown.clone();
        let running = scope.spawn(|| relay.run(|| Ok::<_, String>(db.connect()), stop));
        pending(&mut conn);
        let report = until(&health, |report| report.degraded);
        assert_eq!(levels(&report), (true, true, true));
        assert_eq!(causes(&report), [Cause::Broker]);
        let text = report.to_string();
        assert!(text.starts_with("relay: broker fails since 2"), "{text}");
        assert!(text.ends_with(": connection refused"), "{text}");
        let waits = until(&strict, |report| report.findings.len() == 2);
        assert_eq!(causes(&waits), [Cause::Broker, Cause::NoProgress]);
        broker.is_away.store(false, Ordering::Relaxed);
        until(&health, |report| report.findings.is_empty());
        shutdown.stop();
        running.join().unwrap();
    });
}

#[test]
fn a_database_that_is_gone_makes_a_relay_not_ready_until_it_is_back() {
    let (db, mut conn) = database();
    let relay = relay(&Broker::default());
    let (health, shutdown) = (relay.health(), Shutdown::new());
    let is_gone = AtomicBool::new(true);
    let connect = || {
        if is_gone.load(Ordering::Relaxed) {
            return Err("no route to host");
        }
        Ok(db.connect())
    };
    thread::scope(|scope| {
        let stop = shutdown.clone();
        let running = scope.spawn(|| relay.run(connect, stop));
        let report = until(&health, |report| causes(report) == [Cause::Database]);
        assert_eq!(levels(&report), (true, false, false));
        assert_eq!(report.findings[0].reason, "no route to host");
        is_gone.store(false, Ordering::Relaxed);
        pending(&mut conn);
        until(&health, |report| report.findings.is_empty());
        shutdown.stop();
        running.join().unwrap();
    });
}

/// The tables are missing: the same, for another reason.
#[test]
fn a_database_without_the_tables_makes_a_relay_not_ready() {
    let db = Db::fresh("CREATE TABLE tickets (id BIGINT PRIMARY KEY)");
    let relay = relay(&Broker::default());
    let (health, shutdown) = (relay.health(), Shutdown::new());
    thread::scope(|scope| {
        let stop = shutdown.clone();
        let running = scope.spawn(|| relay.run(|| Ok::<_, String>(db.connect()), stop));
        let report = until(&health, |report| causes(report) == [Cause::Database]);
        let reason = &report.findings[0].reason;
        assert!(reason.contains("versioned_outbox"), "{reason}");
        shutdown.stop();
        running.join().unwrap();
    });
}

#[test]
fn a_relay_that_panics_is_not_alive() {
    let (db, mut conn) = database();
    let broker = Broker::default();
    broker.panics.store(true, Ordering::Relaxed);
    pending(&mut conn);
    let relay = relay(&broker);
    let health = relay.health();
    thread::scope(|scope| {
        let running = scope.spawn(|| relay.run(|| Ok::<_, String>(db.connect()), Shutdown::new()));
        running.join().unwrap_err();
    });
    let report = health.report();
    assert_eq!(causes(&report), [Cause::Ended]);
    assert_eq!(levels(&report), (false, false, false));
}
