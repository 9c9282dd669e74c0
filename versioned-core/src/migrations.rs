//! The toolkit's own tables.

use std::fmt;

use diesel::backend::Backend;
use diesel::connection::BoxableConnection;
use diesel::migration::{
    Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion, Result,
};

use crate::dialect::{Dialect, Flavor};

/// The tables that dependents need, for `diesel_migrations`: `conn.run_pending_migrations(MIGRATIONS)`, on each backend
/// and under `MultiConnection`. An owner needs none of them.
///
/// ```sql
/// versioned_positions (entity, key, version, deleted_at)    -- the version that was applied last to each record
/// versioned_parked (entity, key, version, event)            -- events that came too early, with `gap = "park"`
/// ```
///
/// Their versions sort before those of migrations with a date, so that reverting the last migration never meets them.
pub const MIGRATIONS: Migrations = Migrations(());

/// The type of [`MIGRATIONS`].
#[derive(Debug, Clone, Copy)]
pub struct Migrations(());

impl<DB> MigrationSource<DB> for Migrations
where
    DB: Backend,
    DB::MetadataLookup: Flavor<DB>,
{
    fn migrations(&self) -> Result<Vec<Box<dyn Migration<DB>>>> {
        Ok(vec![Box::new(Positions)])
    }
}

/// The tables of positions and parked events.
struct Positions;

impl<DB> Migration<DB> for Positions
where
    DB: Backend,
    DB::MetadataLookup: Flavor<DB>,
{
    fn run(&self, conn: &mut dyn BoxableConnection<DB>) -> Result<()> {
        let (text, key, event, table) = match dialect(conn) {
            // Keys are compared byte by byte, whatever the database's collation is.
            Dialect::Postgres => ("TEXT COLLATE \"C\"", "\"key\"", "TEXT", ""),
            Dialect::Sqlite => ("TEXT", "\"key\"", "TEXT", " WITHOUT ROWID"),
            Dialect::Mysql => (
                "VARBINARY(255)",
                "`key`",
                "LONGTEXT CHARACTER SET utf8mb4",
                " ENGINE = InnoDB",
            ),
        };
        conn.batch_execute(&format!(
            "CREATE TABLE versioned_positions (
                entity {text} NOT NULL,
                {key} {text} NOT NULL,
                version BIGINT NOT NULL,
                deleted_at BIGINT,
                PRIMARY KEY (entity, {key})
            ){table};
            CREATE TABLE versioned_parked (
                entity {text} NOT NULL,
                {key} {text} NOT NULL,
                version BIGINT NOT NULL,
                event {event} NOT NULL,
                PRIMARY KEY (entity, {key}, version)
            ){table};"
        ))?;
        Ok(())
    }

    fn revert(&self, conn: &mut dyn BoxableConnection<DB>) -> Result<()> {
        conn.batch_execute("DROP TABLE versioned_parked; DROP TABLE versioned_positions;")?;
        Ok(())
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self
    }

    fn name(&self) -> &dyn MigrationName {
        self
    }
}

impl MigrationMetadata for Positions {}

impl MigrationName for Positions {
    fn version(&self) -> MigrationVersion<'_> {
        MigrationVersion::from("00000000000000_versioned_1")
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00000000000000_versioned_1_positions")
    }
}

/// The dialect of the connection. A migration has a connection without a type, which can run SQL and not more; so under
/// `MultiConnection` the databases are told apart by what they understand. The first question is PostgreSQL's, because
/// there a failed statement would end the transaction that the migration runs in.
fn dialect<DB>(conn: &mut dyn BoxableConnection<DB>) -> Dialect
where
    DB: Backend,
    DB::MetadataLookup: Flavor<DB>,
{
    if let Some(dialect) = <DB::MetadataLookup as Flavor<DB>>::KNOWN {
        dialect
    } else if conn.batch_execute("SELECT 1::int").is_ok() {
        Dialect::Postgres
    } else if conn.batch_execute("SELECT sqlite_version()").is_ok() {
        Dialect::Sqlite
    } else {
        Dialect::Mysql
    }
}
