//! Which rows an operator means.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::event;

/// Chooses rows: dead letters, parked events, or events of the outbox. All parts are combined by AND,
/// also two of one kind, and texts are compared byte by byte. Without any part, it matches all rows.
///
/// ```
/// use versioned_core::inspect::Filter;
///
/// let filter = Filter::new().record("42").reason_contains("poison");
/// assert!(!filter.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Filter {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) replicas: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) entities: Vec<String>,
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
    pub(crate) ids: Option<Vec<i64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) up_to: Option<i64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) failed: bool,
}

impl Filter {
    /// Matches all rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Matches rows of the replica with this name. Events in the outbox have none, and are not
    /// restricted.
    #[must_use]
    pub fn replica(mut self, name: impl Into<String>) -> Self {
        self.replicas.push(name.into());
        self
    }

    /// Matches rows of this entity.
    #[must_use]
    pub fn entity(mut self, name: impl Into<String>) -> Self {
        self.entities.push(name.into());
        self
    }

    /// Matches rows of the record with this key.
    #[must_use]
    pub fn record(mut self, key: impl Into<String>) -> Self {
        self.records.push(key.into());
        self
    }

    /// Matches rows whose reason contains this text.
    #[must_use]
    pub fn reason_contains(mut self, text: impl Into<String>) -> Self {
        self.reasons.push(text.into());
        self
    }

    /// Matches rows that were written at this time or later.
    #[must_use]
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = self.since.max(Some(event::micros_of(time)));
        self
    }

    /// Matches rows that were written before this time.
    #[must_use]
    pub fn until(mut self, time: SystemTime) -> Self {
        let time = event::micros_of(time);
        self.until = Some(self.until.map_or(time, |other| other.min(time)));
        self
    }

    /// Matches rows with one of these ids. No ids match no row. Parked events have no id, and are not
    /// restricted by this, [`after`](Self::after) and [`up_to`](Self::up_to).
    #[must_use]
    pub fn ids(mut self, ids: impl IntoIterator<Item = i64>) -> Self {
        let ids = ids.into_iter();
        self.ids = Some(match &self.ids {
            None => ids.collect(),
            Some(others) => ids.filter(|id| others.contains(id)).collect(),
        });
        self
    }

    /// Matches rows with a greater id.
    #[must_use]
    pub fn after(mut self, id: i64) -> Self {
        self.after = self.after.max(Some(id));
        self
    }

    /// Matches rows with this id or a smaller one: those that an earlier
    /// [plan](crate::requests::Redrive::plan) has counted.
    #[must_use]
    pub fn up_to(mut self, id: i64) -> Self {
        self.up_to = Some(self.up_to.map_or(id, |other| other.min(id)));
        self
    }

    /// Matches rows with a reason: letters that failed, and not those that only wait behind one; events
    /// that a broker has rejected; parked events that the database has rejected.
    #[must_use]
    pub fn failed(mut self) -> Self {
        self.failed = true;
        self
    }

    /// Returns whether the filter has no part.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
