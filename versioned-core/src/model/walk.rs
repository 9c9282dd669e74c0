//! One pass over the columns of a model: writes one clause of a statement.

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

/// What a walk writes of each column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clause {
    /// `"id", "title"`: the column list of an INSERT.
    Names,
    /// `$1, $2`: its values.
    Values,
    /// `"title" = $1`: what an UPDATE sets; no key, and nothing that is not updated.
    Assignments,
    /// `"title" = $1`: as `Assignments`, these columns alone.
    Changes(ColumnSet),
    /// As `Assignments`, of a replica's row: what its INSERT leaves to the database stays.
    Replacements,
    /// `"id" = $1 AND ..`: the key.
    Condition,
    /// As `Condition`, for whatever key the database takes for this one.
    AnySpelling,
    /// ` WHERE CAST(target."id" AS text) COLLATE "C" = CAST(excluded."id" AS text)`: what an upsert may write onto, where the
    /// database may take another key for this one. `true` behind another condition.
    SameBytes(bool),
    /// `$1`: the key's values.
    KeyValues,
    /// `"title" = excluded."title"`: what an upsert sets; as `Assignments`.
    Excluded,
    /// `"version" < $1`: the version alone.
    Older,
    /// `"version" <= $1`: the version alone.
    NoNewer,
    /// `unnest($1) AS c0, unnest($2) AS c1`: the columns of many models, as arrays.
    Arrays(WriteKind),
    /// `"title" = given.c1`: what an UPDATE sets from those arrays; as `Assignments`.
    FromArrays,
    /// `target."id" = ANY(ARRAY[given.c0])`: the key.
    OnArrays,
    /// `target."title" = $1`: what an UPDATE of several tables sets; as `Assignments`.
    OfTarget,
    /// `target."id" = $1`: the key, where there are several tables.
    AtTarget,
    /// `target."title" = given.c1`: what an UPDATE sets from a table in JSON; as `Assignments`.
    FromTable,
    /// `target."id" = given.c0`: the key.
    OnTable,
    /// The values alone.
    Value(WriteKind),
}

/// Which statement a list of columns is for: some columns are not inserted, some not updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteKind {
    Insert,
    Update,
    Delete,
}

/// Passes over the columns of a model and writes one clause of a statement.
///
/// One type for all clauses, so that a model's walk is compiled once for each backend.
pub struct Walk<'w, 'b, DB: Backend> {
    out: Out<'w, 'b, DB>,
    conversions: &'b Conversions,
    clause: Clause,
    first: bool,
    /// How many columns were shown.
    shown: usize,
    /// Whether one of them may be rounded by the database.
    rounded: bool,
}

/// Where a walk writes to.
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

    /// Writes the value of one column.
    #[cfg_attr(
        not(feature = "postgres"),
        allow(dead_code, reason = "only PostgreSQL has arrays")
    )]
    pub(crate) fn value(value: Value<'w, DB>, conversions: &'b Conversions, by: WriteKind) -> Self {
        Self::onto(Out::Value(value), conversions, Clause::Value(by))
    }

    /// Counts the columns.
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
            rounded: false,
        }
    }

    /// Whether the database may round the value of a column that was shown.
    pub(crate) fn may_be_rounded(&self) -> bool {
        self.rounded
    }

    /// How many columns were shown.
    pub(crate) fn shown(&self) -> usize {
        self.shown
    }

    /// Whether the value that was written is NULL; none if there is no such column.
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

    /// Counts a column that is not shown.
    pub(crate) fn skip(&mut self) {
        self.shown += 1;
    }

    /// A column of the primary key.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as the column's type.
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
                let place = self.shown;
                self.write(column, field)?;
                self.compare_bytes::<C, F>(place, field)
            }
        }
    }

    /// ` AND CAST("id" AS text) COLLATE "C" = CAST($1 AS text)`: the database found the row by a comparison that may take
    /// another key for this one.
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

    /// Whether this is a clause of an INSERT, or of a write that may be one: a column with `#[diesel(skip_insertion)]` stays
    /// out of it.
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
        // The row has what the conversion makes of the field.
        self.rounded = true;
        self.conversions.keep(|| field.clone().into())
    }

    /// The version's column: the version that the row gets, or the one that it must have.
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
        let place = self.shown;
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
