//! The questions of a replica about the records of its owner, and the answers.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A question about the records of an owner. [`answer`](crate::compare::answer) answers it, in the
/// service that owns them. Questions and answers are JSON, so that they can go over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Question {
    /// Which records come after this key, in the order of the owner's keys?
    Page {
        /// The last key of the page before, or `None` for the first page.
        after: Option<String>,
        /// At most so many records.
        limit: usize,
    },
    /// What is the state of these records?
    Records {
        /// Their keys.
        keys: Vec<String>,
    },
    /// As `Records`, without the data.
    Versions {
        /// Their keys.
        keys: Vec<String>,
    },
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Answer {
    /// The entity of the owner.
    pub entity: String,
    /// The records. A record that the owner does not know is not among them.
    pub records: Vec<State>,
}

impl Answer {
    pub(crate) fn new(entity: &str, records: Vec<State>) -> Self {
        Self {
            entity: entity.to_owned(),
            records,
        }
    }
}

/// A record as its owner has it.
#[derive(Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct State {
    /// The key, as in [`Event::key`](crate::Event::key).
    pub key: String,
    /// The version of the row, or of the deletion.
    pub version: i64,
    /// Whether the owner remembers that the record was deleted. Only an owner with
    /// `#[versioned(tombstones)]` does.
    #[serde(default)]
    pub deleted: bool,
    /// The row, as an event carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
}

impl State {
    pub(crate) fn new(key: String, version: i64, data: Option<Box<RawValue>>) -> Self {
        Self {
            key,
            version,
            deleted: false,
            data,
        }
    }

    pub(crate) fn deleted(key: String, version: i64) -> Self {
        Self {
            deleted: true,
            ..Self::new(key, version, None)
        }
    }

    /// Reads the row, as the `data` of an event is read. Returns `None` for a deleted record, and in
    /// the answer to [`Question::Versions`].
    ///
    /// # Errors
    ///
    /// Returns the error of `serde_json` if the row does not fit into `T`.
    pub fn data<T: DeserializeOwned>(&self) -> serde_json::Result<Option<T>> {
        let json = self.data.as_ref().map(|data| data.get());
        json.map(serde_json::from_str).transpose()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("key", &self.key)
            .field("version", &self.version)
            .field("deleted", &self.deleted)
            .finish_non_exhaustive()
    }
}
