//! The constructors of a conflict, for a write and for tests.

use super::{Conflict, ConflictKind, Facts, Target};
use crate::version::Token;

impl Conflict {
    /// Returns a conflict of kind [`Stale`](ConflictKind::Stale): the write expected the record at
    /// version `expected` and found it at `found`. Give a version that is not an `i64` as its
    /// [`token`](crate::version::Version::token).
    pub fn stale(
        table: &'static str,
        id: impl Into<String>,
        expected: impl Into<Token>,
        found: impl Into<Token>,
    ) -> Self {
        let found = Some(found.into());
        Self::refused(Target::new(table, id, expected), found)
    }

    /// Returns a conflict of kind [`Deleted`](ConflictKind::Deleted): no row has the key.
    pub fn deleted(table: &'static str, id: impl Into<String>, expected: impl Into<Token>) -> Self {
        Self::refused(Target::new(table, id, expected), None)
    }

    /// Returns a conflict of kind [`Suppressed`](ConflictKind::Suppressed): the record is at the
    /// version that the write expected, and was not written.
    pub fn suppressed(
        table: &'static str,
        id: impl Into<String>,
        expected: impl Into<Token>,
    ) -> Self {
        let target = Target::new(table, id, expected);
        let found = target.expected;
        Self::unwritten(target, found)
    }

    /// Returns a conflict of kind [`Filtered`](ConflictKind::Filtered): the record is at the version
    /// that the write expected, and does not meet a condition of the write.
    pub fn filtered(
        table: &'static str,
        id: impl Into<String>,
        expected: impl Into<Token>,
    ) -> Self {
        Self::suppressed(table, id, expected).into_filtered()
    }

    /// Returns a conflict of kind [`Serialization`](ConflictKind::Serialization): the database
    /// rejected the write with `cause`. For a failed COMMIT, which concerns no single record,
    /// use `Error::from(cause)`.
    pub fn serialization(
        table: &'static str,
        id: impl Into<String>,
        expected: impl Into<Token>,
        cause: diesel::result::Error,
    ) -> Self {
        Self::rejected(Some(Target::new(table, id, expected)), cause)
    }

    /// The guard did not find the row. A later query found the version `found`.
    pub(crate) fn refused(target: Target, found: Option<Token>) -> Self {
        let kind = if found.is_some() {
            ConflictKind::Stale
        } else {
            ConflictKind::Deleted
        };
        Self::new(kind, Some(target), found, None)
    }

    /// The database reported success and wrote no row.
    pub(crate) fn unwritten(target: Target, found: Option<Token>) -> Self {
        Self::new(ConflictKind::Suppressed, Some(target), found, None)
    }

    /// The write was not suppressed: a condition of it does not hold.
    pub(crate) fn into_filtered(mut self) -> Self {
        self.0.kind = ConflictKind::Filtered;
        self
    }

    /// The database returned `cause`.
    pub(crate) fn rejected(target: Option<Target>, cause: diesel::result::Error) -> Self {
        Self::new(ConflictKind::Serialization, target, None, Some(cause))
    }

    fn new(
        kind: ConflictKind,
        target: Option<Target>,
        found: Option<Token>,
        cause: Option<diesel::result::Error>,
    ) -> Self {
        Self(Box::new(Facts {
            kind,
            target,
            found,
            cause,
        }))
    }
}

impl Target {
    fn new(table: &'static str, id: impl Into<String>, expected: impl Into<Token>) -> Self {
        Self {
            table,
            id: id.into(),
            expected: Some(expected.into()),
        }
    }
}
