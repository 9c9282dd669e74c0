//! Somebody else was first.

use std::error::Error as StdError;
use std::fmt;

use crate::version::Token;

/// How a write lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConflictKind {
    /// The row is at another version than the one that was loaded.
    Stale,
    /// No row has the key: it was deleted, or it never existed.
    Deleted,
    /// The database reported success and wrote nothing: a trigger, a rule or a row-level security policy suppressed the
    /// write. The row, if there is one, is at the expected version. A retry changes nothing.
    Suppressed,
    /// The database put another transaction before this one: a serialization failure, a deadlock, a lock that was
    /// not free in time. Whether the record has changed is not known; run the transaction again.
    Serialization,
}

/// The record that a write was about, and the version that it had to be at.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) table: &'static str,
    pub(crate) id: String,
    pub(crate) expected: Option<Token>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id.as_str() {
            // The database would have made its key.
            "" => write!(f, "a row of {}", self.table),
            id => write!(f, "{} {id}", self.table),
        }
    }
}

/// A write that lost against another one. Nothing of it was written, and the model in memory is as it was.
///
/// It prints as a sentence for a log: `tickets 7 is stale: expected version 1, found 2`. The
/// sentence of a failure that another transaction caused begins with what to do:
/// `run the transaction again: it conflicted with another one over tickets 7`.
#[derive(Debug)]
pub struct Conflict(Box<Facts>);

/// Behind a pointer, so that a `Result` stays small on the good path.
#[derive(Debug)]
struct Facts {
    kind: ConflictKind,
    target: Option<Target>,
    found: Option<Token>,
    cause: Option<diesel::result::Error>,
}

impl Conflict {
    /// The guard did not find the row; a look at it found `found`.
    pub(crate) fn refused(target: Target, found: Option<Token>) -> Self {
        Self(Box::new(Facts {
            kind: if found.is_some() {
                ConflictKind::Stale
            } else {
                ConflictKind::Deleted
            },
            target: Some(target),
            found,
            cause: None,
        }))
    }

    /// The database wrote no row, and said nothing.
    pub(crate) fn suppressed(target: Target, found: Option<Token>) -> Self {
        Self(Box::new(Facts {
            kind: ConflictKind::Suppressed,
            target: Some(target),
            found,
            cause: None,
        }))
    }

    /// The database said `cause`.
    pub(crate) fn serialization(target: Option<Target>, cause: diesel::result::Error) -> Self {
        Self(Box::new(Facts {
            kind: ConflictKind::Serialization,
            target,
            found: None,
            cause: Some(cause),
        }))
    }

    /// How the write lost.
    pub fn kind(&self) -> ConflictKind {
        self.0.kind
    }

    /// The table; none where the failure was not that of one write (a COMMIT, a statement of the caller's own).
    pub fn table(&self) -> Option<&'static str> {
        self.0.target.as_ref().map(|target| target.table)
    }

    /// The record's key as text; the parts of a composite key are separated by commas.
    pub fn id(&self) -> Option<&str> {
        self.0.target.as_ref().map(|target| target.id.as_str())
    }

    /// The version that the write expected: the one that was loaded, or that the client sent.
    pub fn expected(&self) -> Option<Token> {
        self.0.target.as_ref().and_then(|target| target.expected)
    }

    /// The version that a look at the row found after the write had failed. It is what that look saw: the row may
    /// have moved on since. None where the row was gone, or where the transaction could not look any more.
    pub fn found(&self) -> Option<Token> {
        self.0.found
    }

    /// What the database said, for a conflict of kind [`Serialization`](ConflictKind::Serialization).
    pub fn cause(&self) -> Option<&diesel::result::Error> {
        self.0.cause.as_ref()
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts {
            kind,
            target,
            found,
            cause,
        } = &*self.0;
        match (kind, target) {
            (ConflictKind::Stale, Some(target)) => write!(f, "{target} is stale"),
            (ConflictKind::Deleted, Some(target)) => write!(f, "{target} is not there"),
            (ConflictKind::Suppressed, Some(target)) => write!(
                f,
                "{target} was not written, as a trigger, a rule or row-level security suppressed it"
            ),
            (ConflictKind::Serialization, Some(target)) => write!(
                f,
                "run the transaction again: it conflicted with another one over {target}"
            ),
            (_, None) => f.write_str("run the transaction again: it conflicted with another one"),
        }?;
        match (kind, self.expected(), found) {
            (_, None, _) => Ok(()),
            (ConflictKind::Serialization, Some(expected), _) => {
                write!(f, ", which was expected at version {expected}")
            }
            (_, Some(expected), Some(found)) => {
                write!(f, ": expected version {expected}, found {found}")
            }
            (ConflictKind::Deleted, Some(expected), None) => write!(
                f,
                ": expected version {expected}, but it was deleted or never existed"
            ),
            (_, Some(expected), None) => write!(f, ": expected version {expected}"),
        }?;
        match cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl StdError for Conflict {}

/// A row of a batch that lost: see [`Error::Conflicts`](crate::Error::Conflicts).
///
/// ```
/// # use versioned_core::Error;
/// fn rows(error: &Error) -> Vec<usize> {
///     match error {
///         Error::Conflicts(lost) => lost.iter().map(|lost| lost.row).collect(),
///         _ => Vec::new(),
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RowConflict {
    /// Its place in the slice that was given.
    pub row: usize,
    /// How it lost.
    pub conflict: Conflict,
}

#[cfg(test)]
mod tests {
    use diesel::result::{DatabaseErrorKind, Error};

    use super::*;

    fn target(id: &str, expected: Option<i64>) -> Target {
        Target {
            table: "tickets",
            id: id.to_owned(),
            expected: expected.map(Token::from),
        }
    }

    fn deadlock() -> Error {
        let message = Box::new("deadlock detected".to_owned());
        Error::DatabaseError(DatabaseErrorKind::SerializationFailure, message)
    }

    #[test]
    fn a_conflict_prints_as_a_sentence() {
        let one = || target("7", Some(1));
        for (conflict, sentence) in [
            (
                Conflict::refused(one(), Some(2.into())),
                "tickets 7 is stale: expected version 1, found 2",
            ),
            (
                Conflict::refused(one(), None),
                "tickets 7 is not there: expected version 1, but it was deleted or never existed",
            ),
            (
                Conflict::suppressed(one(), Some(1.into())),
                "tickets 7 was not written, as a trigger, a rule or row-level security \
                 suppressed it: expected version 1, found 1",
            ),
            (
                Conflict::suppressed(target("", None), None),
                "a row of tickets was not written, as a trigger, a rule or row-level security \
                 suppressed it",
            ),
            (
                Conflict::serialization(Some(one()), deadlock()),
                "run the transaction again: it conflicted with another one over tickets 7, which \
                 was expected at version 1 (deadlock detected)",
            ),
            (
                Conflict::serialization(Some(target("7", None)), deadlock()),
                "run the transaction again: it conflicted with another one over tickets 7 \
                 (deadlock detected)",
            ),
            (
                Conflict::serialization(None, deadlock()),
                "run the transaction again: it conflicted with another one (deadlock detected)",
            ),
        ] {
            assert_eq!(conflict.to_string(), sentence);
        }
    }
}
