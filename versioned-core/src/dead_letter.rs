//! A dead letter, and what became of dead letters.

use std::fmt;
use std::time::SystemTime;

/// A message that a consumer could not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The key of the row. Ids are in the order of arrival.
    pub id: i64,
    /// The key of the record and the version of the event, if the message has them. A deletion
    /// without a version of its own has the version after the deleted one.
    pub record: Option<(String, i64)>,
    /// Where the message came from. For JetStream: the stream, the sequence number, and the time at
    /// which the stream stored the message, in nanoseconds since 1970, as
    /// `EVENTS:17@1764225600000000000`.
    pub source: String,
    /// The subject or topic of the message.
    pub subject: String,
    /// The key of the message, on brokers that have one.
    pub message_key: Option<Vec<u8>>,
    /// The headers of the message, one on each line. A line break in a value is `\n`, and a backslash
    /// is `\\`. A value that is no text is `hex:`, followed by hexadecimal digits.
    pub headers: String,
    /// The body of the message, as it was received. It is empty if the message has none.
    pub body: Vec<u8>,
    /// The error of the last attempt. `None` if the event only waits for an older event of its
    /// record.
    pub reason: Option<String>,
    /// The number of attempts.
    pub attempts: u64,
    /// When the message was kept.
    pub first_at: SystemTime,
    /// When it was tried last.
    pub last_at: SystemTime,
}

impl fmt::Display for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.source)?;
        if let Some((key, version)) = &self.record {
            write!(f, " (record {key}, version {version})")?;
        }
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => write!(f, ": waits for an older dead letter of the record"),
        }
    }
}

/// The result of [`redrive`](crate::dead_letters::redrive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Redriven {
    /// Letters that were applied.
    pub applied: u64,
    /// Letters that the replica had already applied, or that a newer event had superseded.
    pub duplicates: u64,
    /// Letters that were [parked](crate::Outcome::Parked).
    pub parked: u64,
    /// Records whose next letter failed again. It stays, and so do those behind it.
    pub failed: u64,
    /// Records whose next letter waits for a version that is not among the letters.
    pub waiting: u64,
}

impl Redriven {
    /// The number of letters that are no longer needed.
    pub(crate) fn done(self) -> u64 {
        self.applied + self.duplicates + self.parked
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.applied += other.applied;
        self.duplicates += other.duplicates;
        self.parked += other.parked;
        self.failed += other.failed;
        self.waiting += other.waiting;
    }
}
