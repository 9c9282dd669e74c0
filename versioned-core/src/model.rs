//! What the derive writes about a model, and all it writes: metadata and one walk over the columns.

use std::any::Any;
use std::cell::OnceCell;
use std::fmt;

use diesel::expression::Expression;
use diesel::query_builder::AstPass;
use diesel::query_source::{Column, Table};
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;

use crate::version::{SequentialVersion, Version};

#[doc(hidden)]
pub use diesel::backend::Backend;
#[doc(hidden)]
pub use diesel::result::QueryResult;

/// A model whose record has a version. `#[derive(Versioned)]` implements it.
///
/// It stays out of the prelude, because its [`id`](Versioned::id) would clash with Diesel's `Identifiable::id`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not versioned",
    label = "not a versioned model",
    note = "add `#[derive(Versioned)]` with `#[versioned(owner)]` or `#[versioned(dependent)]`"
)]
pub trait Versioned: Sized + Send + Sync {
    /// The table, as Diesel's `table!` declares it.
    type Table: Table + Default;

    /// The primary key's columns, always as a tuple.
    type KeyColumns: KeyColumns;

    /// The column of the version.
    type VersionColumn: Column<Table = Self::Table> + Default;

    /// The primary key, owned; a tuple where it has several columns.
    type Id: Clone + fmt::Debug + Send + Sync;

    /// The type of the version field.
    type Version: Version;

    /// This model with every lifetime `'static`: what its statements are cached under.
    type Static: 'static;

    /// The table's name, for errors.
    const TABLE: &'static str;

    /// The record's name in events: the table's name unless `#[versioned(entity = "..")]` says otherwise.
    const ENTITY: &'static str;

    /// The primary key.
    fn id(&self) -> Self::Id;

    /// The version that was loaded, or that the last successful write gave.
    fn version(&self) -> Self::Version {
        self.loaded().clone()
    }

    /// The version field.
    #[doc(hidden)]
    fn loaded(&self) -> &Self::Version;

    /// Moves the version in memory; called after a write that happened, and never before.
    #[doc(hidden)]
    fn set_version(&mut self, version: Self::Version);

    /// The key as text, for errors and events.
    #[doc(hidden)]
    fn key_text(id: &Self::Id) -> String;

    /// The version of a record that was just created.
    #[doc(hidden)]
    fn initial_version() -> Self::Version {
        Version::initial()
    }

    /// The version after `current`; `None` at the type's maximum.
    #[doc(hidden)]
    fn next_version(current: &Self::Version) -> Option<Self::Version> {
        current.next()
    }
}

/// A model in owner mode: `#[versioned(owner)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not own its record",
    label = "only an owner can do this",
    note = "an owner is a model with `#[derive(Versioned)]` and `#[versioned(owner)]`",
    note = "a `#[versioned(dependent)]` model changes only through `apply`"
)]
pub trait OwnerModel: Versioned {}

/// An owner whose writes need not become events: one without `outbox`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has an outbox, where each write must emit an event",
    label = "this would change rows without an event",
    note = "load the rows and `save` them"
)]
pub trait PlainOwner: OwnerModel {}

/// A model in dependent mode: `#[versioned(dependent)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a replica of another service's record",
    label = "only a dependent can do this",
    note = "a dependent is a model with `#[derive(Versioned)]` and `#[versioned(dependent)]`",
    note = "a `#[versioned(owner)]` model is changed by `save`, never by events"
)]
pub trait DependentModel: Versioned<Version: SequentialVersion> {
    /// Which event may follow which.
    const POLICY: Policy;

    /// Where the position of a record is kept.
    const GUARD: Guard;

    /// What becomes of an event that came too early.
    const GAP: Gap;
}

/// Which event may follow which: `#[versioned(policy = "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Event N goes only onto row N−1.
    Sequential,
    /// Any newer event replaces the row.
    Latest,
}

/// Where the position of a record is kept: `#[versioned(guard = "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// A row of `versioned_positions`, which outlives a deletion.
    Position,
    /// The replica's row itself; for records that are never deleted.
    Row,
}

/// What becomes of an event that came too early: `#[versioned(gap = "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// It is reported, so that the broker delivers it again.
    Nack,
    /// It is kept in `versioned_parked` until its predecessor came.
    Park,
}

/// One walk over the columns of a model, or of a struct that is embedded in one.
#[diagnostic::on_unimplemented(
    message = "the columns of `{Self}` can't be written to `{DB}`",
    label = "not a versioned model of this backend",
    note = "an embedded struct needs `#[derive(Versioned)]` with `#[versioned(embedded)]`"
)]
pub trait Columns<DB: Backend> {
    /// Shows each column but the version to `walk`, in the order of the fields.
    fn columns<'b>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>;
}

/// A value that can be written to the column `C` on `DB`.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` can't be written to the column `{C}` on `{DB}`",
    label = "this type does not fit the column",
    note = "the column's SQL type is in the `table!` declaration; the field's type must implement `ToSql` for it"
)]
pub trait Field<C, DB: Backend> {
    /// Binds the value.
    fn bind<'b>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

impl<T, C, DB> Field<C, DB> for T
where
    C: Expression,
    DB: Backend + HasSqlType<C::SqlType>,
    T: ToSql<C::SqlType, DB>,
{
    fn bind<'b>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_bind_param::<C::SqlType, T>(self)
    }
}

/// The columns of a primary key, as a tuple.
pub trait KeyColumns {
    /// The name of the column, where there is only one: a key that the database can make.
    const SINGLE: Option<&'static str>;
}

impl<C: Column> KeyColumns for (C,) {
    const SINGLE: Option<&'static str> = Some(C::NAME);
}

/// A primary key that can be compared with the columns `C` on `DB`.
#[diagnostic::on_unimplemented(
    message = "a key of type `{Self}` can't be compared with the columns `{C}` on `{DB}`"
)]
pub trait Key<C, DB: Backend> {
    /// Shows each part of the key to `walk`.
    fn parts<'b>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>;
}

impl<A, C, DB> Key<(C,), DB> for A
where
    A: Field<C, DB>,
    C: Column + Default,
    DB: Backend,
{
    fn parts<'b>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()> {
        walk.key(C::default(), self)
    }
}

macro_rules! composite_keys {
    ($($part:ident: $column:ident),+) => {
        impl<$($column: Column),+> KeyColumns for ($($column,)+) {
            const SINGLE: Option<&'static str> = None;
        }

        impl<DB, $($part, $column),+> Key<($($column,)+), DB> for ($($part,)+)
        where
            DB: Backend,
            $($part: Field<$column, DB>, $column: Column + Default,)+
        {
            #[allow(non_snake_case, reason = "a part is named after its type")]
            fn parts<'b>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()> {
                let ($($part,)+) = self;
                $(walk.key($column::default(), $part)?;)+
                Ok(())
            }
        }
    };
}

composite_keys!(A: CA, B: CB);
composite_keys!(A: CA, B: CB, D: CD);
composite_keys!(A: CA, B: CB, D: CD, E: CE);
composite_keys!(A: CA, B: CB, D: CD, E: CE, F: CF);
composite_keys!(A: CA, B: CB, D: CD, E: CE, F: CF, G: CG);

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
    pub fn key<C: Column, F: Field<C, DB>>(&mut self, column: C, field: &'b F) -> QueryResult<()> {
        match self.clause {
            Clause::Assignments => Ok(()),
            Clause::Names | Clause::Values | Clause::Condition => self.write(column, field),
        }
    }

    /// An ordinary column.
    pub fn column<C: Column, F: Field<C, DB>>(
        &mut self,
        column: C,
        field: &'b F,
    ) -> QueryResult<()> {
        match self.clause {
            Clause::Condition => Ok(()),
            Clause::Names | Clause::Values | Clause::Assignments => self.write(column, field),
        }
    }

    /// Whether this is a clause of an INSERT: a column with `#[diesel(skip_insertion)]` stays out of it.
    pub fn inserts(&self) -> bool {
        matches!(self.clause, Clause::Names | Clause::Values)
    }

    /// The value of a field with `#[diesel(serialize_as = ..)]`, kept for as long as the statement lives.
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
        self.write(column, version)
    }

    fn write<C: Column, F: Field<C, DB>>(&mut self, _column: C, field: &'b F) -> QueryResult<()> {
        if self.first {
            self.first = false;
        } else {
            self.out.push_sql(match self.clause {
                Clause::Names | Clause::Values | Clause::Assignments => ", ",
                Clause::Condition => " AND ",
            });
        }
        match self.clause {
            Clause::Names => self.out.push_identifier(C::NAME),
            Clause::Values => field.bind(&mut self.out),
            Clause::Assignments | Clause::Condition => {
                self.out.push_identifier(C::NAME)?;
                self.out.push_sql(" = ");
                field.bind(&mut self.out)
            }
        }
    }
}

impl<DB: Backend> fmt::Debug for Walk<'_, '_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("clause", &self.clause).finish_non_exhaustive()
    }
}

/// Values made during a walk (`serialize_as`) that must live as long as the statement that binds them.
///
/// A list that only grows, so that a shared reference to it can hand out references. Empty, it allocates nothing.
#[derive(Default)]
pub(crate) struct Conversions(OnceCell<Box<Conversion>>);

struct Conversion {
    value: Box<dyn Any + Send>,
    rest: Conversions,
}

impl Conversions {
    fn keep<T: Send + 'static>(&self, make: impl FnOnce() -> T) -> QueryResult<&T> {
        let mut end = self;
        while let Some(conversion) = end.0.get() {
            end = &conversion.rest;
        }
        let kept = end.0.get_or_init(|| {
            Box::new(Conversion {
                value: Box::new(make()),
                rest: Self::default(),
            })
        });
        kept.value.downcast_ref().ok_or(diesel::result::Error::NotFound)
    }
}

/// The text of a key: its parts, separated by commas; a comma or a backslash inside of a part stands behind a
/// backslash.
#[doc(hidden)]
pub fn key_text(parts: &[&dyn fmt::Display]) -> String {
    match parts {
        [only] => only.to_string(),
        _ => parts
            .iter()
            .map(|part| part.to_string().replace('\\', "\\\\").replace(',', "\\,"))
            .collect::<Vec<_>>()
            .join(","),
    }
}

/// What the derive points a model at that it could not make sense of, so that its errors stay the only ones.
#[doc(hidden)]
pub mod fallback {
    diesel::table! {
        unknown {
            id -> BigInt,
            version -> BigInt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_keep_what_they_were_given() {
        let conversions = Conversions::default();
        let one: &String = conversions.keep(|| "one".to_owned()).unwrap();
        let two: &i32 = conversions.keep(|| 2).unwrap();
        assert_eq!((one.as_str(), *two), ("one", 2));
    }

    #[test]
    fn the_text_of_a_composite_key_is_unambiguous() {
        assert_eq!(key_text(&[&"a,b"]), "a,b");
        assert_eq!(key_text(&[&7, &"a,b"]), "7,a\\,b");
        assert_ne!(key_text(&[&"a,", &"b"]), key_text(&[&"a", &",b"]));
        assert_ne!(key_text(&[&"a\\", &"b"]), key_text(&[&"a", &"\\b"]));
    }
}
