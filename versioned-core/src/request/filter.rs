//! What a request chooses, and its limits.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::event;

/// Chooses dead letters of a replica. All parts are combined by AND, also two of one kind. Without
/// any part, it matches all letters.
///
/// ```
/// use versioned_core::requests::Filter;
///
/// let filter = Filter::new().record("42").reason_contains("poison");
/// assert!(!filter.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Filter {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ids: Option<Vec<i64>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) records: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<String>,
    /// In microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) up_to: Option<i64>,
}

impl Filter {
    /// Matches all letters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Matches letters with one of these [ids](crate::dead_letters::DeadLetter::id). No ids match no
    /// letter.
    #[must_use]
    pub fn ids(mut self, ids: impl IntoIterator<Item = i64>) -> Self {
        let ids = ids.into_iter();
        self.ids = Some(match &self.ids {
            None => ids.collect(),
            Some(others) => ids.filter(|id| others.contains(id)).collect(),
        });
        self
    }

    /// Matches letters of the record with this key.
    #[must_use]
    pub fn record(mut self, key: impl Into<String>) -> Self {
        self.records.push(key.into());
        self
    }

    /// Matches letters whose reason contains this text, byte by byte.
    #[must_use]
    pub fn reason_contains(mut self, text: impl Into<String>) -> Self {
        self.reasons.push(text.into());
        self
    }

    /// Matches letters that were kept at this time or later.
    #[must_use]
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = self.since.max(Some(event::micros_of(time)));
        self
    }

    /// Matches letters that were kept before this time.
    #[must_use]
    pub fn until(mut self, time: SystemTime) -> Self {
        let time = event::micros_of(time);
        self.until = Some(self.until.map_or(time, |other| other.min(time)));
        self
    }

    /// Matches letters with a greater id.
    #[must_use]
    pub fn after(mut self, id: i64) -> Self {
        self.after = self.after.max(Some(id));
        self
    }

    /// Matches letters with this id or a smaller one: those that an earlier
    /// [plan](crate::requests::Redrive::plan) has counted.
    #[must_use]
    pub fn up_to(mut self, id: i64) -> Self {
        self.up_to = Some(self.up_to.map_or(id, |other| other.min(id)));
        self
    }

    /// Returns whether the filter has no part.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A request as it was stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Terms {
    #[serde(default)]
    pub(crate) filter: Filter,
    pub(crate) limit: u64,
    /// Letters or records per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<u32>,
    #[serde(default)]
    pub(crate) canary: u64,
    /// The number of failures in a row after which it stops.
    pub(crate) failures: u64,
    /// The number of pending events in the outbox at which a resend waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pending: Option<u32>,
    /// Whether it is a resend of all records, which has no items.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) everything: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// The number of items.
    #[serde(default)]
    pub(crate) chosen: u64,
    #[serde(default)]
    pub(crate) beyond: u64,
    /// The greatest id of a letter of the replica when the request was stored.
    #[serde(default)]
    pub(crate) newest: i64,
}
