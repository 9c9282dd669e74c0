//! The guard as a trigger in the database, for writes that bypass this crate.

use diesel::backend::Backend;
use diesel::query_builder::QueryFragment;
use diesel::query_source::Table;

use crate::dialect::Dialect;
use crate::loadable::Persisted;
use crate::model::{OwnerModel, Versioned};
use crate::trigger::{Rule, Trigger, TriggerTable, cut};
use crate::version::SequentialVersion;

/// Returns the SQL of a trigger that rejects each UPDATE of the model's table unless the new
/// version is the old one plus one.
///
/// Use it when all writers use the guarded methods or [`bump`](crate::prelude::OwnerDsl::bump). It
/// rejects SQL that bypasses the guard. If some writers are unaware of versions, use
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
pub fn guard_trigger<M, DB>() -> Option<Trigger>
where
    DB: Backend,
    M: OwnerModel + Persisted<DB> + Versioned<Version: SequentialVersion>,
    <M::Table as Table>::AllColumns: QueryFragment<DB>,
{
    let table = TriggerTable::of::<M, DB>()?;
    let version = &table.version;
    let message = table.literal(&message(table.full));
    let (condition, action) = match table.dialect {
        Dialect::Postgres => (
            format!("NEW.{version} IS DISTINCT FROM OLD.{version} + 1"),
            format!("RAISE EXCEPTION USING MESSAGE = {message}, ERRCODE = 'check_violation'"),
        ),
        Dialect::Sqlite => (
            format!("NEW.{version} IS NOT OLD.{version} + 1"),
            format!("SELECT RAISE(ABORT, {message})"),
        ),
        Dialect::Mysql => (
            format!("NOT (NEW.{version} <=> OLD.{version} + 1)"),
            format!("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {message}"),
        ),
    };
    Some(table.trigger(&Rule {
        prefix: "versioned_guard_",
        on_sqlite: "BEFORE",
        condition,
        action,
    }))
}

/// The trigger's message. MySQL accepts 128 characters.
fn message(table: &str) -> String {
    format!("{}: an update must move the version by one", cut(table, 88))
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn the_message_is_one_that_mysql_takes() {
        assert_eq!(message(&"x".repeat(200)).len(), 128);
    }
}
