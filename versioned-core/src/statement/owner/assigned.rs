//! The columns that a caller's changes or new row assign to, parsed from the SQL that Diesel builds
//! for them.

use std::iter::Peekable;
use std::str::Chars;

use diesel::backend::Backend;
use diesel::query_builder::QueryFragment;
use diesel::query_source::Column;
use diesel::result::QueryResult;

use crate::dialect::SqlFor as _;
use crate::loadable::Loadable;
use crate::model::{KeyColumns as _, Versioned};
use crate::statement::cache::is_kept;

/// The SQL, and the columns that it assigns to. Both are empty if a `MultiConnection` does not
/// return the SQL.
pub(crate) struct Assigned {
    sql: Option<String>,
    columns: Vec<String>,
}

impl Assigned {
    /// Parses `"price" = $1, "version" = $2`, or `("version", "price") VALUES ($1, $2)`.
    pub(crate) fn by<M, DB>(fragment: &impl QueryFragment<DB>) -> QueryResult<Self>
    where
        M: Loadable<DB>,
        DB: Backend,
    {
        let sql = M::Sql::sql(fragment)?;
        let text = sql.as_deref().unwrap_or_default();
        let columns = columns(text.strip_prefix('(').unwrap_or(text));
        Ok(Self { sql, columns })
    }

    /// Returns whether a statement of the kind `K` with this SQL in it is kept prepared.
    pub(crate) fn is_kept<K: 'static>(&self) -> bool {
        self.sql.as_deref().is_some_and(is_kept::<K>)
    }

    /// Returns whether a key column or the scope is assigned to.
    pub(crate) fn has_key<M: Versioned>(&self) -> bool {
        let names = M::KeyColumns::NAMES.iter().chain(&M::KeyColumns::SCOPE);
        let mut columns = self.columns.iter();
        columns.any(|column| names.clone().any(|name| name == column))
    }

    /// Returns whether a new row assigns a value other than DEFAULT to a key column.
    pub(crate) fn gives_key<M: Versioned>(&self) -> bool {
        let sql = self.sql.as_deref().unwrap_or_default();
        let values = sql.split_once(" VALUES (").map_or("", |(_, values)| values);
        self.columns
            .iter()
            .zip(items(values))
            .any(|(column, value)| {
                M::KeyColumns::NAMES.contains(&column.as_str()) && value != "DEFAULT"
            })
    }

    /// Returns whether the version is assigned more than once, which means that the caller assigns
    /// it too.
    pub(crate) fn has_version_twice<M: Versioned>(&self) -> bool {
        let version = <M::VersionColumn as Column>::NAME;
        self.columns
            .iter()
            .filter(|column| *column == version)
            .count()
            > 1
    }
}

/// Parses the columns of a list or of a SET clause. Each item begins with a column name in quotes.
/// A comma outside quotes and parentheses begins the next item.
fn columns(list: &str) -> Vec<String> {
    let mut columns = Vec::new();
    let (mut depth, mut begins) = (0_usize, true);
    let mut characters = list.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' | '`' | '\'' => {
                let name = quoted(character, &mut characters);
                if begins {
                    columns.push(name);
                }
                begins = false;
            }
            '(' => {
                depth += 1;
                begins = false;
            }
            ')' if depth == 0 => break,
            ')' => depth -= 1,
            ',' if depth == 0 => begins = true,
            ' ' => {}
            _ => begins = false,
        }
    }
    columns
}

/// Parses the values of a list, up to its closing parenthesis. A comma inside parentheses does not
/// separate values.
fn items(list: &str) -> Vec<&str> {
    let (mut items, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
    for (place, character) in list.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ')' | ',' if depth == 0 => {
                items.extend(list.get(begin..place).map(str::trim));
                begin = place + 1;
                if character == ')' {
                    break;
                }
            }
            _ => {}
        }
    }
    items
}

/// Reads up to the closing quote. A doubled quote stands for itself.
fn quoted(quote: char, characters: &mut Peekable<Chars<'_>>) -> String {
    let mut name = String::new();
    while let Some(character) = characters.next() {
        if character == quote && characters.next_if_eq(&quote).is_none() {
            break;
        }
        name.push(character);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_a_list() {
        assert_eq!(
            items("?, coalesce(?, 1), DEFAULT)"),
            ["?", "coalesce(?, 1)", "DEFAULT"]
        );
        assert_eq!(items("DEFAULT) RETURNING (1, 2)"), ["DEFAULT"]);
        assert_eq!(items(""), [""; 0]);
    }

    #[test]
    fn the_columns_that_are_assigned_to() {
        for (list, expected) in [
            (r#""id" = $1, "version" = $2"#, &["id", "version"][..]),
            (
                r#""price" = COALESCE("a", ','), "id" = $2"#,
                &["price", "id"],
            ),
            (
                "`price` = ?, `say ``hi```=`id`, `id` = ?",
                &["price", "say `hi`", "id"],
            ),
            (
                r#""price" = coalesce($1, "id"), "version" = $2"#,
                &["price", "version"],
            ),
            (
                r#""idea" = 'it''s, "id" = 1', "version" = $2"#,
                &["idea", "version"],
            ),
            (
                r#""version", "a(b", "version") VALUES ("id", $1)"#,
                &["version", "a(b", "version"],
            ),
            ("", &[]),
        ] {
            assert_eq!(columns(list), expected, "{list}");
        }
    }
}
