//! The metrics of a relay.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel_migrations::MigrationHarness as _;
use versioned_core::MIGRATIONS;
use versioned_core::outbox::{OutboxRow, PublishError, Publisher, Relay, Shutdown};

use super::super::exported::Exporter;
use super::super::rows::{Rows, ago};
use super::backend::{self, Conn, Db};

fn database() -> (Db, Conn) {
    let db = Db::fresh("CREATE TABLE tickets (id BIGINT PRIMARY KEY)");
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

fn pending(count: u32, at: i64, conn: &mut Conn) {
    let name = backend::NAME;
    Rows { conn, name }.pending(count, 0, at);
}

/// Rejects the event of this key, and has stored so many before.
struct Broker {
    refused: &'static str,
    reason: String,
    stored: usize,
}

impl Publisher for Broker {
    fn transport(&self) -> &'static str {
        "jetstream"
    }

    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        let one = |row: &OutboxRow| match row.key.as_str() {
            key if key == self.refused => Err(PublishError::rejected(&self.reason)),
            _ => Ok(()),
        };
        batch.iter().map(one).collect()
    }

    async fn publish_counting(
        &self,
        batch: &[OutboxRow],
    ) -> (Vec<Result<(), PublishError>>, usize) {
        (self.publish(batch).await, self.stored)
    }
}

struct Away;

impl Publisher for Away {
    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        batch
            .iter()
            .map(|_| Err(PublishError::unavailable("away")))
            .collect()
    }
}

fn broker(refused: &'static str) -> Broker {
    Broker {
        refused,
        reason: "too large".to_owned(),
        stored: 2,
    }
}

const EVENTS: &str = "versioned_relay_events_total";
const PUBLISH: &str = "versioned_relay_publish_duration_seconds_count";

fn outcomes(exporter: &Exporter, transport: &str) -> Vec<f64> {
    let found = exporter.of_metric(EVENTS);
    let labels = ["published", "duplicate", "failed"]
        .map(|outcome| format!("outcome=\"{outcome}\",transport=\"{transport}\""));
    labels.iter().map(|labels| found[labels]).collect()
}

#[test]
fn the_counters_of_a_relay_add_up_to_its_attempts() {
    let (_db, mut conn) = database();
    let exporter = Exporter::new();
    pending(10, ago(0), &mut conn);
    exporter.during(|| {
        let relay = Relay::new(broker("3"));
        assert_eq!(relay.run_once(&mut conn).unwrap().taken(), 10);
        // Without events, nothing is counted.
        assert_eq!(relay.run_once(&mut conn).unwrap().taken(), 0);
    });
    assert_eq!(outcomes(&exporter, "jetstream"), [7.0, 2.0, 1.0]);
    let batches = exporter.of_metric(PUBLISH);
    let labels = "outcome=\"failed\",transport=\"jetstream\"".to_owned();
    assert_eq!(batches, [(labels, 1.0)].into());
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let last =
        exporter.value("versioned_relay_last_success_timestamp_seconds{transport=\"jetstream\"}");
    assert!((since - 60.0..=since).contains(&last), "{last}");

    let (_db, mut conn) = database();
    pending(4, ago(0), &mut conn);
    exporter
        .during(|| Relay::new(Away).run_once(&mut conn))
        .unwrap();
    assert_eq!(outcomes(&exporter, "other"), [0.0, 0.0, 4.0]);
    let successes = exporter.of_metric("versioned_relay_last_success_timestamp_seconds");
    assert_eq!(successes.len(), 1);
}

/// By the clock of the database, up to the acknowledgement.
#[test]
fn an_event_that_waited_for_three_hours_is_in_a_bucket() {
    let (_db, mut conn) = database();
    let exporter = Exporter::new();
    pending(5, ago(3 * 3_600), &mut conn);
    for ordered in [false, true] {
        let relay = Relay::new(broker("3")).backoff(Duration::ZERO, Duration::ZERO);
        let relay = if ordered { relay.ordered() } else { relay };
        exporter.during(|| relay.run_once(&mut conn)).unwrap();
        // The event that was rejected still waits.
        let bucket = |le| {
            exporter.value(&format!(
                "versioned_outbox_wait_seconds_bucket{{le=\"{le}\",transport=\"jetstream\"}}"
            ))
        };
        assert_eq!(
            [bucket("3600"), bucket("14400"), bucket("+Inf")],
            [0.0, 4.0, 4.0]
        );
    }
}

#[test]
fn a_relay_that_starts_has_its_counters_at_zero() {
    let (db, _conn) = database();
    let exporter = Exporter::new();
    let shutdown = Shutdown::new();
    shutdown.stop();
    let connect = || Ok::<_, String>(db.connect());
    exporter.during(|| Relay::new(broker("3")).run(connect, shutdown));
    assert_eq!(outcomes(&exporter, "jetstream"), [0.0, 0.0, 0.0]);
}

/// No key, no reason and no version is a label.
#[test]
fn whatever_is_published_the_series_are_the_same() {
    let all: BTreeSet<_> = (0..3)
        .map(|round| {
            let (_db, mut conn) = database();
            let exporter = Exporter::new();
            pending(40, ago(0), &mut conn);
            let reason = format!("{} {round}", uuid::Uuid::new_v4());
            let relay = Relay::new(Broker {
                reason,
                ..broker("7")
            });
            exporter.during(|| relay.run_once(&mut conn)).unwrap();
            exporter.series()
        })
        .collect();
    assert_eq!(all.len(), 1, "{all:#?}");
}
