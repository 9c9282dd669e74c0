//! A trigger that moves versions, for writers unaware of them.

use diesel::backend::Backend;
use diesel::query_builder::QueryFragment;
use diesel::query_source::Table;

use crate::dialect::Dialect;
use crate::loadable::Persisted;
use crate::model::{PlainOwner, Versioned};
use crate::trigger::{Rule, Trigger, TriggerTable};
use crate::version::SequentialVersion;

/// Returns the SQL of a trigger that moves the version in every UPDATE that does not move it
/// forward itself. `DB` is the backend of PostgreSQL, SQLite or MySQL. Returns `None` for the
/// backend of a `MultiConnection`.
///
/// Use this when an older application or a script that is unaware of versions updates the
/// model's table. If its UPDATE leaves the version unchanged or sets it back, the trigger sets the
/// version to the old one plus one. Models that were loaded before the UPDATE are then stale.
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// use diesel::connection::SimpleConnection;
/// use diesel::sqlite::Sqlite;
///
/// #[derive(Debug, Queryable, Selectable, Identifiable, AsChangeset, Versioned)]
/// #[diesel(table_name = tickets)]
/// #[versioned(owner)]
/// struct Ticket { id: i64, price: i64, version: i64 }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let conn = &mut SqliteConnection::establish(":memory:")?;
/// # conn.batch_execute(
/// #     "CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT, version BIGINT NOT NULL)",
/// # )?;
/// let trigger = versioned_core::version_trigger::<Ticket, Sqlite>().unwrap();
/// assert_eq!(
///     trigger.up,
///     ["CREATE TRIGGER `versioned_version_tickets` AFTER UPDATE ON `tickets` FOR EACH ROW \
///       WHEN NEW.`version` <= OLD.`version` \
///       BEGIN UPDATE `tickets` SET `version` = OLD.`version` + 1 WHERE `id` = NEW.`id`; END"]
/// );
/// for statement in &trigger.up {
///     conn.batch_execute(statement)?;
/// }
/// let mut ticket = Ticket { id: 7, price: 20, version: 0 };
/// ticket.insert(conn)?;
/// let stale = Ticket::find(&7, conn)?;
/// ticket.save(conn)?; // moves the version to 2, as without the trigger
///
/// let saved: Ticket = stale.save_changes(conn)?; // UPDATE tickets SET price = 20, version = 1 ..
/// assert_eq!(saved.version, 3);
/// let error = ticket.save(conn).unwrap_err();
/// assert_eq!(error.to_string(), "tickets 7 is stale: expected version 2, found 3");
/// # Ok(())
/// # }
/// ```
///
/// The trigger leaves an UPDATE alone that moves the version forward. This includes every write of
/// this crate, [`bump`](crate::prelude::OwnerDsl::bump), and a restore that renumbers the versions.
/// It leaves every INSERT alone too. Give the column a default (`version BIGINT NOT NULL DEFAULT
/// 1`) if the other writers insert rows. `REPLACE` deletes and inserts, so its row gets the
/// default.
///
/// The trigger does not guard the other writers. Their UPDATE overwrites whatever changed since
/// they read the row. [`guard_trigger`](crate::guard_trigger) rejects such an UPDATE. Install one
/// of the two triggers, not both.
///
/// The trigger emits no event, so a replica would wait for a version that never comes. An owner
/// with `#[versioned(outbox)]` is therefore rejected at compile time. Do not use the trigger if
/// replicas are fed from the owner's changes in another way.
///
/// If the model has `#[versioned(excluded)]` columns, the trigger ignores an UPDATE of these
/// columns alone. On PostgreSQL and SQLite the columns that the UPDATE names decide, on MySQL their
/// values. Columns that an embedded struct excludes are not ignored, and a save of them alone makes
/// the model in memory stale.
///
/// PostgreSQL and MySQL reject the UPDATE if the version is at the maximum of the column's type.
/// SQLite does not.
///
/// # SQLite
///
/// SQLite cannot change a row before it is written, so the trigger updates the row once more:
///
/// - `UPDATE .. RETURNING` returns the version from before the trigger.
/// - Other AFTER UPDATE triggers fire again for the trigger's update.
/// - Another trigger that updates the row that fired it, to set an `updated_at` for example, moves
///   the version again. This happens after writes of this crate too, and the model in memory is
///   then stale. Exclude the columns that such a trigger writes.
///
/// # MySQL and MariaDB
///
/// Foreign keys with `ON UPDATE CASCADE` or `ON DELETE SET NULL` change rows without firing
/// triggers. The versions of these rows do not move.
///
/// # Names
///
/// The trigger is in the schema of the table, and so is the function of PostgreSQL. Their name is
/// `versioned_version_` and the table's name. A name of more than 63 bytes is cut and ends in a
/// hash.
#[must_use]
pub fn version_trigger<M, DB>() -> Option<Trigger>
where
    DB: Backend,
    M: PlainOwner + Persisted<DB> + Versioned<Version: SequentialVersion>,
    <M::Table as Table>::AllColumns: QueryFragment<DB>,
    <M::Table as Table>::PrimaryKey: QueryFragment<DB>,
{
    let table = TriggerTable::of::<M, DB>()?;
    let version = &table.version;
    let action = match table.dialect {
        Dialect::Postgres => format!("NEW.{version} := OLD.{version} + 1"),
        Dialect::Mysql => format!("SET NEW.{version} = OLD.{version} + 1"),
        Dialect::Sqlite => {
            let key = table.key::<M, DB>()?;
            let same: Vec<String> = key
                .iter()
                .map(|column| format!("{column} = NEW.{column}"))
                .collect();
            format!(
                "UPDATE {} SET {version} = OLD.{version} + 1 WHERE {}",
                table.name(),
                same.join(" AND ")
            )
        }
    };
    Some(table.trigger(&Rule {
        prefix: "versioned_version_",
        on_sqlite: "AFTER",
        // Only forwards, and not by one: so the second update of SQLite does not fire the trigger
        // again where triggers are recursive.
        condition: format!("NEW.{version} <= OLD.{version}"),
        action,
    }))
}
