//! A pass over the columns of a model, which writes one clause of a statement.

use std::fmt;

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::query_source::Column;
use diesel::result::QueryResult;
use diesel::serialize::IsNull;

use super::value::Value;
use super::{ColumnSet, Field};
use crate::dialect::Conversions;
use crate::dialect::Dialect;
use crate::dialect::Elements;

/// The clause that a walk writes for each column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clause {
    /// `"id", "title"`: the column list of an INSERT.
    Names,
    /// `$1, $2`: its values.
    Values,
    /// `"title" = $1`: the assignments of an UPDATE, without the key and without columns that an
    /// UPDATE does not write.
    Assignments,
    /// `"title" = $1`: like `Assignments`, for these columns only.
    Changes(ColumnSet),
    /// Like `Assignments`, for a replica's row. Columns that its INSERT leaves to the database stay
    /// unchanged.
    Replacements,
    /// `"id" = $1 AND ..`: the key.
    Condition,
    /// Like `Condition`, for every key that the database treats as equal to this one.
    AnySpelling,
    /// ` WHERE CAST(target."id" AS text) COLLATE "C" = CAST(excluded."id" AS text)`: the rows that
    /// an upsert may write, if the database may treat another key as equal to this one. `true` if
    /// another condition precedes it.
    SameBytes(bool),
    /// `$1`: the key's values.
    KeyValues,
    /// `"title" = excluded."title"`: the assignments of an upsert, like `Assignments`.
    Excluded,
    /// `"version" < $1`: the version only.
    Older,
    /// `"version" <= $1`: the version only.
    NoNewer,
    /// `unnest($1) AS c0, unnest($2) AS c1`: the columns of many models, as arrays.
    Arrays(WriteKind),
    /// `"title" = given.c1`: the assignments of an UPDATE from those arrays, like `Assignments`.
    FromArrays,
    /// `target."id" = ANY(ARRAY[given.c0])`: the key.
    OnArrays,
    /// `target."title" = $1`: the assignments of an UPDATE of several tables, like `Assignments`.
    OfTarget,
    /// `target."id" = $1`: the key, in a statement with several tables.
    AtTarget,
    /// `target."title" = given.c1`: the assignments of an UPDATE from a JSON table, like
    /// `Assignments`.
    FromTable,
    /// `target."id" = given.c0`: the key.
    OnTable,
    /// The values only.
    Value(WriteKind),
}

/// The kind of a statement. Some columns are not inserted, and some not updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteKind {
    Insert,
    Update,
    Delete,
}

/// A pass over the columns of a model, which writes one clause of a statement.
///
/// All clauses share one type, so that a model's walk is compiled once for each backend.
pub struct Walk<'w, 'b, DB: Backend> {
    out: Out<'w, 'b, DB>,
    conversions: &'b Conversions,
    clause: Clause,
    first: bool,
    /// The number of columns shown so far.
    shown: usize,
    /// The columns that an UPDATE of many rows writes, if it leaves others out, and the number of
    /// columns shown before the first of the model.
    only: Option<(ColumnSet, usize)>,
    /// The number of columns left out so far.
    left_out: usize,
    /// Whether the database may round the value of one of them.
    rounded: bool,
}

/// The output of a walk.
enum Out<'w, 'b, DB: Backend> {
    Sql(AstPass<'w, 'b, DB>),
    Arrays(AstPass<'w, 'b, DB>, &'b [Elements<'b, DB>]),
    Value(Value<'w, DB>),
    Nowhere,
}

impl<'w, 'b, DB: Backend> Walk<'w, 'b, DB> {
    pub(crate) fn new(
        out: AstPass<'w, 'b, DB>,
        conversions: &'b Conversions,
        clause: Clause,
    ) -> Self {
        Self::onto(Out::Sql(out), conversions, clause)
    }

    /// `unnest($1) AS c0, ..`: the columns as arrays.
    pub(crate) fn arrays(
        out: AstPass<'w, 'b, DB>,
        arrays: &'b [Elements<'b, DB>],
        conversions: &'b Conversions,
        by: WriteKind,
    ) -> Self {
        Self::onto(Out::Arrays(out, arrays), conversions, Clause::Arrays(by))
    }

    /// A walk that serializes the value of one column.
    #[cfg_attr(
        not(feature = "postgres"),
        allow(dead_code, reason = "only PostgreSQL has arrays")
    )]
    pub(crate) fn value(value: Value<'w, DB>, conversions: &'b Conversions, by: WriteKind) -> Self {
        Self::onto(Out::Value(value), conversions, Clause::Value(by))
    }

    /// A walk that counts the columns.
    pub(crate) fn count(conversions: &'b Conversions, by: WriteKind) -> Self {
        Self::onto(Out::Nowhere, conversions, Clause::Value(by))
    }

    fn onto(out: Out<'w, 'b, DB>, conversions: &'b Conversions, clause: Clause) -> Self {
        Self {
            out,
            conversions,
            clause,
            first: true,
            shown: 0,
            only: None,
            left_out: 0,
            rounded: false,
        }
    }

    /// Returns whether the database may round the value of a column that was shown.
    pub(crate) fn may_be_rounded(&self) -> bool {
        self.rounded
    }

    /// The number of columns shown so far, without those left out.
    pub(crate) fn shown(&self) -> usize {
        self.shown - self.left_out
    }

    /// Leaves out the columns of the model that are not in this set, except its key.
    pub(crate) fn only(&mut self, columns: Option<ColumnSet>) {
        self.only = columns.map(|columns| (columns, self.shown));
    }

    fn is_left_out(&self) -> bool {
        self.only
            .is_some_and(|(columns, before)| !columns.contains(self.shown - before))
    }

    /// Returns whether the serialized value is NULL, or `None` if there is no such column.
    #[cfg_attr(
        not(feature = "postgres"),
        allow(dead_code, reason = "only PostgreSQL has arrays")
    )]
    pub(crate) fn written(self) -> Option<IsNull> {
        match self.out {
            Out::Value(value) => value.null,
            Out::Sql(_) | Out::Arrays(..) | Out::Nowhere => None,
        }
    }

    /// Counts a column without writing it.
    pub(crate) fn skip(&mut self) {
        self.shown += 1;
    }

    /// Writes a column of the primary key.
    ///
    /// # Errors
    ///
    /// Returns an error if the value cannot be serialized as the column's type.
    pub fn key<C: Column, F: Field<C, DB>>(&mut self, column: C, field: &'b F) -> QueryResult<()> {
        match self.clause {
            Clause::Assignments
            | Clause::Replacements
            | Clause::Changes(_)
            | Clause::Excluded
            | Clause::Older
            | Clause::NoNewer
            | Clause::OfTarget
            | Clause::FromArrays
            | Clause::FromTable => {
                self.skip();
                Ok(())
            }
            Clause::SameBytes(_) => {
                self.skip();
                self.compare_bytes::<C, F>(0, field)
            }
            Clause::Names
            | Clause::Values
            | Clause::Condition
            | Clause::AnySpelling
            | Clause::AtTarget
            | Clause::KeyValues
            | Clause::Arrays(_)
            | Clause::OnArrays
            | Clause::OnTable
            | Clause::Value(_) => {
                let place = self.shown();
                self.write(column, field)?;
                self.compare_bytes::<C, F>(place, field)
            }
        }
    }

    /// Writes the column with `#[versioned(scope)]`: a condition beside that on the key.
    ///
    /// # Errors
    ///
    /// Returns an error if the value cannot be serialized as the column's type.
    pub fn scope<C: Column, F: Field<C, DB>>(
        &mut self,
        column: C,
        field: &'b F,
    ) -> QueryResult<()> {
        match self.clause {
            Clause::KeyValues => {
                self.skip();
                Ok(())
            }
            _ => self.key(column, field),
        }
    }

    /// ` AND CAST("id" AS text) COLLATE "C" = CAST($1 AS text)`. The database's own comparison may
    /// treat another key as equal to this one.
    fn compare_bytes<C: Column, F: Field<C, DB>>(
        &mut self,
        place: usize,
        field: &'b F,
    ) -> QueryResult<()> {
        let target = match self.clause {
            Clause::Condition => "",
            Clause::AtTarget | Clause::OnArrays | Clause::OnTable | Clause::SameBytes(_) => {
                "target."
            }
            _ => return Ok(()),
        };
        let Out::Sql(out) = &mut self.out else {
            return Ok(());
        };
        if !F::kind().is_coarse() {
            return Ok(());
        }
        let Some(dialect) = F::dialect(out.backend()) else {
            return Ok(());
        };
        let (open, between, close) = match dialect {
            Dialect::Postgres => ("CAST(", " AS text) COLLATE \"C\" = CAST(", " AS text)"),
            Dialect::Sqlite => ("", " = ", " COLLATE BINARY"),
            Dialect::Mysql => (
                "CAST(CONVERT(",
                " USING utf8mb4) AS BINARY) = CAST(CONVERT(",
                " USING utf8mb4) AS BINARY)",
            ),
        };
        let first = self.first && self.clause == Clause::SameBytes(false);
        self.first = false;
        out.push_sql(if first { " WHERE " } else { " AND " });
        out.push_sql(open);
        out.push_sql(target);
        out.push_identifier(C::NAME)?;
        out.push_sql(between);
        match self.clause {
            Clause::OnArrays | Clause::OnTable => out.push_sql(&format!("given.c{place}")),
            Clause::SameBytes(_) => {
                out.push_sql("excluded.");
                out.push_identifier(C::NAME)?;
            }
            _ => field.bind(out)?,
        }
        out.push_sql(close);
        Ok(())
    }

    /// Writes a column that is not part of the key.
    ///
    /// # Errors
    ///
    /// Returns an error if the value cannot be serialized as the column's type.
    pub fn column<C: Column, F: Field<C, DB>>(
        &mut self,
        column: C,
        field: &'b F,
    ) -> QueryResult<()> {
        if self.is_left_out() {
            self.skip();
            self.left_out += 1;
            return Ok(());
        }
        match self.clause {
            Clause::Condition
            | Clause::AnySpelling
            | Clause::SameBytes(_)
            | Clause::AtTarget
            | Clause::KeyValues
            | Clause::Older
            | Clause::NoNewer
            | Clause::OnArrays
            | Clause::OnTable
            | Clause::Arrays(WriteKind::Delete)
            | Clause::Value(WriteKind::Delete) => {
                self.skip();
                Ok(())
            }
            Clause::Changes(places) if !places.contains(self.shown) => {
                self.skip();
                Ok(())
            }
            Clause::Names
            | Clause::Values
            | Clause::Assignments
            | Clause::Replacements
            | Clause::Changes(_)
            | Clause::Excluded
            | Clause::OfTarget
            | Clause::Arrays(_)
            | Clause::FromArrays
            | Clause::FromTable
            | Clause::Value(_) => self.write(column, field),
        }
    }

    /// Returns whether this is a clause of an INSERT, or of a write that may be one. A column with
    /// `#[diesel(skip_insertion)]` is then left out.
    pub fn inserts(&self) -> bool {
        matches!(
            self.clause,
            Clause::Names
                | Clause::Values
                | Clause::Excluded
                | Clause::Replacements
                | Clause::OfTarget
                | Clause::Arrays(WriteKind::Insert)
                | Clause::Value(WriteKind::Insert)
        )
    }

    /// Converts a field with `#[diesel(serialize_as = ..)]`. The value is kept as long as the
    /// statement lives.
    ///
    /// # Errors
    ///
    /// Returns no error. The `Result` allows a `?`, as in the other methods.
    pub fn convert<T, F>(&mut self, field: &F) -> QueryResult<&'b T>
    where
        T: Send + 'static,
        F: Clone + Into<T>,
    {
        // The row stores the converted value.
        self.rounded = true;
        self.conversions.keep(|| field.clone().into())
    }

    /// Writes the version's column: the next version of the row, or the version that it must have.
    pub(crate) fn version<C: Column, F: Field<C, DB>>(
        &mut self,
        column: C,
        version: &'b F,
    ) -> QueryResult<()> {
        match self.clause {
            Clause::KeyValues | Clause::SameBytes(_) => Ok(()),
            _ => self.write(column, version),
        }
    }

    fn write<C: Column, F: Field<C, DB>>(&mut self, _column: C, field: &'b F) -> QueryResult<()> {
        let place = self.shown();
        self.shown += 1;
        self.rounded |= F::kind().may_be_rounded();
        let out = match &mut self.out {
            Out::Sql(out) | Out::Arrays(out, _) => out,
            Out::Value(value) => return value.write(place, field),
            Out::Nowhere => return Ok(()),
        };
        if self.first {
            self.first = false;
        } else {
            out.push_sql(match self.clause {
                Clause::Condition
                | Clause::AnySpelling
                | Clause::AtTarget
                | Clause::OnArrays
                | Clause::OnTable => " AND ",
                _ => ", ",
            });
        }
        match self.clause {
            Clause::Names => out.push_identifier(C::NAME),
            Clause::Values | Clause::KeyValues | Clause::Value(_) => field.bind(out),
            Clause::Assignments
            | Clause::Replacements
            | Clause::Changes(_)
            | Clause::Condition
            | Clause::AnySpelling => {
                out.push_identifier(C::NAME)?;
                out.push_sql(" = ");
                field.bind(out)
            }
            Clause::OfTarget | Clause::AtTarget => {
                out.push_sql("target.");
                out.push_identifier(C::NAME)?;
                out.push_sql(" = ");
                field.bind(out)
            }
            Clause::Excluded => {
                out.push_identifier(C::NAME)?;
                out.push_sql(" = excluded.");
                out.push_identifier(C::NAME)
            }
            Clause::Older | Clause::NoNewer => {
                out.push_identifier(C::NAME)?;
                out.push_sql(if self.clause == Clause::Older {
                    " < "
                } else {
                    " <= "
                });
                field.bind(out)
            }
            Clause::FromArrays => {
                out.push_identifier(C::NAME)?;
                out.push_sql(&format!(" = given.c{place}"));
                Ok(())
            }
            Clause::OnArrays => {
                out.push_sql("target.");
                out.push_identifier(C::NAME)?;
                out.push_sql(&format!(" = ANY(ARRAY[given.c{place}])"));
                Ok(())
            }
            Clause::OnTable | Clause::FromTable => {
                out.push_sql("target.");
                out.push_identifier(C::NAME)?;
                out.push_sql(&format!(" = given.c{place}"));
                Ok(())
            }
            Clause::SameBytes(_) => Ok(()),
            Clause::Arrays(_) => {
                let Out::Arrays(out, arrays) = &mut self.out else {
                    return Ok(());
                };
                if let Some(array) = arrays.get(place) {
                    out.push_sql("unnest(");
                    F::bind_all(out, array)?;
                    out.push_sql(&format!(") AS c{place}"));
                }
                Ok(())
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
