//! A request as it was stored.

use serde::{Deserialize, Serialize};

use crate::filter::Filter;

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
