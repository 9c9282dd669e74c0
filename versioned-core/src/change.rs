//! A write that happened.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::model::Versioned;

/// What a write did to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Op {
    /// The record was inserted.
    Created,
    /// The record was saved or touched.
    Updated,
    /// The record was deleted.
    Deleted,
    /// Nothing: this is how the record stands, for a replica that joins late.
    Snapshot,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Snapshot => "snapshot",
        })
    }
}

/// A write that happened, with the model as it was written.
///
/// There is no other way to get one than a successful write, so that nothing else can be announced as a change.
/// It borrows the model, and derefs to it.
///
/// Inside of a transaction "happened" means: happened if the transaction commits.
pub struct Change<'a, T> {
    model: &'a T,
    op: Op,
}

impl<'a, T> Change<'a, T> {
    pub(crate) fn new(op: Op, model: &'a T) -> Self {
        Self { model, op }
    }

    /// What the write did.
    pub fn op(&self) -> Op {
        self.op
    }
}

impl<T: Versioned> Change<'_, T> {
    /// The version that the write gave the record. A deletion has one too: the deleted version plus one.
    pub fn version(&self) -> T::Version {
        self.model.version()
    }
}

impl<T> Deref for Change<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.model
    }
}

impl<T: fmt::Debug> fmt::Debug for Change<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("op", &self.op)
            .field("model", &self.model)
            .finish()
    }
}
