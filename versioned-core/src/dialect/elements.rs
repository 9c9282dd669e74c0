//! One column of many models as an array, for PostgreSQL, where a batch is one statement.
//!
//! The walk over a model's columns finds the field, and Diesel serializes it as an element. Every
//! column that can be written can therefore be an element, and a batch requires no more of a model
//! than a save does.

use std::fmt;

use diesel::backend::Backend;
use diesel::result::Error;
use diesel::serialize::{self, Output};

use super::Conversions;

/// Many models, whose columns are read one by one.
#[cfg_attr(
    not(feature = "postgres"),
    allow(dead_code, reason = "only PostgreSQL has arrays")
)]
pub(crate) trait Rows<DB: Backend>: Send + Sync {
    /// The number of models.
    fn len(&self) -> usize;

    /// Serializes the value of a column of a row.
    fn write<'o>(
        &'o self,
        row: usize,
        column: usize,
        conversions: &'o Conversions,
        out: &'o mut Output<'o, 'o, DB>,
    ) -> serialize::Result;
}

/// A column of many models.
#[cfg_attr(
    not(feature = "postgres"),
    allow(dead_code, reason = "only PostgreSQL has arrays")
)]
pub struct Elements<'a, DB: Backend> {
    pub(crate) rows: &'a dyn Rows<DB>,
    pub(crate) column: usize,
}

impl<DB: Backend> fmt::Debug for Elements<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elements")
            .field("column", &self.column)
            .finish_non_exhaustive()
    }
}

/// The error for a column whose type has no array form. Such a type is itself an array, and
/// PostgreSQL's `unnest` would unnest its elements too.
#[derive(Debug)]
pub(crate) struct NoArray;

impl NoArray {
    /// Returns whether this is why a statement could not be built. Nothing was sent in this case.
    pub(crate) fn is_why(error: &Error) -> bool {
        matches!(error, Error::SerializationError(error) if error.is::<Self>())
    }
}

impl fmt::Display for NoArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column has a type that has no array type in PostgreSQL")
    }
}

impl std::error::Error for NoArray {}

#[cfg(feature = "postgres")]
mod postgres {
    use diesel::pg::Pg;
    use diesel::serialize::ToSql;
    use diesel::sql_types::{Array, HasSqlType};

    use super::{Conversions, Elements, NoArray, Output, fmt, serialize};

    impl<ST: 'static> ToSql<Array<ST>, Pg> for Elements<'_, Pg>
    where
        Pg: HasSqlType<ST>,
    {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            let array = <Pg as HasSqlType<Array<ST>>>::metadata(out.metadata_lookup());
            let element = <Pg as HasSqlType<ST>>::metadata(out.metadata_lookup());
            // diesel-async walks the binds before it has queried the types of extensions. Neither
            // OID is known then.
            if array.oid()? == 0 && element.oid()? != 0 {
                return Err(Box::new(NoArray));
            }
            let elements: Vec<Element<'_>> = (0..self.rows.len())
                .map(|row| Element {
                    column: self,
                    row,
                    conversions: Conversions::default(),
                })
                .collect();
            <[Element<'_>] as ToSql<Array<ST>, Pg>>::to_sql(&elements, &mut out.reborrow())
        }
    }

    struct Element<'a> {
        column: &'a Elements<'a, Pg>,
        row: usize,
        conversions: Conversions,
    }

    impl fmt::Debug for Element<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.column.fmt(f)
        }
    }

    impl<ST> ToSql<ST, Pg> for Element<'_>
    where
        Pg: HasSqlType<ST>,
    {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            let Elements { rows, column } = *self.column;
            rows.write(self.row, column, &self.conversions, &mut out.reborrow())
        }
    }
}
