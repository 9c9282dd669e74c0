//! The metrics of a relay.

use std::time::Duration;

use super::{OutboxRow, Pass, Publisher};
#[cfg(feature = "metrics")]
use crate::meters::{
    EVENTS_RECORDED, OUTBOX_WAIT, RELAY_EVENTS, RELAY_LEADER, RELAY_PUBLISH, RELAY_SUCCESS,
    unix_time,
};

/// A relay starts: its counters are there before the first event.
#[cfg_attr(
    not(feature = "metrics"),
    allow(unused_variables, reason = "used by the feature `metrics`")
)]
pub(crate) fn started<P: Publisher>(publisher: &P) {
    #[cfg(feature = "metrics")]
    counted(publisher, Pass::default());
}

/// A pass was committed.
#[cfg_attr(
    not(feature = "metrics"),
    allow(unused_variables, reason = "used by the feature `metrics`")
)]
pub(crate) fn counted<P: Publisher>(publisher: &P, pass: Pass) {
    #[cfg(feature = "metrics")]
    {
        let transport = publisher.transport();
        for (outcome, events) in [
            ("published", pass.published.saturating_sub(pass.duplicates)),
            ("duplicate", pass.duplicates),
            ("failed", pass.rejected + pass.unavailable),
        ] {
            let labels = [("transport", transport), ("outcome", outcome)];
            metrics::counter!(RELAY_EVENTS, &labels).increment(events as u64);
        }
        if pass.published > 0 {
            metrics::gauge!(RELAY_SUCCESS, "transport" => transport).set(unix_time());
        }
    }
}

/// The broker has answered for events that it was sent together, or did not in time.
#[cfg_attr(
    not(feature = "metrics"),
    allow(unused_variables, reason = "used by the feature `metrics`")
)]
pub(crate) fn answered<P: Publisher>(publisher: &P, time: Duration, is_published: bool) {
    #[cfg(feature = "metrics")]
    {
        let outcome = if is_published { "published" } else { "failed" };
        let labels = [("transport", publisher.transport()), ("outcome", outcome)];
        metrics::histogram!(RELAY_PUBLISH, &labels).record(time);
    }
}

/// Events were acknowledged, so long after they were written.
#[cfg_attr(
    not(feature = "metrics"),
    allow(unused_variables, reason = "used by the feature `metrics`")
)]
pub(crate) fn waited<P: Publisher>(publisher: &P, times: impl Iterator<Item = Duration>) {
    #[cfg(feature = "metrics")]
    {
        let waits = metrics::histogram!(OUTBOX_WAIT, "transport" => publisher.transport());
        times.for_each(|time| waits.record(time));
    }
}

/// The relay of this process had its turn, or another one had.
#[cfg_attr(
    not(feature = "metrics"),
    allow(unused_variables, reason = "used by the feature `metrics`")
)]
pub(crate) fn leads(leads: bool) {
    #[cfg(feature = "metrics")]
    metrics::gauge!(RELAY_LEADER).set(f64::from(u8::from(leads)));
}

/// The entity and the operation of each event of a batch, by its id.
#[derive(Debug)]
pub(crate) struct Kinds {
    #[cfg(feature = "metrics")]
    all: std::collections::BTreeMap<i64, (String, &'static str)>,
}

#[cfg_attr(
    not(feature = "metrics"),
    allow(unused_variables, reason = "used by the feature `metrics`")
)]
impl Kinds {
    pub(crate) fn of(rows: &[OutboxRow]) -> Self {
        #[cfg(feature = "metrics")]
        let kind = |row: &OutboxRow| (row.id, (row.entity.clone(), operation(&row.op)));
        Self {
            #[cfg(feature = "metrics")]
            all: rows.iter().map(kind).collect(),
        }
    }

    /// These events were published, so their transactions were committed.
    #[cfg_attr(
        not(feature = "metrics"),
        allow(unused_mut, reason = "used by the feature `metrics`")
    )]
    pub(crate) fn published(mut self, ids: &[i64]) {
        #[cfg(feature = "metrics")]
        {
            let mut counts = std::collections::BTreeMap::new();
            for kind in ids.iter().filter_map(|id| self.all.remove(id)) {
                *counts.entry(kind).or_insert(0) += 1;
            }
            for ((model, operation), events) in counts {
                let labels = [("model", model), ("operation", operation.to_owned())];
                metrics::counter!(EVENTS_RECORDED, &labels).increment(events);
            }
        }
    }
}

#[cfg(feature = "metrics")]
fn operation(op: &str) -> &'static str {
    match op {
        "created" => "insert",
        "updated" => "update",
        "snapshot" => "snapshot",
        _ => "delete",
    }
}
