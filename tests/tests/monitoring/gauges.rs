//! What waits in a database, as gauges.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel_migrations::MigrationHarness as _;
use versioned_core::MIGRATIONS;
use versioned_core::metrics::Gauges;

use super::super::exported::Exporter;
use super::super::rows::{Look as _, Rows, ago};
use super::backend::{self, Conn, Db};

const EVERY: Duration = Duration::from_mins(10);

fn database() -> (Db, Conn) {
    let db = Db::fresh("CREATE TABLE tickets (id BIGINT PRIMARY KEY)");
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

fn rows(conn: &mut Conn) -> Rows<'_, Conn> {
    let name = backend::NAME;
    Rows { conn, name }
}

fn refresh(exporter: &Exporter, gauges: &mut Gauges, conn: &mut Conn) -> bool {
    exporter.during(|| conn.refresh(gauges)).unwrap()
}

#[track_caller]
fn is_about(seconds: f64, age: f64) {
    assert!((seconds - 1.0..seconds + 60.0).contains(&age), "{age}");
}

#[test]
fn the_gauges_show_what_waits_and_then_that_nothing_does() {
    let (_db, mut conn) = database();
    let (exporter, mut gauges) = (Exporter::new(), Gauges::new(EVERY));
    rows(&mut conn).pending(3, 0, ago(100));
    rows(&mut conn).pending(2, 4, ago(500));
    rows(&mut conn).parked(4, "copies", "tickets", ago(1_000));
    // Another replica of the same entity.
    rows(&mut conn).parked(2, "others", "tickets", ago(1_500));
    rows(&mut conn).letters(5, "copies", "tickets", ago(2_000));
    rows(&mut conn).letters(1, "users", "users", ago(50));
    assert!(refresh(&exporter, &mut gauges, &mut conn));
    assert_eq!(exporter.value("versioned_outbox_pending_events"), 5.0);
    is_about(
        500.0,
        exporter.value("versioned_outbox_oldest_pending_age_seconds"),
    );
    let of = |name: &str, source: &str| exporter.value(&format!("{name}{{source=\"{source}\"}}"));
    assert_eq!(of("versioned_replica_parked_events", "tickets"), 6.0);
    assert_eq!(of("versioned_replica_dead_letters", "tickets"), 5.0);
    assert_eq!(of("versioned_replica_dead_letters", "users"), 1.0);
    let (parked, letters) = (
        "versioned_replica_oldest_parked_age_seconds",
        "versioned_replica_oldest_dead_letter_age_seconds",
    );
    is_about(1_500.0, of(parked, "tickets"));
    is_about(2_000.0, of(letters, "tickets"));
    assert_eq!(of(parked, "users"), 0.0);
    assert_eq!(exporter.value("versioned_stats_refresh_errors_total"), 0.0);
    assert!(exporter.value("versioned_stats_refresh_duration_seconds") > 0.0);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let refreshed = exporter.value("versioned_stats_last_refresh_timestamp_seconds");
    assert!((since - 60.0..=since).contains(&refreshed), "{refreshed}");
    let expected = format!(
        "backend=\"{}\",version=\"{}\"",
        backend::NAME,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        exporter.of_metric("versioned_build_info"),
        [(expected, 1.0)].into()
    );

    conn.batch_execute(
        "DELETE FROM versioned_outbox; DELETE FROM versioned_parked; DELETE FROM versioned_dead_letters",
    )
    .unwrap();
    let before = exporter.series();
    assert!(refresh(&exporter, &mut gauges, &mut conn));
    assert_eq!(exporter.series(), before);
    assert_eq!(exporter.value("versioned_outbox_pending_events"), 0.0);
    assert_eq!(
        exporter.value("versioned_outbox_oldest_pending_age_seconds"),
        0.0
    );
    for source in ["tickets", "users"] {
        assert_eq!(of("versioned_replica_parked_events", source), 0.0);
        assert_eq!(of("versioned_replica_dead_letters", source), 0.0);
        assert_eq!(of(parked, source), 0.0);
        assert_eq!(of(letters, source), 0.0);
    }
}

/// Over the lease, whichever asks first.
#[test]
fn one_process_exports_and_the_next_one_takes_over() {
    let (db, mut conn) = database();
    rows(&mut conn).parked(4, "copies", "tickets", ago(1_000));
    let (one, mut first) = (Exporter::new(), Gauges::new(EVERY));
    let (other, mut second) = (Exporter::new(), Gauges::new(EVERY));
    let more = &mut db.connect();
    for _ in 0..2 {
        assert!(refresh(&one, &mut first, &mut conn));
        assert!(!refresh(&other, &mut second, more));
    }
    let nothing = ["versioned_stats_refresh_errors_total"];
    assert!(other.series().iter().eq(nothing), "{:?}", other.series());
    // It is over.
    conn.batch_execute("UPDATE versioned_leases SET until = 1")
        .unwrap();
    assert!(refresh(&other, &mut second, more));
    assert_eq!(other.value("versioned_outbox_pending_events"), 0.0);
    assert!(!refresh(&one, &mut first, &mut conn));
    for name in [
        "versioned_outbox_pending_events",
        "versioned_outbox_oldest_pending_age_seconds",
        "versioned_replica_parked_events{source=\"tickets\"}",
        "versioned_replica_oldest_parked_age_seconds{source=\"tickets\"}",
        "versioned_replica_dead_letters{source=\"tickets\"}",
        "versioned_replica_oldest_dead_letter_age_seconds{source=\"tickets\"}",
    ] {
        assert!(one.value(name).is_nan(), "{name}");
        assert!(!other.value(name).is_nan(), "{name}");
    }
}

#[test]
fn a_look_that_fails_is_counted() {
    let (_db, mut conn) = database();
    let (exporter, mut gauges) = (Exporter::new(), Gauges::new(EVERY));
    assert!(refresh(&exporter, &mut gauges, &mut conn));
    let before = exporter.value("versioned_stats_last_refresh_timestamp_seconds");
    conn.batch_execute("DROP TABLE versioned_parked").unwrap();
    for failures in [1.0, 2.0] {
        exporter.during(|| conn.refresh(&mut gauges)).unwrap_err();
        assert_eq!(
            exporter.value("versioned_stats_refresh_errors_total"),
            failures
        );
    }
    let after = exporter.value("versioned_stats_last_refresh_timestamp_seconds");
    assert_eq!(after, before);
}
