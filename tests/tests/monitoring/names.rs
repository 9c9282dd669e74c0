//! The names of the metrics, which dashboards and alerts depend on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use metrics_exporter_prometheus::PrometheusBuilder;
use versioned_core::metrics::{BUCKETS, METRICS, MetricKind, describe};

use super::exported::Exporter;

/// As they are. A change of this list breaks dashboards.
const NAMES: &str = "\
counter versioned_compare_records_total source,model,outcome
counter versioned_events_recorded_total model,operation
counter versioned_purged_rows_total kind
counter versioned_relay_events_total transport,outcome
counter versioned_replica_clock_skew_events_total source
counter versioned_replica_dead_letter_actions_total source,action
counter versioned_replica_dead_letters_added_total source,model,reason
counter versioned_replica_events_total source,model,outcome
counter versioned_replica_waits_total source,outcome
counter versioned_resend_records_total model,outcome
counter versioned_stats_refresh_errors_total
gauge versioned_build_info version,backend
gauge versioned_compare_last_success_timestamp_seconds source
gauge versioned_outbox_oldest_pending_age_seconds
gauge versioned_outbox_pending_events
gauge versioned_relay_last_success_timestamp_seconds transport
gauge versioned_relay_leader
gauge versioned_replica_dead_letters source
gauge versioned_replica_last_applied_timestamp_seconds source
gauge versioned_replica_oldest_dead_letter_age_seconds source
gauge versioned_replica_oldest_parked_age_seconds source
gauge versioned_replica_parked_events source
gauge versioned_replica_waits_active source
gauge versioned_resend_pending_records
gauge versioned_stats_last_refresh_timestamp_seconds
gauge versioned_stats_refresh_duration_seconds
histogram versioned_outbox_wait_seconds transport
histogram versioned_relay_publish_duration_seconds transport,outcome
histogram versioned_replica_apply_duration_seconds source,outcome
histogram versioned_replica_event_age_seconds source
histogram versioned_replica_wait_duration_seconds source
";

fn kind(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
        _ => "unknown",
    }
}

#[test]
fn the_names_and_the_labels_stay() {
    let names: BTreeSet<_> = METRICS
        .iter()
        .map(|one| format!("{} {} {}", kind(one.kind), one.name, one.labels.join(",")))
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect();
    assert_eq!(names.into_iter().collect::<String>(), NAMES);
    let histograms = METRICS
        .iter()
        .filter(|one| one.kind == MetricKind::Histogram);
    let histograms: BTreeSet<_> = histograms.map(|one| one.name).collect();
    assert_eq!(histograms, BUCKETS.iter().map(|(name, _)| *name).collect());
    for (name, buckets) in BUCKETS {
        assert!(buckets.is_sorted_by(|one, next| one < next), "{name}");
    }
}

/// The exporter can append the unit to a name, which ends with it already.
#[test]
fn an_exporter_leaves_the_names_as_they_are() {
    for has_suffix in [false, true] {
        let exporter = Exporter::of(PrometheusBuilder::new().with_recommended_naming(has_suffix));
        exporter.during(|| {
            describe();
            for one in METRICS {
                match one.kind {
                    MetricKind::Counter => metrics::counter!(one.name).increment(1),
                    MetricKind::Gauge => metrics::gauge!(one.name).set(1.0),
                    _ => metrics::histogram!(one.name).record(1.0),
                }
            }
        });
        let text = exporter.text();
        for one in METRICS {
            let kind = format!("# TYPE {} {}\n", one.name, kind(one.kind));
            assert!(text.contains(&kind), "{has_suffix}: {kind}{text}");
            assert!(text.contains(&format!("# HELP {} {}\n", one.name, one.help)));
        }
        assert!(!text.contains("summary"), "{text}");
    }
}

/// The text of a file of the repository.
fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap()
}

/// The names of metrics in a text, without the endings of the parts of a histogram.
fn named(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c));
    let names = words.filter(|word| word.starts_with("versioned_") && !word.ends_with('_'));
    let names = names.map(|name| {
        let whole = ["_bucket", "_count", "_sum"].iter();
        let mut whole = whole.filter_map(|end| name.strip_suffix(end));
        whole
            .find(|name| name.ends_with("_seconds"))
            .unwrap_or(name)
    });
    names.collect()
}

/// What is not there shows nothing, and never alerts.
#[test]
fn the_dashboard_and_the_alerts_use_metrics_that_exist() {
    let known: BTreeSet<_> = METRICS.iter().map(|one| one.name).collect();
    for (path, at_least) in [
        ("docs/monitoring/dashboard.json", known.len()),
        ("docs/monitoring/alerts.yml", 8),
    ] {
        let text = file(path);
        let named = named(&text);
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
        assert!(named.len() >= at_least, "{path}: {named:?}");
    }
}

/// Each metric is in the table of the guide, with its labels.
#[test]
fn the_guide_lists_each_metric() {
    let page = file("versioned-core/src/guide/how_to/monitoring.md");
    let rows = page.lines().filter(|row| row.starts_with("| `versioned_"));
    let rows: BTreeSet<String> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            [cells[1], cells[2], cells[3]].join(" | ")
        })
        .collect();
    let expected = METRICS.iter().map(|one| {
        let labels = one.labels.iter().map(|label| format!("`{label}`"));
        let labels: Vec<_> = labels.collect();
        format!(
            "`{}` | {} | {}",
            one.name,
            kind(one.kind),
            labels.join(", ")
        )
    });
    assert_eq!(rows, expected.collect());
}

/// A Grafana that is not ours can show it.
#[test]
fn the_dashboard_belongs_to_no_grafana() {
    let text = file("docs/monitoring/dashboard.json");
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    for key in ["uid", "id", "__inputs", "__requires"] {
        assert!(dashboard.get(key).is_none(), "{key}");
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(variables[0]["type"], "datasource");
    assert_eq!(variables[0]["name"], "datasource");
    let panels = dashboard["panels"].as_array().unwrap();
    let panels = panels.iter().filter(|panel| panel["type"] != "row");
    let mut queries = 0;
    for panel in panels {
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{target}");
            assert!(!target["expr"].as_str().unwrap().is_empty());
            queries += 1;
        }
    }
    assert!(queries >= METRICS.len());
}

/// The exporter shows a gauge of a database in one process only.
#[test]
fn no_query_adds_up_the_gauges_of_a_database() {
    let texts = [
        file("docs/monitoring/dashboard.json"),
        file("docs/monitoring/alerts.yml"),
    ];
    // Those of a process are of itself.
    let of_process = ["versioned_relay_leader", "versioned_replica_waits_active"];
    let gauges = METRICS.iter().filter(|one| one.kind == MetricKind::Gauge);
    let gauges = gauges.filter(|one| !of_process.contains(&one.name));
    for name in gauges.map(|one| one.name) {
        for line in texts.iter().flat_map(|text| text.lines()) {
            let adds = line.contains("sum by") || line.contains("sum(");
            assert!(!(adds && named(line).contains(name)), "{line}");
        }
    }
}
