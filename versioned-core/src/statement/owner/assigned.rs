//! Which columns a caller's changes or new row assign to: read from the SQL that Diesel makes of
//! them.

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

/// The SQL, and the columns that are assigned to; none where a `MultiConnection` does not tell.
pub(crate) struct Assigned {
    sql: Option<String>,
    columns: Vec<String>,
}

impl Assigned {
    /// Of `"price" = $1, "version" = $2`, or of `("version", "price") VALUES ($1, $2)`.
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

    /// Whether a statement of the kind `K` with this SQL in it is kept prepared.
    pub(crate) fn is_kept<K: 'static>(&self) -> bool {
        self.sql.as_deref().is_some_and(is_kept::<K>)
    }

    /// Whether a column of the key is one of them.
    pub(crate) fn has_key<M: Versioned>(&self) -> bool {
        self.columns
            .iter()
            .any(|column| M::KeyColumns::NAMES.contains(&column.as_str()))
    }

    /// Of a new row: whether a column of the key has a value, and is not left to its DEFAULT.
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

    /// Whether the version is assigned more than once: by the caller too.
    pub(crate) fn has_version_twice<M: Versioned>(&self) -> bool {
        let version = <M::VersionColumn as Column>::NAME;
        self.columns
            .iter()
            .filter(|column| *column == version)
            .count()
            > 1
    }
}

/// The columns of a list, or of a SET clause. Each begins an item, in quotes; a comma outside of
/// quotes and parentheses begins the next one.
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

/// The values of a list, up to the parenthesis that ends it; a comma inside of parentheses separates none.
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

/// What stands up to the closing quote, in which a doubled one stands for itself.
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
