//! The names of the metrics, which dashboards and alerts depend on.

use std::collections::BTreeSet;

use metrics_exporter_prometheus::PrometheusBuilder;
use versioned_core::metrics::{BUCKETS, METRICS, MetricKind, describe};

use super::exported::Exporter;

/// As they are. A change of this list breaks dashboards.
const NAMES: &str = "\
counter versioned_relay_events_total transport,outcome
counter versioned_replica_clock_skew_events_total source
counter versioned_replica_dead_letter_actions_total source,action
counter versioned_replica_dead_letters_added_total source,model,reason
counter versioned_replica_events_total source,model,outcome
counter versioned_stats_refresh_errors_total
gauge versioned_build_info version,backend
gauge versioned_outbox_oldest_pending_age_seconds
gauge versioned_outbox_pending_events
gauge versioned_relay_last_success_timestamp_seconds transport
gauge versioned_replica_dead_letters source
gauge versioned_replica_last_applied_timestamp_seconds source
gauge versioned_replica_oldest_dead_letter_age_seconds source
gauge versioned_replica_oldest_parked_age_seconds source
gauge versioned_replica_parked_events source
gauge versioned_stats_last_refresh_timestamp_seconds
gauge versioned_stats_refresh_duration_seconds
histogram versioned_outbox_wait_seconds transport
histogram versioned_relay_publish_duration_seconds transport,outcome
histogram versioned_replica_apply_duration_seconds source,outcome
histogram versioned_replica_event_age_seconds source
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
