//! The names of the metrics, and what they mean.

use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// A metric of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The type.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it shows.
    pub help: &'static str,
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It is set to the latest value.
    Gauge,
    /// It counts values by their size.
    Histogram,
}

macro_rules! all {
    ($($kind:ident $constant:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(crate) const $constant: &str = $name;)*

        /// All metrics of this crate.
        pub const METRICS: &[Metric] = &[$(Metric {
            name: $name,
            kind: MetricKind::$kind,
            labels: &[$($label),*],
            help: $help,
        }),*];
    };
}

all! {
    Counter EVENTS_RECORDED "versioned_events_recorded_total" ["model", "operation"]
        "Changes that were committed with their events, counted when the relay has published them";
    Gauge OUTBOX_PENDING "versioned_outbox_pending_events" []
        "Events that are not published yet, up to 10,001";
    Gauge OUTBOX_AGE "versioned_outbox_oldest_pending_age_seconds" []
        "Age of the oldest event that is not published yet, 0 if there is none";
    Counter RELAY_EVENTS "versioned_relay_events_total" ["transport", "outcome"]
        "Attempts to publish an event";
    Histogram RELAY_PUBLISH "versioned_relay_publish_duration_seconds" ["transport", "outcome"]
        "Time in which a broker has answered for the events that it was sent together";
    Histogram OUTBOX_WAIT "versioned_outbox_wait_seconds" ["transport"]
        "Time between the write of an event and the acknowledgement of the broker";
    Gauge RELAY_SUCCESS "versioned_relay_last_success_timestamp_seconds" ["transport"]
        "Unix time at which the relay last published an event";
    Gauge RELAY_LEADER "versioned_relay_leader" []
        "1 if the relay of this process had its turn, of several ordered ones";
    Counter RESEND_RECORDS "versioned_resend_records_total" ["model", "outcome"]
        "Records that an operator has asked to send again";
    Gauge RESEND_PENDING "versioned_resend_pending_records" []
        "Records that open requests have still to send again, as far as their number is known";
    Counter REPLICA_EVENTS "versioned_replica_events_total" ["source", "model", "outcome"]
        "Deliveries of messages, by what became of them";
    Histogram REPLICA_APPLY "versioned_replica_apply_duration_seconds" ["source", "outcome"]
        "Time of a transaction that applies events";
    Histogram REPLICA_AGE "versioned_replica_event_age_seconds" ["source"]
        "Time between the change at the owner and its commit at the replica";
    Counter REPLICA_SKEW "versioned_replica_clock_skew_events_total" ["source"]
        "Events that were applied before they were made, by the clocks of the two hosts";
    Gauge REPLICA_APPLIED "versioned_replica_last_applied_timestamp_seconds" ["source"]
        "Unix time at which the replica last applied an event";
    Gauge REPLICA_PARKED "versioned_replica_parked_events" ["source"]
        "Events that wait for an older event of their record, up to 10,001";
    Gauge REPLICA_PARKED_AGE "versioned_replica_oldest_parked_age_seconds" ["source"]
        "Age of the event that has been parked longest, 0 if there is none";
    Gauge REPLICA_LETTERS "versioned_replica_dead_letters" ["source"]
        "Messages that could not be applied, up to 10,001";
    Gauge REPLICA_LETTERS_AGE "versioned_replica_oldest_dead_letter_age_seconds" ["source"]
        "Age of the message that was kept first, 0 if there is none";
    Counter LETTERS_ADDED "versioned_replica_dead_letters_added_total" ["source", "model", "reason"]
        "Messages that became dead letters";
    Counter LETTERS_ACTIONS "versioned_replica_dead_letter_actions_total" ["source", "action"]
        "What became of dead letters when they were tried again";
    Counter REPLICA_WAITS "versioned_replica_waits_total" ["source", "outcome"]
        "Waits for a version of a record";
    Histogram REPLICA_WAIT "versioned_replica_wait_duration_seconds" ["source"]
        "Time of a wait for a version of a record";
    Gauge REPLICA_WAITING "versioned_replica_waits_active" ["source"]
        "Waits for a version of a record that have not ended";
    Counter COMPARED "versioned_compare_records_total" ["source", "model", "outcome"]
        "Records of a replica that were compared with their owner";
    Gauge COMPARE_SUCCESS "versioned_compare_last_success_timestamp_seconds" ["source"]
        "Unix time at which a comparison last reached its end";
    Counter PURGED "versioned_purged_rows_total" ["kind"]
        "Rows that a purge has deleted";
    Gauge STATS_DURATION "versioned_stats_refresh_duration_seconds" []
        "Time that the last look at the database took";
    Counter STATS_ERRORS "versioned_stats_refresh_errors_total" []
        "Looks at the database that failed";
    Gauge STATS_REFRESH "versioned_stats_last_refresh_timestamp_seconds" []
        "Unix time of the last look at the database";
    Gauge BUILD_INFO "versioned_build_info" ["version", "backend"]
        "1";
}

/// The upper bounds of an age and of a wait, in seconds: from 10 ms to a day.
pub const AGE_BUCKETS: &[f64] = &[
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0,
    14_400.0, 86_400.0,
];

/// The upper bounds of the time of a transaction at a replica, in seconds.
pub const APPLY_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// The upper bounds of the time of a broker, in seconds: those that OpenTelemetry advises.
pub const PUBLISH_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The upper bounds of a wait for a version, in seconds.
pub const WAIT_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The buckets of each histogram. Without them, the exporter for Prometheus makes summaries, which
/// cannot be added up over instances.
///
/// ```text
/// let mut builder = PrometheusBuilder::new();
/// for (name, buckets) in versioned_core::metrics::BUCKETS {
///     builder = builder.set_buckets_for_metric(Matcher::Full((*name).to_owned()), buckets)?;
/// }
/// ```
pub const BUCKETS: &[(&str, &[f64])] = &[
    (RELAY_PUBLISH, PUBLISH_BUCKETS),
    (OUTBOX_WAIT, AGE_BUCKETS),
    (REPLICA_APPLY, APPLY_BUCKETS),
    (REPLICA_AGE, AGE_BUCKETS),
    (REPLICA_WAIT, WAIT_BUCKETS),
];

/// Describes all metrics to the recorder, with their units. Call it once, after the recorder was
/// installed.
pub fn describe() {
    for metric in METRICS {
        let Metric { name, help, .. } = *metric;
        let unit = if name.contains("_seconds") {
            Unit::Seconds
        } else {
            Unit::Count
        };
        match metric.kind {
            MetricKind::Counter => describe_counter!(name, unit, help),
            MetricKind::Gauge => describe_gauge!(name, unit, help),
            MetricKind::Histogram => describe_histogram!(name, unit, help),
        }
    }
}

/// The Unix time in seconds.
pub(crate) fn unix_time() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
