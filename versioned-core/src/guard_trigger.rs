//! The guard in the database itself: for writes that do not come through this crate.

use diesel::backend::Backend;
use diesel::query_builder::QueryFragment;
use diesel::query_source::{Column, Table};

use crate::dialect::{Dialect, Flavor};
use crate::fetch::{Fetch, Stored};
use crate::model::OwnerModel;
use crate::model::Versioned;
use crate::version::SequentialVersion;

/// The statements that make a trigger, and those that take it away: see [`guard_trigger`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardTrigger {
    /// For a migration's `up.sql`, in this order.
    pub up: Vec<String>,
    /// For its `down.sql`, in this order.
    pub down: Vec<String>,
}

/// A trigger that rejects every UPDATE of the model's table whose version is not the old one plus one, so that SQL written
/// by hand cannot go round the guard. `DB` is PostgreSQL's, SQLite's or MySQL's backend; the answer is `None` for the backend
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
/// # conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)")?;
/// # let mut ticket = Ticket { id: 7, price: 20, version: 0 };
/// # ticket.insert(conn)?;
/// let trigger = versioned_core::guard_trigger::<Ticket, Sqlite>().unwrap();
/// assert_eq!(
///     trigger.up,
///     ["CREATE TRIGGER versioned_guard_tickets BEFORE UPDATE ON `tickets` FOR EACH ROW \
///       WHEN NEW.`version` IS NOT OLD.`version` + 1 \
///       BEGIN SELECT RAISE(ABORT, 'tickets: an update must move the version by one'); END"]
/// );
/// for statement in &trigger.up {
///     conn.batch_execute(statement)?;
/// }
/// assert!(diesel::update(tickets::table).set(tickets::price.eq(0)).execute(conn).is_err());
/// ticket.save(conn)?; // as before
/// # Ok(())
/// # }
/// ```
///
/// With columns that are `#[versioned(excluded)]` it looks at updates that change another column, too. (What an embedded struct
/// excludes is not excluded here.) It stands in the way of a restore that lets the versions jump, and of a version that is
/// renumbered: take it away for these. The error is a CHECK violation on PostgreSQL, and of no kind that Diesel knows on
/// SQLite and MySQL.
#[must_use]
pub fn guard_trigger<M, DB>() -> Option<GuardTrigger>
where
    DB: Backend<QueryBuilder: Default> + Default,
    M: OwnerModel + Stored<DB> + Versioned<Version: SequentialVersion>,
    <M::Table as Table>::AllColumns: QueryFragment<DB>,
{
    let dialect = <<M as Fetch<DB>>::On as Flavor<DB>>::KNOWN?;
    let quote = match dialect {
        Dialect::Postgres => '"',
        Dialect::Sqlite | Dialect::Mysql => '`',
    };
    let quoted = |name: &str| format!("{quote}{name}{quote}");
    let table = sql::<DB>(&M::source());
    let version = quoted(M::VersionColumn::NAME);
    let excluded: Vec<String> = M::EXCLUDED.iter().map(|name| quoted(name)).collect();
    let columns = sql::<DB>(&M::Table::all_columns());
    // `"tickets"."id", "tickets"."price"`
    let guarded: Vec<&str> = columns
        .split(", ")
        .filter_map(|column| column.get(column.rfind('.')? + 1..))
        .filter(|column| !excluded.iter().any(|name| name == column))
        .collect();
    let name = format!("versioned_guard_{}", M::TABLE);
    let message = format!("{}: an update must move the version by one", M::TABLE);
    let of = if excluded.is_empty() {
        String::new()
    } else {
        format!(" OF {}", guarded.join(", "))
    };
    Some(match dialect {
        Dialect::Postgres => GuardTrigger {
            up: vec![
                format!(
                    "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                     IF NEW.{version} IS DISTINCT FROM OLD.{version} + 1 THEN \
                     RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation'; \
                     END IF; RETURN NEW; END $$"
                ),
                format!(
                    "CREATE TRIGGER {name} BEFORE UPDATE{of} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
                ),
            ],
            down: vec![
                format!("DROP TRIGGER {name} ON {table}"),
                format!("DROP FUNCTION {name}()"),
            ],
        },
        Dialect::Sqlite => GuardTrigger {
            up: vec![format!(
                "CREATE TRIGGER {name} BEFORE UPDATE{of} ON {table} FOR EACH ROW \
                 WHEN NEW.{version} IS NOT OLD.{version} + 1 \
                 BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )],
            down: vec![format!("DROP TRIGGER {name}")],
        },
        Dialect::Mysql => {
            // There is no `UPDATE OF`: the columns are compared.
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
                    "CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW \
                     IF NOT (NEW.{version} <=> OLD.{version} + 1){unless} THEN \
                     SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{message}'; END IF"
                )],
                down: vec![format!("DROP TRIGGER {name}")],
            }
        }
    })
}

/// A piece of SQL without binds, out of what Diesel prints for people: what prints for databases, Diesel keeps to itself.
fn sql<DB>(fragment: &impl QueryFragment<DB>) -> String
where
    DB: Backend<QueryBuilder: Default> + Default,
{
    let printed = diesel::debug_query(fragment).to_string();
    let sql = printed.split_once(" -- binds: ").map(|(sql, _)| sql);
    sql.unwrap_or(&printed).to_owned()
}
