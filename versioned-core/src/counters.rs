//! What waits, resends, comparisons and purges count. See [`metrics`](crate::metrics).
//!
//! Without the feature `metrics` there is nothing to count, and the functions do nothing.

#![cfg_attr(
    not(feature = "metrics"),
    allow(unused_variables, dead_code, reason = "used by the feature `metrics`")
)]

#[cfg(feature = "metrics")]
use std::time::Instant;

use crate::arrival::Arrival;
use crate::compared::Compared;
#[cfg(feature = "metrics")]
use crate::compared::Verdict;
#[cfg(feature = "metrics")]
use crate::meters::{
    COMPARE_SUCCESS, COMPARED, PURGED, REPLICA_WAIT, REPLICA_WAITING, REPLICA_WAITS,
    RESEND_RECORDS, unix_time,
};
use crate::purged::Purged;
use crate::request::Counts;

/// A wait for a version. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Wait {
    #[cfg(feature = "metrics")]
    source: &'static str,
    #[cfg(feature = "metrics")]
    start: Instant,
    outcome: &'static str,
}

impl Wait {
    /// Every series is there before the first wait ends.
    pub(crate) fn begins(source: &'static str) -> Self {
        #[cfg(feature = "metrics")]
        {
            for outcome in [
                "reached",
                "timed_out",
                "dead",
                "forgotten",
                "cancelled",
                "rejected",
            ] {
                let labels = [("source", source), ("outcome", outcome)];
                metrics::counter!(REPLICA_WAITS, &labels).increment(0);
            }
            metrics::gauge!(REPLICA_WAITING, "source" => source).increment(1);
        }
        Self {
            #[cfg(feature = "metrics")]
            source,
            #[cfg(feature = "metrics")]
            start: Instant::now(),
            outcome: "cancelled",
        }
    }

    /// Notes what the wait returns.
    pub(crate) fn ends(&mut self, arrival: &Arrival) {
        self.outcome = match arrival {
            Arrival::Reached { .. } => "reached",
            Arrival::TimedOut { .. } => "timed_out",
            Arrival::DeadLetter { .. } => "dead",
            Arrival::Forgotten => "forgotten",
            Arrival::Rejected => "rejected",
        };
    }
}

#[cfg(feature = "metrics")]
impl Drop for Wait {
    fn drop(&mut self) {
        let source = self.source;
        metrics::gauge!(REPLICA_WAITING, "source" => source).decrement(1);
        let labels = [("source", source), ("outcome", self.outcome)];
        metrics::counter!(REPLICA_WAITS, &labels).increment(1);
        metrics::histogram!(REPLICA_WAIT, "source" => source).record(self.start.elapsed());
    }
}

/// A step of a resend was committed. `before` are the results before it.
pub(crate) fn resent(entity: &str, before: Counts, after: Counts) {
    #[cfg(feature = "metrics")]
    for (outcome, before, after) in [
        ("queued", before.queued, after.queued),
        (
            "deleted_sent",
            before.deletions_queued,
            after.deletions_queued,
        ),
        ("unknown", before.unknown, after.unknown),
        ("failed", before.failed, after.failed),
    ] {
        let labels = [
            ("model", entity.to_owned()),
            ("outcome", outcome.to_owned()),
        ];
        metrics::counter!(RESEND_RECORDS, &labels).increment(after.saturating_sub(before));
    }
}

/// A comparison has ended, or has stopped with an error or at a limit.
pub(crate) fn compared(
    source: &'static str,
    model: &'static str,
    compared: &Compared,
    complete: bool,
) {
    #[cfg(feature = "metrics")]
    {
        for (verdict, records) in [
            (Verdict::Equal, compared.equal),
            (Verdict::Behind, compared.behind),
            (Verdict::Ahead, compared.ahead),
            (Verdict::Different, compared.different),
            (Verdict::Missing, compared.missing),
            (Verdict::Extra, compared.extra),
            (Verdict::Unsettled, compared.unsettled),
        ] {
            let labels = [
                ("source", source),
                ("model", model),
                ("outcome", verdict.name()),
            ];
            metrics::counter!(COMPARED, &labels).increment(records);
        }
        if complete {
            metrics::gauge!(COMPARE_SUCCESS, "source" => source).set(unix_time());
        }
    }
}

/// A purge has deleted rows.
pub(crate) fn purged(purged: &Purged) {
    #[cfg(feature = "metrics")]
    for (kind, rows) in [
        ("dead", purged.dead_letters),
        ("parked", purged.parked),
        ("tombstone", purged.tombstones),
        ("request", purged.requests),
    ] {
        metrics::counter!(PURGED, "kind" => kind).increment(rows as u64);
    }
}
