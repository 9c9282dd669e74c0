//! The output of a walk that serializes the value of one column.

use diesel::backend::Backend;
use diesel::query_source::Column;
use diesel::result::{Error, QueryResult};
use diesel::serialize::{self, IsNull, Output};

use super::{Field, Walk, WriteKind};
use crate::dialect::Conversions;

/// The output of a walk that serializes the value of one column.
pub(crate) struct Value<'w, DB: Backend> {
    pub(crate) column: usize,
    pub(crate) out: &'w mut Output<'w, 'w, DB>,
    pub(crate) null: Option<IsNull>,
}

impl<'w, DB: Backend> Value<'w, DB> {
    /// Serializes the value of one of the columns that `show` shows to the walk.
    pub(crate) fn of(
        column: usize,
        conversions: &'w Conversions,
        by: WriteKind,
        out: &'w mut Output<'w, 'w, DB>,
        show: impl FnOnce(&mut Walk<'w, 'w, DB>) -> QueryResult<()>,
    ) -> serialize::Result {
        let value = Self {
            column,
            out,
            null: None,
        };
        let mut walk = Walk::value(value, conversions, by);
        show(&mut walk)?;
        Ok(walk.written().ok_or("no such column")?)
    }

    pub(super) fn write<C: Column, F: Field<C, DB>>(
        &mut self,
        place: usize,
        field: &'w F,
    ) -> QueryResult<()> {
        if place == self.column {
            self.null = Some(field.write(self.out).map_err(Error::SerializationError)?);
        }
        Ok(())
    }
}
