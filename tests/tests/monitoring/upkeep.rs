//! What resends, waits, comparisons and purges count.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use versioned_core::compare::{self, Comparison};
use versioned_core::metrics::Gauges;
use versioned_core::outbox::{OutboxRow, PublishError, Publisher, Relay, Shutdown};
use versioned_core::prelude::*;
use versioned_core::requests::{Resend, Resender};
use versioned_core::retention::Retention;
use versioned_core::wait::{self, Arrival};
use versioned_core::{Event, MIGRATIONS};

use super::super::exported::Exporter;
use super::super::rows::{Rows, ago};
use super::backend::{self, Conn, Db};

diesel::table! {
    tickets { id -> BigInt, price -> BigInt, version -> BigInt, }
}

diesel::table! {
    copies { id -> BigInt, price -> BigInt, version -> BigInt, }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox, tombstones)]
struct Ticket {
    id: i64,
    price: i64,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "tickets")]
struct Copy {
    id: i64,
    price: i64,
    version: i64,
}

struct Broker;

impl Publisher for Broker {
    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        batch.iter().map(|_| Ok(())).collect()
    }
}

/// An owner and its replica, with so many tickets.
fn database(tickets: i64) -> (Db, Conn) {
    let columns = "(id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)";
    let db = Db::fresh(&format!(
        "CREATE TABLE tickets {columns}; CREATE TABLE copies {columns}"
    ));
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS.with_requests())
        .unwrap();
    for id in 1..=tickets {
        let mut ticket = Ticket {
            id,
            price: 20,
            version: 0,
        };
        ticket.insert(&mut conn).unwrap();
        let copy = Copy {
            id,
            price: 20,
            version: 1,
        };
        assert!(
            Copy::apply(&Event::created(copy), &mut conn)
                .unwrap()
                .should_ack()
        );
    }
    (db, conn)
}

/// The values above 0 by the last label of their names.
fn above_zero(exporter: &Exporter, metric: &str, fixed: &str) -> BTreeMap<String, f64> {
    let all = exporter.of_metric(metric).into_iter();
    let all = all.filter(|(labels, value)| labels.contains(fixed) && *value > 0.0);
    all.map(|(labels, value)| {
        let last = labels
            .split(',')
            .find(|one| !one.starts_with("model") && !one.starts_with("source"));
        let name = last.unwrap().split('"').nth(1).unwrap().to_owned();
        (name, value)
    })
    .collect()
}

fn of<const N: usize>(all: [(&str, f64); N]) -> BTreeMap<String, f64> {
    all.map(|(name, value)| (name.to_owned(), value)).into()
}

#[test]
fn published_changes_are_counted_by_what_they_did() {
    let (_db, mut conn) = database(3);
    let conn = &mut conn;
    let mut ticket = Ticket::find(&1, conn).unwrap();
    ticket.save(conn).unwrap();
    ticket.save(conn).unwrap();
    ticket.delete(conn).unwrap();
    Ticket::resend(&2, conn).unwrap();
    // What is rolled back is not there.
    let rolled_back: QueryResult<()> = conn.transaction(|conn| {
        Ticket::find(&3, conn).unwrap().save(conn).unwrap();
        Err(diesel::result::Error::RollbackTransaction)
    });
    rolled_back.unwrap_err();
    let exporter = Exporter::new();
    let counted = || {
        above_zero(
            &exporter,
            "versioned_events_recorded_total",
            "model=\"tickets\"",
        )
    };
    assert_eq!(counted(), of([]));
    exporter
        .during(|| Relay::new(Broker).run_once(conn))
        .unwrap();
    let all = [
        ("insert", 3.0),
        ("update", 2.0),
        ("delete", 1.0),
        ("snapshot", 1.0),
    ];
    assert_eq!(counted(), of(all));
}

#[test]
fn one_ordered_relay_leads() {
    let (db, mut conn) = database(1);
    let exporter = Exporter::new();
    let leads = || exporter.value("versioned_relay_leader");
    let relay = Relay::new(Broker).ordered();
    if backend::NAME == "postgres" {
        let mut other = db.connect();
        other
            .batch_execute(
                "BEGIN; SELECT pg_advisory_xact_lock(1449489012,
                    ('versioned_outbox'::regclass::oid::bigint - 2147483648)::int)",
            )
            .unwrap();
        let pass = exporter.during(|| relay.run_once(&mut conn)).unwrap();
        assert_eq!(
            (pass.published, leads()),
            (0, 0.0),
            "the other one has its turn"
        );
        other.batch_execute("ROLLBACK").unwrap();
    }
    let pass = exporter.during(|| relay.run_once(&mut conn)).unwrap();
    assert_eq!((pass.published, leads()), (1, 1.0));
    let shutdown = Shutdown::new();
    shutdown.stop();
    exporter.during(|| relay.run(|| Ok::<_, String>(db.connect()), shutdown));
    assert_eq!(leads(), 0.0, "it has ended");
}

#[test]
fn records_that_are_sent_again_are_counted() {
    let (_db, mut conn) = database(3);
    let conn = &mut conn;
    Ticket::find(&3, conn).unwrap().delete(conn).unwrap();
    let exporter = Exporter::new();
    let mut gauges = Gauges::new(Duration::from_mins(10));
    let keys = ["1", "2", "3", "99", "no number"];
    Resend::records("tickets", keys)
        .max_failures(9)
        .store(conn)
        .unwrap();
    exporter.during(|| gauges.refresh(conn)).unwrap();
    assert_eq!(exporter.value("versioned_resend_pending_records"), 5.0);
    let resender = Resender::new().model::<Ticket>();
    exporter.during(|| resender.run_once(conn)).unwrap();
    let counted = above_zero(
        &exporter,
        "versioned_resend_records_total",
        "model=\"tickets\"",
    );
    let sum: f64 = counted.values().sum();
    assert_eq!(
        (counted["queued"], counted["deleted_sent"], sum),
        (2.0, 1.0, 5.0),
        "{counted:?}"
    );
    exporter.during(|| gauges.refresh(conn)).unwrap();
    assert_eq!(exporter.value("versioned_resend_pending_records"), 0.0);
}

#[test]
fn waits_are_counted_by_their_end() {
    let (db, mut conn) = database(2);
    let exporter = Exporter::new();
    let connect = || Ok::<_, String>(db.connect());
    let wait = |id: i64, version| {
        exporter.during(|| wait::wait_for::<Copy, _, _>(&id, version, Duration::ZERO, connect))
    };
    assert!(wait(1, 1).unwrap().is_reached());
    assert_eq!(wait(1, 2).unwrap(), Arrival::TimedOut { current: Some(1) });
    versioned_core::positions::forget::<Copy, _>(&2, &mut conn).unwrap();
    assert_eq!(wait(2, 5).unwrap(), Arrival::Forgotten);
    let unreachable = || Err::<Conn, _>("away");
    exporter
        .during(|| wait::wait_for::<Copy, _, _>(&1, 1, Duration::ZERO, unreachable))
        .unwrap_err();
    let counted = above_zero(
        &exporter,
        "versioned_replica_waits_total",
        "source=\"tickets\"",
    );
    let all = [
        ("reached", 1.0),
        ("timed_out", 1.0),
        ("forgotten", 1.0),
        ("cancelled", 1.0),
    ];
    assert_eq!(counted, of(all));
    // Those that have not happened are there, too.
    assert_eq!(exporter.of_metric("versioned_replica_waits_total").len(), 6);
    assert_eq!(
        exporter.value("versioned_replica_waits_active{source=\"tickets\"}"),
        0.0
    );
    assert_eq!(
        exporter.value("versioned_replica_wait_duration_seconds_count{source=\"tickets\"}"),
        4.0
    );
}

#[test]
fn a_comparison_is_counted_by_its_verdicts() {
    let (db, mut conn) = database(4);
    let mut owner = db.connect();
    for sql in [
        "UPDATE copies SET price = 21 WHERE id = 1",
        "DELETE FROM copies WHERE id = 2",
        "INSERT INTO copies (id, price, version) VALUES (9, 20, 1)",
    ] {
        conn.batch_execute(sql).unwrap();
    }
    let exporter = Exporter::new();
    let mut run = |comparison: Comparison<Copy>| {
        let ask = |question| compare::answer::<Ticket, _>(&question, &mut owner);
        exporter
            .during(|| comparison.settle(Duration::ZERO).run(ask, &mut conn))
            .unwrap()
    };
    let last = "versioned_compare_last_success_timestamp_seconds";
    let limited = run(Comparison::new().at_most(Duration::ZERO));
    assert!(limited.next.is_some());
    assert_eq!(exporter.of_metric(last), BTreeMap::new());
    let compared = run(Comparison::new());
    assert_eq!(compared.differences.len(), 3);
    let counted = above_zero(
        &exporter,
        "versioned_compare_records_total",
        "model=\"copies\",outcome",
    );
    let all = [
        ("equal", 2.0),
        ("different", 1.0),
        ("missing", 1.0),
        ("extra", 1.0),
    ];
    assert_eq!(counted, of(all));
    assert!(exporter.value(&format!("{last}{{source=\"tickets\"}}")) > 1e9);
}

#[test]
fn purged_rows_are_counted_by_kind() {
    let (_db, mut conn) = database(0);
    let conn = &mut conn;
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    Rows {
        conn,
        name: backend::NAME,
    }
    .letters(5, "copies", "tickets", ago(50_000));
    Resend::records("tickets", ["1"]).store(conn).unwrap();
    conn.batch_execute("UPDATE versioned_requests SET state = 'done', created_at = 1")
        .unwrap();
    let exporter = Exporter::new();
    let retention = Retention::new().dead_letters(hours(3)).requests(hours(3));
    exporter
        .during(|| retention.purge_named("copies", "tickets", conn))
        .unwrap();
    exporter
        .during(|| retention.purge_named("", "tickets", conn))
        .unwrap();
    let counted = above_zero(&exporter, "versioned_purged_rows_total", "kind");
    assert_eq!(counted, of([("dead", 5.0), ("request", 1.0)]));
    assert_eq!(exporter.of_metric("versioned_purged_rows_total").len(), 4);
}
