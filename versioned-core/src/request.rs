//! A stored request, its progress and its results.

mod progress;
mod terms;

use std::fmt;
use std::time::SystemTime;

pub use self::progress::Counts;
pub(crate) use self::progress::{Cursor, Progress};
pub(crate) use self::terms::Terms;
use crate::filter::Filter;

/// The work that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestKind {
    /// Apply dead letters of a replica again.
    Redrive,
    /// Send records of an owner again.
    Resend,
    /// Forget records of a replica for good.
    Forget,
}

impl RequestKind {
    /// The name in the table and in JSON: `redrive`, `resend` or `forget`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Resend => "resend",
            Self::Forget => "forget",
        }
    }

    pub(crate) fn of(name: &str) -> Self {
        match name {
            "resend" => Self::Resend,
            "forget" => Self::Forget,
            _ => Self::Redrive,
        }
    }
}

/// The state of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestState {
    /// It waits for a service, or is being executed.
    Open,
    /// All of it was tried.
    Done,
    /// It ended early, because too much failed. The [note](Request::note) says why.
    Stopped,
    /// It was canceled.
    Canceled,
}

impl RequestState {
    /// The name in the table and in JSON: `open`, `done`, `stopped` or `canceled`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Canceled => "canceled",
        }
    }

    pub(crate) fn of(name: &str) -> Self {
        match name {
            "done" => Self::Done,
            "stopped" => Self::Stopped,
            "canceled" => Self::Canceled,
            _ => Self::Open,
        }
    }
}

/// A stored request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The key of the row. Ids are in the order in which requests were stored.
    pub id: i64,
    /// The work that it asks for.
    pub kind: RequestKind,
    /// The name of the replica. Empty for a resend.
    pub replica: String,
    /// The entity.
    pub entity: String,
    /// The state.
    pub state: RequestState,
    /// The filter that chose its letters or records.
    pub filter: Filter,
    /// The number of letters or records that were chosen. For a resend of all records, the limit, or
    /// [`u64::MAX`].
    pub chosen: u64,
    /// The number of letters that the filter matched beyond the [limit](crate::requests::Redrive::limit)
    /// when the request was stored. It counts up to 10,001.
    pub beyond_limit: u64,
    /// The results until now.
    pub counts: Counts,
    /// Why it was stopped, or why it does not go on.
    pub note: Option<String>,
    /// Who asked.
    pub requested_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When it was stored, by the database's clock.
    pub created_at: SystemTime,
    /// When a service worked on it last, or it was canceled. `None` if no service has begun.
    pub last_at: Option<SystemTime>,
}

impl Request {
    /// The number of chosen letters or records without a result. `None` if it is not known, because
    /// the request is a resend of all records.
    pub fn left(&self) -> Option<u64> {
        match (self.state, self.chosen) {
            (RequestState::Done, _) => Some(0),
            (_, u64::MAX) => None,
            (_, chosen) => Some(chosen.saturating_sub(self.counts.total())),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id, kind, entity, ..
        } = self;
        write!(f, "{id} {} of {entity}", kind.name())?;
        if !self.replica.is_empty() {
            write!(f, " at {}", self.replica)?;
        }
        write!(f, ", {}: {}", self.state.name(), self.counts)?;
        if let Some(left) = self.left() {
            write!(f, ", {left} left")?;
        }
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

/// The result of a request for one letter or one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ItemOutcome {
    /// There is none yet.
    Open,
    /// The event of the letter was applied.
    Applied,
    /// The replica was at the letter's version or a newer one. The letter is deleted.
    Superseded,
    /// The predecessor of the event is missing. A replica with `gap = "park"` has parked the event;
    /// otherwise the letter stays.
    Waiting,
    /// It failed again. A letter stays, with the new reason.
    Failed,
    /// The record was forgotten. Or the letter does not exist any more, because it was discarded or
    /// its record was forgotten.
    Forgotten,
    /// The present state of the record is in the outbox.
    Queued,
    /// The deletion of the record is in the outbox.
    DeletionQueued,
    /// The owner does not have the record and remembers no deletion.
    Unknown,
}

impl ItemOutcome {
    /// The name in the table and in JSON, such as `applied`. Empty if there is none yet.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::Applied => "applied",
            Self::Superseded => "superseded",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Forgotten => "forgotten",
            Self::Queued => "queued",
            Self::DeletionQueued => "deleted_sent",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn of(name: &str) -> Self {
        match name {
            "applied" => Self::Applied,
            "superseded" => Self::Superseded,
            "waiting" => Self::Waiting,
            "failed" => Self::Failed,
            "forgotten" => Self::Forgotten,
            "queued" => Self::Queued,
            "deleted_sent" => Self::DeletionQueued,
            "unknown" => Self::Unknown,
            _ => Self::Open,
        }
    }
}

/// One letter or record of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestItem {
    /// The id of the letter, or the number of the record in the request.
    pub item: i64,
    /// The key of the record. `None` for a letter of no record.
    pub key: Option<String>,
    /// The version of the letter's event. For a record, 0.
    pub version: i64,
    /// The result.
    pub outcome: ItemOutcome,
    /// The error of a failure.
    pub error: Option<String>,
    /// When the result was written. `None` if there is none.
    pub at: Option<SystemTime>,
}
