//! The guard as a trigger in the database, for writes that bypass this crate.

use diesel::backend::Backend;
use diesel::query_builder::QueryFragment;
use diesel::query_source::{Column, Table};

use crate::dialect::{Dialect, SqlFor};
use crate::loadable::{Loadable, Persisted};
use crate::model::OwnerModel;
use crate::model::Versioned;
use crate::model::name_of_table;
use crate::table_name::TableName;
use crate::version::SequentialVersion;

/// The SQL statements that create and drop a trigger: see [`guard_trigger`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardTrigger {
    /// The statements of a migration's `up.sql`, in this order.
    pub up: Vec<String>,
    /// The statements of its `down.sql`, in this order.
    pub down: Vec<String>,
}

/// Returns the SQL of a trigger that rejects each UPDATE of the model's table unless the new
/// version is the old one plus one.
///
/// Use it when all writers use the guarded methods or [`bump`](crate::prelude::OwnerDsl::bump). It
/// rejects SQL that bypasses the guard. If some writers know nothing of versions, use
/// [`version_trigger`](crate::version_trigger).
///
/// `DB` is the backend of PostgreSQL, SQLite or MySQL. The function returns `None` for the backend
/// of a `MultiConnection`.
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Queryable, Selectable, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
/// use diesel::connection::SimpleConnection;
/// use diesel::sqlite::Sqlite;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let conn = &mut SqliteConnection::establish(":memory:")?;
/// # conn.batch_execute(
/// #     "CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL,
/// #      version BIGINT NOT NULL)",
/// # )?;
/// # let mut ticket = Ticket { id: 7, price: 20, version: 0 };
/// # ticket.insert(conn)?;
/// let trigger = versioned_core::guard_trigger::<Ticket, Sqlite>().unwrap();
/// assert_eq!(
///     trigger.up,
///     ["CREATE TRIGGER `versioned_guard_tickets` BEFORE UPDATE ON `tickets` FOR EACH ROW \
///       WHEN NEW.`version` IS NOT OLD.`version` + 1 \
///       BEGIN SELECT RAISE(ABORT, 'tickets: an update must move the version by one'); END"]
/// );
/// for statement in &trigger.up {
///     conn.batch_execute(statement)?;
/// }
/// let unguarded = diesel::update(tickets::table).set(tickets::price.eq(0));
/// assert!(unguarded.execute(conn).is_err());
/// ticket.save(conn)?;
/// # Ok(())
/// # }
/// ```
///
/// The error is a CHECK violation on PostgreSQL. On SQLite and MySQL, Diesel has no kind for it.
///
/// # Excluded columns
///
/// An UPDATE that writes only columns with `#[versioned(excluded)]` passes without a new version:
///
/// - On PostgreSQL and SQLite, the assigned columns decide (`UPDATE OF`). An UPDATE that assigns
///   another column is checked, even if it assigns the same value.
/// - On MySQL and MariaDB, the values decide. An UPDATE is checked if it changes the value of
///   another column.
///
/// Columns that an embedded struct excludes are not excluded here.
///
/// # Restores
///
/// The trigger rejects an UPDATE that moves versions by more than one, such as that of a
/// [restore](crate::guide::how_to::restore). Drop it before, and create it again afterwards.
///
/// # Names
///
/// The trigger, and on PostgreSQL its function, are in the schema of the table. Their name is
/// `versioned_guard_` and the name of the table. A longer name than 63 bytes is cut and ends in a
/// hash.
#[must_use]
pub fn guard_trigger<M, DB>() -> Option<GuardTrigger>
where
    DB: Backend,
    M: OwnerModel + Persisted<DB> + Versioned<Version: SequentialVersion>,
    <M::Table as Table>::AllColumns: QueryFragment<DB>,
{
    let dialect = <<M as Loadable<DB>>::Sql as SqlFor<DB>>::KNOWN?;
    let sql = Sql(dialect);
    let TableName {
        schema,
        table,
        full,
    } = name_of_table::<M>();
    let version = sql.identifier(M::VersionColumn::NAME);
    let excluded: Vec<String> = M::EXCLUDED
        .iter()
        .map(|name| sql.identifier(name))
        .collect();
    let columns =
        <<M as Loadable<DB>>::Sql as SqlFor<DB>>::sql(&M::Table::all_columns()).ok()??;
    let guarded: Vec<&str> = sql
        .columns(&columns)
        .into_iter()
        .filter(|column| !excluded.iter().any(|name| name == column))
        .collect();
    let name = sql.identifier(&trigger_name(table));
    let name_in_schema = sql.in_schema(schema, &name);
    let table_in_schema = sql.in_schema(schema, &sql.identifier(table));
    let message = sql.literal(&message(full));
    let of = if excluded.is_empty() {
        String::new()
    } else {
        format!(" OF {}", guarded.join(", "))
    };
    Some(match dialect {
        Dialect::Postgres => {
            let body = sql.literal(&format!(
                "BEGIN IF NEW.{version} IS DISTINCT FROM OLD.{version} + 1 THEN \
                 RAISE EXCEPTION USING MESSAGE = {message}, ERRCODE = 'check_violation'; \
                 END IF; RETURN NEW; END"
            ));
            GuardTrigger {
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
        // SQLite rejects a schema before the table of a trigger. The table is in the trigger's
        // schema.
        Dialect::Sqlite => GuardTrigger {
            up: vec![format!(
                "CREATE TRIGGER {name_in_schema} BEFORE UPDATE{of} ON {} FOR EACH ROW \
                 WHEN NEW.{version} IS NOT OLD.{version} + 1 \
                 BEGIN SELECT RAISE(ABORT, {message}); END",
                sql.identifier(table)
            )],
            down: vec![format!("DROP TRIGGER {name_in_schema}")],
        },
        Dialect::Mysql => {
            // MySQL has no `UPDATE OF`, so the trigger compares the columns.
            let same: Vec<String> = guarded
                .iter()
                .map(|column| format!("NEW.{column} <=> OLD.{column}"))
                .collect();
            let unless = if excluded.is_empty() {
                String::new()
            } else {
                format!(" AND NOT ({})", same.join(" AND "))
            };
            GuardTrigger {
                up: vec![format!(
                    "CREATE TRIGGER {name_in_schema} BEFORE UPDATE ON {table_in_schema} FOR EACH ROW \
                     IF NOT (NEW.{version} <=> OLD.{version} + 1){unless} THEN \
                     SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {message}; END IF"
                )],
                down: vec![format!("DROP TRIGGER {name_in_schema}")],
            }
        }
    })
}

/// Returns the name of the trigger: `versioned_guard_` and the table, cut to 63 bytes, which each
/// database accepts.
fn trigger_name(table: &str) -> String {
    const BYTES: usize = 63;

    let name = format!("versioned_guard_{table}");
    if name.len() <= BYTES {
        return name;
    }
    let hash = format!("_{:016x}", fnv_1a(table));
    format!("{}{hash}", cut(&name, BYTES - hash.len()))
}

/// Returns a hash that is the same on each machine and in each version of Rust, because the name is
/// in a migration.
fn fnv_1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Returns the error message of the trigger. MySQL accepts up to 128 characters.
fn message(table: &str) -> String {
    format!("{}: an update must move the version by one", cut(table, 88))
}

/// Returns the longest prefix of `text` that has at most `bytes` bytes.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The quoting rules of a database.
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

    /// Returns a quoted name, qualified by its schema.
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

    /// Returns the quoted columns of a list: `"tickets"."id", "tickets"."price"`
    fn columns<'a>(&self, list: &'a str) -> Vec<&'a str> {
        let mut columns = Vec::new();
        let (mut is_quoted, mut start) = (false, 0);
        for (place, character) in list.char_indices().chain([(list.len(), ',')]) {
            match character {
                // A doubled quote closes and opens.
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
        assert_eq!(trigger_name("tickets"), "versioned_guard_tickets");
        let long = ["a", "b"].map(|end| trigger_name(&("x".repeat(62) + end)));
        assert!(long[0] != long[1] && long.iter().all(|name| name.len() == 63));
        assert!(trigger_name(&"ü".repeat(40)).len() <= 63);
        assert_eq!(message(&"x".repeat(200)).len(), 128);
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
