//! A successful write.

use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};

use crate::event::{Event, Op};
use crate::model::Versioned;
use crate::version::SequentialVersion;

/// A successful write, with the record as it is in the row.
///
/// Only a successful write returns a `Change`, so nothing else can be published as one. It derefs
/// to the record. That is the model that was written; after a `touch` it is the row, because the
/// model may have changes that are not saved.
///
/// A change serializes as its [`Event`]. Inside a transaction, it is provisional until the
/// transaction commits.
pub struct Change<'a, T> {
    record: Record<'a, T>,
    op: Op,
}

enum Record<'a, T> {
    /// The model in memory, which equals the row.
    Model(&'a T),
    Row(Box<T>),
}

impl<'a, T> Change<'a, T> {
    pub(crate) fn new(op: Op, model: &'a T) -> Self {
        Self {
            record: Record::Model(model),
            op,
        }
    }

    /// A change with the row, for a model in memory that may differ from it.
    pub(crate) fn of_row(op: Op, row: T) -> Self {
        Self {
            record: Record::Row(Box::new(row)),
            op,
        }
    }

    /// Returns the kind of the write.
    pub fn op(&self) -> Op {
        self.op
    }
}

impl<T: Versioned> Change<'_, T> {
    /// Returns the version that the write gave the record. The version of a deletion is the deleted
    /// version plus one.
    pub fn version(&self) -> T::Version {
        T::version(self)
    }
}

impl<T> Deref for Change<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.record {
            Record::Model(model) => model,
            Record::Row(row) => row,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Change<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("op", &self.op)
            .field("record", &**self)
            .finish()
    }
}

impl<T: Versioned<Version: SequentialVersion>> Change<'_, T> {
    /// Returns an owned event for this change, which can leave the transaction and outlive the
    /// model.
    pub fn to_event(&self) -> Event<T>
    where
        T: Clone,
    {
        self.envelope(self.data().cloned())
    }

    /// Returns the event of this change with `data`.
    fn envelope<D>(&self, data: Option<D>) -> Event<D> {
        let (key, version) = (T::key_text(&self.id()), self.version().number());
        Event::new(self.op(), T::ENTITY, key, version, data)
    }

    /// Returns the model, or `None` after a deletion.
    fn data(&self) -> Option<&T> {
        (self.op() != Op::Deleted).then_some(&**self)
    }
}

/// Serializes the change as its [`Event`].
impl<T> Serialize for Change<'_, T>
where
    T: Versioned<Version: SequentialVersion> + Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.envelope(self.data()).serialize(serializer)
    }
}
