//! Primary keys: their columns, their parts and their text.

mod text;
#[cfg(feature = "time")]
mod time;

use std::str::FromStr;

use diesel::backend::Backend;
use diesel::expression::Expression;
use diesel::query_builder::AstPass;
use diesel::query_source::{Column, Table};
use diesel::result::QueryResult;
use diesel::sql_types::SqlType;
use diesel::sql_types::is_nullable::NotNull;

use super::{Field, Unscoped, Walk};
use crate::dialect::Kind;

pub(crate) use self::text::canonical;
pub use self::text::{KeyPart, KeyPartText, KeyText, key_parts};

/// A column without NULLs. A version needs one, because no guard finds a row whose version is NULL.
#[diagnostic::on_unimplemented(
    message = "the version can't be NULL, make the column NOT NULL",
    label = "this column is `Nullable` in the `table!` declaration"
)]
pub trait NeverNull {}

#[diagnostic::do_not_recommend]
impl<C: Expression<SqlType: SqlType<IsNull = NotNull>>> NeverNull for C {}

/// The columns of a primary key, as a tuple.
pub trait KeyColumns {
    /// The names of the columns.
    const NAMES: &'static [&'static str];

    /// The functions that convert the text of each part to its canonical form.
    #[doc(hidden)]
    const FORMS: &'static [fn(String) -> String];

    /// The names of the columns that order a page: those of the key without the scope.
    #[doc(hidden)]
    const ORDER: &'static [&'static str] = Self::NAMES;

    /// The name of the column with `#[versioned(scope)]`.
    #[doc(hidden)]
    const SCOPE: Option<&'static str> = None;

    /// Writes the columns, separated by commas.
    #[doc(hidden)]
    fn write_names<DB: Backend>(out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        write(Self::NAMES, out)
    }

    /// Writes the columns that order a page.
    #[doc(hidden)]
    fn write_order<DB: Backend>(out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        write(Self::ORDER, out)
    }
}

fn write<DB: Backend>(names: &[&str], out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            out.push_sql(", ");
        }
        out.push_identifier(name)?;
    }
    Ok(())
}

impl<C: Column> Unscoped for (C,) where (C,): KeyColumns {}

impl<C: Column + Expression<SqlType: 'static>> KeyColumns for (C,) {
    const NAMES: &'static [&'static str] = &[C::NAME];
    const FORMS: &'static [fn(String) -> String] = &[canonical::<C::SqlType>];
}

/// The column names of a table's primary key. `Table::PrimaryKey` is a column or a tuple of
/// columns, and `Shape` keeps the two impls apart.
pub trait KeyNames<Shape> {
    /// The names of the columns.
    const NAMES: &'static [&'static str];
}

/// The shape of a key of one column.
#[derive(Debug)]
pub enum Single {}

/// The shape of a key of several columns.
#[derive(Debug)]
pub enum Composite {}

#[diagnostic::do_not_recommend]
impl<C: Column> KeyNames<Single> for C {
    const NAMES: &'static [&'static str] = &[C::NAME];
}

macro_rules! key_names {
    ($first:ident $($rest:ident)*) => {
        key_names!(@ $($rest)*);
        #[diagnostic::do_not_recommend]
        impl<$first: Column, $($rest: Column),*> KeyNames<Composite> for ($first, $($rest),*) {
            const NAMES: &'static [&'static str] = &[$first::NAME, $($rest::NAME),*];
        }
    };
    (@ $last:ident) => {};
    (@ $($rest:ident)+) => { key_names!($($rest)+); };
}

// Twice the maximum number of columns of a model's key.
key_names!(A B C D E F G H I J K L);

/// Returns whether a model's key is the table's. A key of only some of the table's key columns is
/// an error, because several rows would be one record.
#[doc(hidden)]
pub const fn whole_key<T, K, Shape>(table: T, key: K) -> bool
where
    T: Table,
    T::PrimaryKey: KeyNames<Shape>,
    K: KeyColumns,
{
    // The values have no size, and a const function cannot drop them.
    std::mem::forget((table, key));
    let (model, table) = (K::NAMES, <T::PrimaryKey as KeyNames<Shape>>::NAMES);
    let within = all_among(model, table);
    assert!(
        !within || model.len() == table.len(),
        "the model's key is only a part of the table's key: name all key columns in `#[diesel(primary_key(..))]`"
    );
    within
}

/// Returns whether `all` contains each name.
const fn all_among(names: &[&str], all: &[&str]) -> bool {
    let mut rest = names;
    while let [name, others @ ..] = rest {
        if !is_among(name, all) {
            return false;
        }
        rest = others;
    }
    true
}

const fn is_among(name: &str, all: &[&str]) -> bool {
    let mut rest = all;
    while let [one, others @ ..] = rest {
        if is_same(name.as_bytes(), one.as_bytes()) {
            return true;
        }
        rest = others;
    }
    false
}

const fn is_same(one: &[u8], two: &[u8]) -> bool {
    match (one, two) {
        ([], []) => true,
        ([a, one @ ..], [b, two @ ..]) => *a == *b && is_same(one, two),
        _ => false,
    }
}

/// A primary key that can be compared with the columns `C` on `DB`.
#[diagnostic::on_unimplemented(
    message = "a key of type `{Self}` does not fit the columns `{C}` on `{DB}`",
    label = "this type does not fit the key's columns",
    note = "the columns' SQL types are in the `table!` declaration; their order is that of `#[diesel(primary_key(..))]`"
)]
pub trait Key<C, DB: Backend> {
    /// Shows each part of the key to `walk`.
    ///
    /// # Errors
    ///
    /// Returns an error if a part cannot be serialized as its column's type.
    fn parts<'b>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>;

    /// How the database may alter or compare the keys: the maximum over the parts.
    #[doc(hidden)]
    fn kind() -> Kind;
}

#[diagnostic::do_not_recommend]
impl<A, C, DB> Key<(C,), DB> for A
where
    A: Field<C, DB>,
    C: Column + Default,
    DB: Backend,
{
    fn parts<'b>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()> {
        walk.key(C::default(), self)
    }

    fn kind() -> Kind {
        <A as Field<C, DB>>::kind()
    }
}

/// A key of the columns `C` that can be read from its text. An owner reads keys only where a function
/// asks for this.
#[diagnostic::on_unimplemented(
    message = "a key of type `{Self}` can't be read from its text, implement `FromStr` for it",
    label = "this finds records of an owner by the text of their keys",
    note = "`FromStr` must accept the output of the type's `Display`",
    note = "for an `InScope`, use a second model of the table, without `#[versioned(scope)]`"
)]
pub trait ReadKey<C>: Sized {
    /// Reads the key.
    #[doc(hidden)]
    fn read(text: &str) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<A: FromStr, C: Column> ReadKey<(C,)> for A {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

macro_rules! composite_keys {
    ($($part:ident: $column:ident),+) => {
        #[diagnostic::do_not_recommend]
        impl<$($part: FromStr, $column: Column),+> ReadKey<($($column,)+)> for ($($part,)+) {
            fn read(text: &str) -> Option<Self> {
                const PARTS: usize = [$(stringify!($part)),+].len();
                let mut parts = key_parts::<PARTS>(text)?.into_iter();
                Some(($(parts.next()?.parse::<$part>().ok()?,)+))
            }
        }

        impl<$($column: Column + Expression<SqlType: 'static>),+> KeyColumns for ($($column,)+) {
            const NAMES: &'static [&'static str] = &[$($column::NAME),+];
            const FORMS: &'static [fn(String) -> String] = &[$(canonical::<$column::SqlType>),+];
        }

        impl<$($column: Column + Expression<SqlType: 'static>),+> Unscoped for ($($column,)+) {}

        #[diagnostic::do_not_recommend]
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

            fn kind() -> Kind {
                let parts = [$(<$part as Field<$column, DB>>::kind()),+];
                parts.into_iter().max().unwrap_or(Kind::Exact)
            }
        }
    };
}

composite_keys!(A: CA, B: CB);
composite_keys!(A: CA, B: CB, D: CD);
composite_keys!(A: CA, B: CB, D: CD, E: CE);
composite_keys!(A: CA, B: CB, D: CD, E: CE, F: CF);
composite_keys!(A: CA, B: CB, D: CD, E: CE, F: CF, G: CG);
