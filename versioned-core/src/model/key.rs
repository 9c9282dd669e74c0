//! Primary keys: their columns, their parts, their text.

use std::fmt;
use std::str::FromStr;

use diesel::backend::Backend;
use diesel::expression::Expression;
use diesel::query_builder::AstPass;
use diesel::query_source::Column;
use diesel::result::QueryResult;
use diesel::sql_types::SqlType;
use diesel::sql_types::is_nullable::NotNull;

use super::{Field, Walk};

/// A column without NULLs, which a version's must be: its row would be found at no version.
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

    /// Writes the columns, separated by commas.
    #[doc(hidden)]
    fn write_names<DB: Backend>(out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        for (place, name) in Self::NAMES.iter().enumerate() {
            if place > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(name)?;
        }
        Ok(())
    }
}

impl<C: Column> KeyColumns for (C,) {
    const NAMES: &'static [&'static str] = &[C::NAME];
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
    /// When a part cannot be written as its column's type.
    fn parts<'b>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>;
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
}

macro_rules! composite_keys {
    ($($part:ident: $column:ident),+) => {
        impl<$($column: Column),+> KeyColumns for ($($column,)+) {
            const NAMES: &'static [&'static str] = &[$($column::NAME),+];
        }

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
        }
    };
}

composite_keys!(A: CA, B: CB);
composite_keys!(A: CA, B: CB, D: CD);
composite_keys!(A: CA, B: CB, D: CD, E: CE);
composite_keys!(A: CA, B: CB, D: CD, E: CE, F: CF);
composite_keys!(A: CA, B: CB, D: CD, E: CE, F: CF, G: CG);

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

/// The parts that [`key_text`] made `text` of, if there are `N`.
#[doc(hidden)]
pub fn key_parts<const N: usize>(text: &str) -> Option<[String; N]> {
    if N == 1 {
        return vec![text.to_owned()].try_into().ok();
    }
    let mut parts = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ',' => parts.push(String::new()),
            '\\' => parts.last_mut()?.push(characters.next()?),
            other => parts.last_mut()?.push(other),
        }
    }
    parts.try_into().ok()
}

/// A part of a key, read from its text.
#[doc(hidden)]
pub fn key_part<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_composite_key_is_unambiguous() {
        assert_eq!(key_text(&[&"a,b"]), "a,b");
        assert_eq!(key_text(&[&7, &"a,b"]), "7,a\\,b");
        assert_ne!(key_text(&[&"a,", &"b"]), key_text(&[&"a", &",b"]));
        assert_ne!(key_text(&[&"a\\", &"b"]), key_text(&[&"a", &"\\b"]));
    }

    #[test]
    fn the_text_of_a_key_can_be_read_back() {
        assert_eq!(key_parts::<1>("a,b\\"), Some(["a,b\\".to_owned()]));
        for parts in [["a", "b"], ["a,b", "c\\"], ["", ","], ["\\,", ""]] {
            let text = key_text(&[&parts[0], &parts[1]]);
            assert_eq!(
                key_parts::<2>(&text),
                Some(parts.map(str::to_owned)),
                "{text}"
            );
        }
        assert_eq!(key_parts::<2>("a"), None);
        assert_eq!(key_parts::<2>("a,b,c"), None);
        assert_eq!(
            key_parts::<2>("a,b\\"),
            None,
            "nothing stands behind the backslash"
        );
    }
}
