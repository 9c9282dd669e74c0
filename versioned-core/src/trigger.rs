//! Triggers on a model's table, for writes that bypass this crate.

use diesel::backend::Backend;
use diesel::query_builder::QueryFragment;
use diesel::query_source::{Column, Table};

use crate::dialect::{Dialect, SqlFor};
use crate::loadable::{Loadable, Persisted};
use crate::model::OwnerModel;
use crate::model::name_of_table;
use crate::table_name::TableName;

/// The SQL of a trigger, for a migration: see [`guard_trigger`](crate::guard_trigger) and
/// [`version_trigger`](crate::version_trigger).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trigger {
    /// The statements that create the trigger, in order: `up.sql`.
    pub up: Vec<String>,
    /// The statements that drop it, in order: `down.sql`.
    pub down: Vec<String>,
}

/// A model's table, as the SQL of a trigger names it.
pub(crate) struct TriggerTable {
    pub(crate) dialect: Dialect,
    schema: Option<&'static str>,
    table: &'static str,
    /// The table's name behind its schema's, not quoted.
    pub(crate) full: &'static str,
    /// The version's column.
    pub(crate) version: String,
    /// All columns but those that are excluded.
    guarded: Vec<String>,
    has_excluded: bool,
}

/// The rule of a trigger for each row that an UPDATE writes.
pub(crate) struct Rule {
    /// The beginning of the trigger's name.
    pub(crate) prefix: &'static str,
    /// `BEFORE` or `AFTER` on `SQLite`. On other databases it is always `BEFORE`.
    pub(crate) on_sqlite: &'static str,
    pub(crate) condition: String,
    pub(crate) action: String,
}

impl TriggerTable {
    /// Returns `None` for a `MultiConnection`.
    pub(crate) fn of<M, DB>() -> Option<Self>
    where
        DB: Backend,
        M: OwnerModel + Persisted<DB>,
        <M::Table as Table>::AllColumns: QueryFragment<DB>,
    {
        let sql = Sql(<<M as Loadable<DB>>::Sql as SqlFor<DB>>::KNOWN?);
        let TableName {
            schema,
            table,
            full,
        } = name_of_table::<M>();
        let excluded: Vec<String> = M::EXCLUDED
            .iter()
            .map(|name| sql.identifier(name))
            .collect();
        let mut guarded = sql.columns_of::<M, DB>(&M::Table::all_columns())?;
        guarded.retain(|column| !excluded.contains(column));
        Some(Self {
            dialect: sql.0,
            schema,
            table,
            full,
            version: sql.identifier(M::VersionColumn::NAME),
            guarded,
            has_excluded: !excluded.is_empty(),
        })
    }

    /// The columns of the table's primary key.
    pub(crate) fn key<M, DB>(&self) -> Option<Vec<String>>
    where
        DB: Backend,
        M: OwnerModel + Persisted<DB>,
        <M::Table as Table>::PrimaryKey: QueryFragment<DB>,
    {
        Sql(self.dialect).columns_of::<M, DB>(&M::Table::default().primary_key())
    }

    /// The table, without its schema.
    pub(crate) fn name(&self) -> String {
        Sql(self.dialect).identifier(self.table)
    }

    pub(crate) fn literal(&self, text: &str) -> String {
        Sql(self.dialect).literal(text)
    }

    /// Returns the trigger of a rule.
    pub(crate) fn trigger(&self, rule: &Rule) -> Trigger {
        let Rule {
            prefix,
            on_sqlite,
            condition,
            action,
        } = rule;
        let sql = Sql(self.dialect);
        let name = sql.identifier(&trigger_name(prefix, self.table));
        let name_in_schema = sql.in_schema(self.schema, &name);
        let table_in_schema = sql.in_schema(self.schema, &self.name());
        let of = if self.has_excluded {
            format!(" OF {}", self.guarded.join(", "))
        } else {
            String::new()
        };
        match self.dialect {
            Dialect::Postgres => {
                let body = sql.literal(&format!(
                    "BEGIN IF {condition} THEN {action}; END IF; RETURN NEW; END"
                ));
                Trigger {
                    up: vec![
                        format!(
                            "CREATE FUNCTION {name_in_schema}() RETURNS trigger LANGUAGE plpgsql AS {body}"
                        ),
                        format!(
                            "CREATE TRIGGER {name} BEFORE UPDATE{of} ON {table_in_schema} FOR EACH ROW \
                             EXECUTE FUNCTION {name_in_schema}()"
                        ),
                    ],
                    down: vec![
                        format!("DROP TRIGGER {name} ON {table_in_schema}"),
                        format!("DROP FUNCTION {name_in_schema}()"),
                    ],
                }
            }
            // The table of a trigger has no schema's name: it is in that of the trigger.
            Dialect::Sqlite => Trigger {
                up: vec![format!(
                    "CREATE TRIGGER {name_in_schema} {on_sqlite} UPDATE{of} ON {} FOR EACH ROW \
                     WHEN {condition} BEGIN {action}; END",
                    self.name()
                )],
                down: vec![format!("DROP TRIGGER {name_in_schema}")],
            },
            Dialect::Mysql => Trigger {
                up: vec![format!(
                    "CREATE TRIGGER {name_in_schema} BEFORE UPDATE ON {table_in_schema} FOR EACH ROW \
                     IF {condition}{} THEN {action}; END IF",
                    self.unless_same()
                )],
                down: vec![format!("DROP TRIGGER {name_in_schema}")],
            },
        }
    }

    /// MySQL has no `UPDATE OF`: the columns are compared.
    fn unless_same(&self) -> String {
        if !self.has_excluded {
            return String::new();
        }
        let same: Vec<String> = self
            .guarded
            .iter()
            .map(|column| format!("NEW.{column} <=> OLD.{column}"))
            .collect();
        format!(" AND NOT ({})", same.join(" AND "))
    }
}

/// The trigger's name: the table's behind a prefix, cut where it would be longer than the 63 bytes
/// that each database holds.
fn trigger_name(prefix: &str, table: &str) -> String {
    const BYTES: usize = 63;

    let name = format!("{prefix}{table}");
    if name.len() <= BYTES {
        return name;
    }
    let hash = format!("_{:016x}", fnv_1a(table));
    format!("{}{hash}", cut(&name, BYTES - hash.len()))
}

/// A hash that is the same on each machine and in each version of Rust: the name is in a migration.
fn fnv_1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The beginning of a text, of at most so many bytes.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// How a database quotes.
struct Sql(Dialect);

impl Sql {
    fn quote(&self) -> char {
        match self.0 {
            Dialect::Postgres => '"',
            Dialect::Sqlite | Dialect::Mysql => '`',
        }
    }

    fn identifier(&self, name: &str) -> String {
        let quote = self.quote();
        let doubled = name.replace(quote, &format!("{quote}{quote}"));
        format!("{quote}{doubled}{quote}")
    }

    /// A quoted name behind its schema's.
    fn in_schema(&self, schema: Option<&str>, name: &str) -> String {
        match schema {
            Some(schema) => format!("{}.{name}", self.identifier(schema)),
            None => name.to_owned(),
        }
    }

    fn literal(&self, text: &str) -> String {
        let mut doubled = text.replace('\'', "''");
        if self.0 == Dialect::Mysql {
            doubled = doubled.replace('\\', "\\\\");
        }
        format!("'{doubled}'")
    }

    /// The quoted columns of a fragment that is a list of them.
    fn columns_of<M, DB>(&self, list: &dyn QueryFragment<DB>) -> Option<Vec<String>>
    where
        DB: Backend,
        M: Loadable<DB>,
    {
        let list = <M::Sql as SqlFor<DB>>::sql(list).ok()??;
        Some(self.columns(&list).into_iter().map(str::to_owned).collect())
    }

    /// The quoted columns of a list: `"tickets"."id", "tickets"."price"`
    fn columns<'a>(&self, list: &'a str) -> Vec<&'a str> {
        let mut columns = Vec::new();
        let (mut is_quoted, mut start) = (false, 0);
        for (place, character) in list.char_indices().chain([(list.len(), ',')]) {
            match character {
                // A doubled one closes and opens.
                _ if character == self.quote() => is_quoted = !is_quoted,
                '.' if !is_quoted => start = place + 1,
                ',' if !is_quoted => columns.extend(list.get(start..place)),
                _ => {}
            }
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_each_database_holds() {
        let name = |table: &str| trigger_name("versioned_guard_", table);
        assert_eq!(name("tickets"), "versioned_guard_tickets");
        let long = ["a", "b"].map(|end| name(&("x".repeat(62) + end)));
        assert!(long[0] != long[1] && long.iter().all(|name| name.len() == 63));
        assert!(name(&"ü".repeat(40)).len() <= 63);
    }

    #[test]
    fn the_columns_of_a_list() {
        let list = r#""a"."b, "".c"."id", "a"."b, "".c"."x ""y"", z.", "a"."b"."version""#;
        assert_eq!(
            Sql(Dialect::Postgres).columns(list),
            [r#""id""#, r#""x ""y"", z.""#, r#""version""#]
        );
    }
}
