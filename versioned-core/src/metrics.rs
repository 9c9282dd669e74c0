//! Metrics, on the facade of the crate `metrics`: the application chooses the recorder, for example
//! the exporter for Prometheus.
//!
//! Relays and consumers count by themselves. A [`Gauges`] exports what [waits](crate::status) in a
//! database. Without a recorder, nothing is counted.
//!
//! ```no_run
//! # use diesel::prelude::*;
//! use std::time::Duration;
//! use versioned_core::metrics::{self, Gauges};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Install the recorder first, with the buckets of `metrics::BUCKETS`.
//! metrics::describe();
//!
//! let every = Duration::from_secs(15);
//! let mut gauges = Gauges::new(every);
//! let mut conn = SqliteConnection::establish("tickets.db")?;
//! loop {
//!     if let Err(error) = gauges.refresh(&mut conn) {
//!         eprintln!("{error}"); // it is counted, too
//!     }
//!     std::thread::sleep(every);
//! }
//! # }
//! ```
//!
//! # Metrics
//!
//! Counters start at 0 when the relay or the consumer starts, so that an alert on an increase sees
//! the first one. All labels have fixed sets of values: no key, no version and no text of an error is
//! among them.
//!
//! | label | values |
//! | --- | --- |
//! | `source` | the entity that the replica copies, as `tickets` |
//! | `model` | the name of the replica, as `ticket_copies` |
//! | `transport` | [`Publisher::transport`](crate::outbox::Publisher::transport): `jetstream`, `kafka`, `rabbitmq`, `direct`, `other` |
//! | `outcome` of `versioned_relay_events_total` | `published`, `duplicate` (the broker had it), `failed` (it is tried again) |
//! | `outcome` of `versioned_relay_publish_duration_seconds` | `published`, `failed` (one of them, or more) |
//! | `outcome` of `versioned_replica_events_total` | `applied`, `snapshot_applied`, `duplicate` (of the replica's version), `stale` (of an older one), `parked`, `dead` (it became a dead letter), `forgotten`, `skipped` (not for this replica), `rejected` (there is no table of dead letters) |
//! | `outcome` of `versioned_replica_apply_duration_seconds` | `ok`, `error` |
//! | `model` of `versioned_events_recorded_total` and `versioned_resend_records_total` | the entity of the owner |
//! | `operation` | `insert`, `update`, `delete`, `snapshot` |
//! | `outcome` of `versioned_resend_records_total` | `queued`, `deleted_sent`, `unknown`, `failed` |
//! | `outcome` of `versioned_replica_waits_total` | `reached`, `timed_out`, `dead`, `forgotten`, `cancelled` (it was dropped, or a query failed), `rejected` |
//! | `outcome` of `versioned_compare_records_total` | `equal`, `behind`, `ahead`, `different`, `missing`, `extra`, `unsettled` |
//! | `kind` | `dead`, `parked`, `tombstone`, `request` |
//! | `reason` | `undecodable`, `constraint`, `apply_failed`, `other` |
//! | `action` | `applied`, `superseded`, `waiting`, `failed` |
//!
//! [`METRICS`] lists them with their types, and the [guide](crate::guide::how_to::monitoring) what to
//! watch.

mod gauges;

pub use self::gauges::Gauges;
pub use crate::meters::{
    AGE_BUCKETS, APPLY_BUCKETS, BUCKETS, METRICS, Metric, MetricKind, PUBLISH_BUCKETS,
    WAIT_BUCKETS, describe,
};
