//! How long what a replica or an owner remembers is kept, and what was purged of it.

use std::fmt;
use std::time::Duration;

use crate::backlog::Count;

/// How long tombstones, dead letters, parked events and ended requests are kept. See
/// [`retention`](crate::retention).
///
/// Nothing is purged unless its age is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    pub(crate) tombstones: Option<Duration>,
    pub(crate) dead_letters: Option<Duration>,
    pub(crate) parked: Option<Duration>,
    pub(crate) requests: Option<Duration>,
    pub(crate) batch: usize,
    pub(crate) pause: Duration,
    pub(crate) most: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self::new()
    }
}

impl Retention {
    /// Returns settings that keep everything.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tombstones: None,
            dead_letters: None,
            parked: None,
            requests: None,
            batch: 1_000,
            pause: Duration::from_millis(20),
            most: 1_000_000,
        }
    }

    /// Sets how long deletions are remembered. A deletion is kept for longer if the replica has a
    /// dead letter or a parked event of the record, or a dead letter of which the record is unknown,
    /// because that may be an event from before the deletion. At an owner, it is kept while the
    /// outbox has an event of the record.
    ///
    /// Choose more than the broker's retention, the lag of the outbox, and the age of backups
    /// together. A late event of a record whose deletion was purged restores the record. At least as
    /// long as [dead letters](Self::dead_letters) and [parked events](Self::parked) are kept.
    #[must_use]
    pub fn tombstones(mut self, age: Duration) -> Self {
        self.tombstones = Some(age);
        self
    }

    /// Sets how long dead letters are kept after the message came. The replica then never receives
    /// a version whose letter is purged. The record stays behind until it is [sent
    /// again](crate::compare).
    #[must_use]
    pub fn dead_letters(mut self, age: Duration) -> Self {
        self.dead_letters = Some(age);
        self
    }

    /// Sets how long parked events wait for their predecessor. The replica then never receives
    /// their versions. The record stays behind until it is [sent again](crate::compare).
    #[must_use]
    pub fn parked(mut self, age: Duration) -> Self {
        self.parked = Some(age);
        self
    }

    /// Sets how long [requests](crate::requests) are kept after they have ended, with their results.
    /// An open request is never deleted.
    #[must_use]
    pub fn requests(mut self, age: Duration) -> Self {
        self.requests = Some(age);
        self
    }

    /// Sets how many rows one transaction deletes. The default is 1,000. Parked events are deleted
    /// record by record.
    #[must_use]
    pub fn batch(mut self, rows: usize) -> Self {
        self.batch = rows.max(1);
        self
    }

    /// Sets the pause between two batches. The default is 20 ms.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Sets how many rows one purge deletes, about. It leaves the others to the next one, and says
    /// so. The default is 1,000,000.
    #[must_use]
    pub fn at_most(mut self, rows: usize) -> Self {
        self.most = rows.max(1);
        self
    }
}

/// How many rows a purge would delete: see [`Retention::old`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Old {
    /// The number of deletions that need not be remembered any more.
    pub tombstones: Count,
    /// The number of dead letters.
    pub dead_letters: Count,
    /// The number of parked events.
    pub parked: Count,
    /// The number of requests that have ended.
    pub requests: Count,
}

/// How many rows a purge has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Purged {
    /// The number of deletions that are not remembered any more.
    pub tombstones: usize,
    /// The number of dead letters.
    pub dead_letters: usize,
    /// The number of parked events.
    pub parked: usize,
    /// The number of requests. The results in them are not counted.
    pub requests: usize,
    /// Whether the purge ended at its [limit](Retention::at_most).
    pub has_more: bool,
    /// Whether the purge ended because another one of the same model is running, on PostgreSQL.
    pub is_other_running: bool,
}

impl Purged {
    /// Returns the number of all rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tombstones + self.dead_letters + self.parked + self.requests
    }
}

impl fmt::Display for Purged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tombstones,
            dead_letters,
            parked,
            requests,
            ..
        } = self;
        write!(
            f,
            "{tombstones} tombstones, {dead_letters} dead letters, {parked} parked events and \
             {requests} requests purged"
        )?;
        if self.has_more {
            f.write_str(", and there are more")?;
        }
        if self.is_other_running {
            f.write_str("; another purge is running")?;
        }
        Ok(())
    }
}
