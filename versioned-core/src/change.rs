//! A write that happened.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};

use crate::event::{self, Event, Op};
use crate::model::Versioned;
use crate::version::SequentialVersion;

/// A write that happened, with the record as the row has it.
///
/// There is no other way to get one than a successful write, so that nothing else can be announced as a change.
/// It derefs to the record: the model that was written, or after a `touch` the row, as the model may have changes that were
/// not written.
///
/// Inside of a transaction "happened" means: happened if the transaction commits.
pub struct Change<'a, T> {
    record: Record<'a, T>,
    op: Op,
}

enum Record<'a, T> {
    /// The model in memory, which is as the row.
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

    /// With the row, where the model in memory may be another.
    pub(crate) fn of_row(op: Op, row: T) -> Self {
        Self {
            record: Record::Row(Box::new(row)),
            op,
        }
    }

    /// What the write did.
    pub fn op(&self) -> Op {
        self.op
    }
}

impl<T: Versioned> Change<'_, T> {
    /// The version that the write gave the record. A deletion has one too: the deleted version plus one.
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
    /// The change as an event of its own, which may leave the transaction and outlive the model.
    pub fn to_event(&self) -> Event<T>
    where
        T: Clone,
    {
        self.envelope(self.data().cloned())
    }

    /// The event with this data.
    fn envelope<D>(&self, data: Option<D>) -> Event<D> {
        Event {
            entity: Cow::Borrowed(T::ENTITY),
            key: T::key_text(&self.id()),
            version: self.version().number(),
            op: self.op(),
            at: event::now(),
            data,
            trace: None,
            metadata: None,
        }
    }

    /// The model, unless it was deleted.
    fn data(&self) -> Option<&T> {
        (self.op() != Op::Deleted).then_some(&**self)
    }
}

/// A change is written as its event.
impl<T> Serialize for Change<'_, T>
where
    T: Versioned<Version: SequentialVersion> + Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.envelope(self.data()).serialize(serializer)
    }
}
