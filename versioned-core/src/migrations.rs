//! The tables of this crate.

use std::fmt;

use diesel::backend::Backend;
use diesel::connection::BoxableConnection;
use diesel::migration::{
    Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion, Result,
};

use crate::dialect::{Dialect, SqlFor};

/// The maximum length in bytes of a key's text in the tables of this crate, on every database. An
/// index entry has at most 3,072 bytes on MySQL and 2,704 on PostgreSQL.
pub(crate) const LONGEST_KEY: usize = 2_400;

/// The migrations of the tables that dependents need, and owners with an outbox or tombstones.
/// Other owners need no table. Run them with `diesel_migrations`:
/// `conn.run_pending_migrations(MIGRATIONS)`. This works on each backend and under
/// `MultiConnection`.
///
/// ```sql
/// -- The last applied version of each record:
/// versioned_positions (replica, entity, key, version, deleted_at)
/// -- Early events, with `gap = "park"`:
/// versioned_parked (replica, entity, key, version, event, at, error)
/// -- Messages that a consumer could not apply:
/// versioned_dead_letters (id, replica, entity, key, version, source, subject, message_key, headers, body, reason, attempts, first_at, last_at)
/// -- Events to publish:
/// versioned_outbox (id, entity, key, version, op, payload, at, attempts, due, error)
/// -- The process that exports the figures of the database:
/// versioned_leases (name, holder, until)
/// ```
///
/// [`with_requests`](Migrations::with_requests) adds the tables of [requests](crate::requests).
///
/// On PostgreSQL, the trigger `versioned_outbox_wake` notifies the
/// [listeners](crate::outbox::Listener) of relays of new events.
///
/// ```
/// # use diesel::prelude::*;
/// use diesel_migrations::MigrationHarness;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let conn = &mut SqliteConnection::establish(":memory:")?;
/// conn.run_pending_migrations(versioned_core::MIGRATIONS)?;
/// # Ok(())
/// # }
/// ```
///
/// Their versions sort before those of migrations with a date, so reverting the last migration
/// never reverts them.
pub const MIGRATIONS: Migrations = Migrations { requests: false };

/// The type of [`MIGRATIONS`].
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    requests: bool,
}

impl Migrations {
    /// Adds the tables of [requests](crate::requests), for databases of replicas and of owners. A
    /// database without requests needs neither table.
    ///
    /// ```sql
    /// -- Requests, and how far each is:
    /// versioned_requests (id, kind, replica, entity, state, terms, progress, note, due, created_at, last_at)
    /// -- The letters or records of each, and their results:
    /// versioned_request_items (request, item, key, version, outcome, error, at)
    /// ```
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// use diesel_migrations::MigrationHarness;
    /// use versioned_core::MIGRATIONS;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let conn = &mut SqliteConnection::establish(":memory:")?;
    /// conn.run_pending_migrations(MIGRATIONS)?;
    /// let added = conn.run_pending_migrations(MIGRATIONS.with_requests())?; // now, or later
    /// assert_eq!(added.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn with_requests(self) -> Self {
        Self { requests: true }
    }
}

impl<DB> MigrationSource<DB> for Migrations
where
    DB: Backend,
    DB::MetadataLookup: SqlFor<DB>,
{
    fn migrations(&self) -> Result<Vec<Box<dyn Migration<DB>>>> {
        let mut steps: Vec<Box<dyn Migration<DB>>> = vec![
            Box::new(Of(Positions)),
            Box::new(Of(Outbox)),
            Box::new(Of(Leases)),
        ];
        if self.requests {
            steps.push(Box::new(Of(Requests)));
        }
        Ok(steps)
    }
}

/// The tables of positions and parked events.
struct Positions;

impl Step for Positions {
    const VERSION: &'static str = "00000000000000_versioned_1";
    const NAME: &'static str = "00000000000000_versioned_1_positions";
    const DOWN: &'static str = "DROP TABLE versioned_dead_letters; DROP TABLE versioned_parked; \
        DROP TABLE versioned_positions;";

    fn up(types: &Types) -> String {
        let Types {
            text,
            key_text,
            key,
            long_text,
            counted,
            table,
            keyed_table,
            ..
        } = types;
        format!(
            "CREATE TABLE versioned_positions (
                replica {text} DEFAULT '' NOT NULL,
                entity {text} NOT NULL,
                {key} {key_text} NOT NULL,
                version BIGINT NOT NULL,
                deleted_at BIGINT,
                PRIMARY KEY (replica, entity, {key})
            ){table}{keyed_table};
            CREATE TABLE versioned_parked (
                replica {text} DEFAULT '' NOT NULL,
                entity {text} NOT NULL,
                {key} {key_text} NOT NULL,
                version BIGINT NOT NULL,
                event {long_text} NOT NULL,
                at BIGINT NOT NULL,
                error {long_text},
                PRIMARY KEY (replica, entity, {key}, version)
            ){table}{keyed_table};
            CREATE INDEX versioned_parked_times ON versioned_parked (replica, entity, at);
            CREATE TABLE versioned_dead_letters (
                id {counted},
                replica {text} NOT NULL,
                entity {text} NOT NULL,
                {key} {key_text} NOT NULL,
                version BIGINT NOT NULL,
                source {text} NOT NULL,
                subject {long_text} NOT NULL,
                message_key {long_text} NOT NULL,
                headers {long_text} NOT NULL,
                body {long_text} NOT NULL,
                reason {long_text} NOT NULL,
                attempts BIGINT NOT NULL,
                first_at BIGINT NOT NULL,
                last_at BIGINT NOT NULL
            ){table};
            CREATE UNIQUE INDEX versioned_dead_letters_sources
                ON versioned_dead_letters (replica, entity, source);
            CREATE INDEX versioned_dead_letters_ids ON versioned_dead_letters (replica, entity, id);
            CREATE INDEX versioned_dead_letters_records
                ON versioned_dead_letters (replica, entity, {key}, version);"
        )
    }
}

/// The table of pending events.
///
/// A relay reads the table in the order of `attempts, id`, so that a rejected event does not block
/// others. `due` is the time of its next attempt. An ordered relay looks for the oldest event of
/// each record. PostgreSQL does that in one pass over the pending events, and an index would cost
/// each write more than it saves.
struct Outbox;

impl Step for Outbox {
    const VERSION: &'static str = "00000000000000_versioned_2";
    const NAME: &'static str = "00000000000000_versioned_2_outbox";
    const DOWN: &'static str = "DROP TABLE versioned_outbox;";

    fn up(types: &Types) -> String {
        let Types {
            text,
            key_text,
            key,
            long_text,
            counted,
            table,
            by_record,
            ..
        } = types;
        let by_record = if *by_record {
            format!(
                "CREATE INDEX versioned_outbox_records ON versioned_outbox (entity, {key}, version);"
            )
        } else {
            String::new()
        };
        format!(
            "CREATE TABLE versioned_outbox (
                id {counted},
                entity {text} NOT NULL,
                {key} {key_text} NOT NULL,
                version BIGINT NOT NULL,
                op VARCHAR(16) NOT NULL,
                payload {long_text} NOT NULL,
                at BIGINT NOT NULL,
                attempts INTEGER NOT NULL DEFAULT 0,
                due BIGINT NOT NULL DEFAULT 0,
                error {long_text}
            ){table};
            CREATE INDEX versioned_outbox_attempts ON versioned_outbox (attempts, id);
            {by_record}"
        )
    }
}

/// The table of what one process does for all. Each lease is a row that is always there, so that
/// one UPDATE takes it.
struct Leases;

impl Step for Leases {
    const VERSION: &'static str = "00000000000000_versioned_3";
    const NAME: &'static str = "00000000000000_versioned_3_leases";
    const DOWN: &'static str = "DROP TABLE versioned_leases;";

    fn up(types: &Types) -> String {
        let Types { text, table, .. } = types;
        format!(
            "CREATE TABLE versioned_leases (
                name {text} NOT NULL PRIMARY KEY,
                holder {text} NOT NULL,
                until BIGINT NOT NULL
            ){table};
            INSERT INTO versioned_leases (name, holder, until) VALUES ('status', '', 0);"
        )
    }
}

/// The tables of requests. Replicas and owners share them: the kind of a request tells them apart.
struct Requests;

impl Step for Requests {
    const VERSION: &'static str = "00000000000000_versioned_4";
    const NAME: &'static str = "00000000000000_versioned_4_requests";
    const DOWN: &'static str = "DROP TABLE versioned_request_items; DROP TABLE versioned_requests;";

    fn up(types: &Types) -> String {
        let Types {
            text,
            key_text,
            key,
            long_text,
            counted,
            table,
            keyed_table,
            ..
        } = types;
        format!(
            "CREATE TABLE versioned_requests (
                id {counted},
                kind {text} NOT NULL,
                replica {text} NOT NULL,
                entity {text} NOT NULL,
                state {text} NOT NULL,
                terms {long_text} NOT NULL,
                progress {long_text} NOT NULL,
                note {long_text} NOT NULL,
                due BIGINT NOT NULL,
                created_at BIGINT NOT NULL,
                last_at BIGINT NOT NULL
            ){table};
            CREATE INDEX versioned_requests_open ON versioned_requests (state, kind, id);
            CREATE TABLE versioned_request_items (
                request BIGINT NOT NULL,
                item BIGINT NOT NULL,
                {key} {key_text} NOT NULL,
                version BIGINT NOT NULL,
                outcome {text} NOT NULL,
                error {long_text} NOT NULL,
                at BIGINT NOT NULL,
                PRIMARY KEY (request, item)
            ){table}{keyed_table};
            CREATE INDEX versioned_request_items_records
                ON versioned_request_items (request, {key}, version);"
        )
    }
}

/// The SQL types and options of the tables, for one backend.
struct Types {
    /// A text type that compares byte by byte, whatever the database's collation is.
    text: &'static str,
    /// Holds at least [`LONGEST_KEY`] bytes.
    key_text: &'static str,
    key: &'static str,
    long_text: &'static str,
    /// A primary key that counts up.
    counted: &'static str,
    table: &'static str,
    /// Options of a table that consists of its primary key's index only.
    keyed_table: &'static str,
    /// Whether an index finds the oldest event of each record.
    by_record: bool,
}

impl Types {
    fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Postgres => Self {
                text: "TEXT COLLATE \"C\"",
                key_text: "TEXT COLLATE \"C\"",
                key: "\"key\"",
                long_text: "TEXT",
                counted: "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
                table: "",
                keyed_table: "",
                by_record: false,
            },
            Dialect::Sqlite => Self {
                text: "TEXT",
                key_text: "TEXT",
                key: "\"key\"",
                long_text: "TEXT",
                counted: "INTEGER PRIMARY KEY AUTOINCREMENT",
                table: "",
                keyed_table: " WITHOUT ROWID",
                by_record: true,
            },
            Dialect::Mysql => Self {
                text: "VARBINARY(255)",
                // The room in an index entry of InnoDB beside the replica, the entity and the
                // version.
                key_text: "VARBINARY(2500)",
                key: "`key`",
                long_text: "LONGTEXT CHARACTER SET utf8mb4",
                counted: "BIGINT AUTO_INCREMENT PRIMARY KEY",
                table: " ENGINE = InnoDB",
                keyed_table: "",
                by_record: true,
            },
        }
    }
}

/// One migration of this crate.
trait Step: 'static {
    const VERSION: &'static str;
    const NAME: &'static str;
    const DOWN: &'static str;

    fn up(types: &Types) -> String;
}

/// The migration `S`, as Diesel sees it.
struct Of<S>(S);

impl<S: Step, DB> Migration<DB> for Of<S>
where
    DB: Backend,
    DB::MetadataLookup: SqlFor<DB>,
{
    fn run(&self, conn: &mut dyn BoxableConnection<DB>) -> Result<()> {
        let types = Types::of(dialect(conn));
        conn.batch_execute(&S::up(&types))?;
        Ok(())
    }

    fn revert(&self, conn: &mut dyn BoxableConnection<DB>) -> Result<()> {
        conn.batch_execute(S::DOWN)?;
        Ok(())
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self
    }

    fn name(&self) -> &dyn MigrationName {
        self
    }
}

impl<S: Step> MigrationMetadata for Of<S> {}

impl<S: Step> MigrationName for Of<S> {
    fn version(&self) -> MigrationVersion<'_> {
        MigrationVersion::from(S::VERSION)
    }
}

impl<S: Step> fmt::Display for Of<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(S::NAME)
    }
}

/// The dialect of the connection. A migration gets an untyped connection that can only run SQL.
/// Under `MultiConnection`, the function therefore distinguishes the databases by the SQL that they
/// accept. It tries PostgreSQL's first, because on PostgreSQL a failed statement would abort the
/// transaction of the migration.
fn dialect<DB>(conn: &mut dyn BoxableConnection<DB>) -> Dialect
where
    DB: Backend,
    DB::MetadataLookup: SqlFor<DB>,
{
    if let Some(dialect) = <DB::MetadataLookup as SqlFor<DB>>::KNOWN {
        dialect
    } else if conn.batch_execute("SELECT 1::int").is_ok() {
        Dialect::Postgres
    } else if conn.batch_execute("SELECT sqlite_version()").is_ok() {
        Dialect::Sqlite
    } else {
        Dialect::Mysql
    }
}
