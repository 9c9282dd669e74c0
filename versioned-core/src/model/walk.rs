//! One pass over the columns of a model: writes one clause of a statement.

use std::fmt;

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::query_source::Column;
use diesel::result::QueryResult;

use super::{Conversions, Field};

/// What a walk writes of each column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clause {
    /// `"id", "title"`: the column list of an INSERT.
    Names,
    /// `$1, $2`: its values.
    Values,
    /// `"title" = $1`: what an UPDATE sets; no key, and nothing that is not updated.
    Assignments,
    /// `"id" = $1 AND ..`: the key.
    Condition,
    /// `$1`: the key's values.
    KeyValues,
    /// `"title" = excluded."title"`: what an upsert sets; as `Assignments`.
    Excluded,
    /// `"version" < $1`: the version alone.
    Older,
}

/// Passes over the columns of a model and writes one clause of a statement.
///
/// One type for all clauses, so that a model's walk is compiled once for each backend.
pub struct Walk<'w, 'b, DB: Backend> {
    out: AstPass<'w, 'b, DB>,
    conversions: &'b Conversions,
    clause: Clause,
    first: bool,
}

impl<'w, 'b, DB: Backend> Walk<'w, 'b, DB> {
    pub(crate) fn new(
        out: AstPass<'w, 'b, DB>,
        conversions: &'b Conversions,
        clause: Clause,
    ) -> Self {
        Self {
            out,
            conversions,
            clause,
            first: true,
        }
    }

    /// A column of the primary key.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as the column's type.
    pub fn key<C: Column, F: Field<C, DB>>(&mut self, column: C, field: &'b F) -> QueryResult<()> {
        match self.clause {
            Clause::Assignments | Clause::Excluded | Clause::Older => Ok(()),
            Clause::Names | Clause::Values | Clause::Condition | Clause::KeyValues => {
                self.write(column, field)
            }
        }
    }

    /// An ordinary column.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as the column's type.
    pub fn column<C: Column, F: Field<C, DB>>(
        &mut self,
        column: C,
        field: &'b F,
    ) -> QueryResult<()> {
        match self.clause {
            Clause::Condition | Clause::KeyValues | Clause::Older => Ok(()),
            Clause::Names | Clause::Values | Clause::Assignments | Clause::Excluded => {
                self.write(column, field)
            }
        }
    }

    /// Whether this is a clause of an INSERT: a column with `#[diesel(skip_insertion)]` stays out of it.
    pub fn inserts(&self) -> bool {
        matches!(self.clause, Clause::Names | Clause::Values)
    }

    /// The value of a field with `#[diesel(serialize_as = ..)]`, kept for as long as the statement lives.
    ///
    /// # Errors
    ///
    /// None; it can stand before a `?` as the other methods do.
    pub fn convert<T, F>(&mut self, field: &F) -> QueryResult<&'b T>
    where
        T: Send + 'static,
        F: Clone + Into<T>,
    {
        self.conversions.keep(|| field.clone().into())
    }

    /// The version's column: the version that the row gets, or the one that it must have.
    pub(crate) fn version<C: Column, F: Field<C, DB>>(
        &mut self,
        column: C,
        version: &'b F,
    ) -> QueryResult<()> {
        match self.clause {
            Clause::KeyValues => Ok(()),
            _ => self.write(column, version),
        }
    }

    fn write<C: Column, F: Field<C, DB>>(&mut self, _column: C, field: &'b F) -> QueryResult<()> {
        if self.first {
            self.first = false;
        } else {
            self.out.push_sql(match self.clause {
                Clause::Condition => " AND ",
                _ => ", ",
            });
        }
        match self.clause {
            Clause::Names => self.out.push_identifier(C::NAME),
            Clause::Values | Clause::KeyValues => field.bind(&mut self.out),
            Clause::Assignments | Clause::Condition => {
                self.out.push_identifier(C::NAME)?;
                self.out.push_sql(" = ");
                field.bind(&mut self.out)
            }
            Clause::Excluded => {
                self.out.push_identifier(C::NAME)?;
                self.out.push_sql(" = excluded.");
                self.out.push_identifier(C::NAME)
            }
            Clause::Older => {
                self.out.push_identifier(C::NAME)?;
                self.out.push_sql(" < ");
                field.bind(&mut self.out)
            }
        }
    }
}

impl<DB: Backend> fmt::Debug for Walk<'_, '_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk")
            .field("clause", &self.clause)
            .finish_non_exhaustive()
    }
}
