//! Connections to the databases, and their sessions: short transactions with limits of time, which a
//! pooler in transaction mode can serve. Nothing is prepared by name, and no setting outlives its
//! transaction.

use std::time::Duration;

use diesel::connection::{
    AnsiTransactionManager, Connection, LoadConnection, SimpleConnection as _,
    TransactionManager as _,
};
use diesel::deserialize::QueryableByName;
use diesel::result::{ConnectionError, QueryResult};
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::{RunQueryDsl as _, sql_query};
use versioned_core::outbox::SupportedBackend;

use crate::target::Target;

/// Whether transactions only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
}

/// What a server says about a session.
#[derive(Debug, Clone, Default, QueryableByName)]
pub(crate) struct Facts {
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) database: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) schema: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) role: Option<String>,
    /// Whether the server refuses to write, for example because it is a standby.
    #[diesel(sql_type = Bool)]
    pub(crate) refuses: bool,
    #[diesel(sql_type = Text)]
    pub(crate) server: String,
}

/// A connection of one of the databases.
pub(crate) trait Session:
    LoadConnection<TransactionManager = AnsiTransactionManager, Backend: SupportedBackend>
{
    /// Opens a connection. It never creates a database.
    fn open(target: &Target, mode: Mode, limit: Duration) -> Result<Self, ConnectionError>;

    fn facts(&mut self) -> QueryResult<Facts>;

    /// Begins a transaction. None of its statements takes longer than the limit.
    fn begin(&mut self, mode: Mode, limit: Duration) -> QueryResult<()>;
}

/// Runs `f` in a transaction.
pub(crate) fn run<C, T, E>(
    conn: &mut C,
    mode: Mode,
    limit: Duration,
    f: impl FnOnce(&mut C) -> Result<T, E>,
) -> Result<T, E>
where
    C: Session,
    E: From<diesel::result::Error>,
{
    conn.begin(mode, limit)?;
    match f(conn) {
        Ok(value) => {
            AnsiTransactionManager::commit_transaction(conn)?;
            Ok(value)
        }
        Err(error) => {
            // The first error is the one to report.
            drop(AnsiTransactionManager::rollback_transaction(conn));
            Err(error)
        }
    }
}

fn begin_with<C: Session>(conn: &mut C, begin: &str) -> QueryResult<()> {
    AnsiTransactionManager::begin_transaction_sql(conn, begin)
}

#[cfg(feature = "cli-postgres")]
impl Session for diesel::PgConnection {
    fn open(target: &Target, _: Mode, limit: Duration) -> Result<Self, ConnectionError> {
        let mut url = target.url.clone();
        if !url.contains("connect_timeout=") {
            let separator = if url.contains('?') { '&' } else { '?' };
            // libpq takes 1 for 2.
            let seconds = limit.as_secs().max(2);
            url = format!("{url}{separator}connect_timeout={seconds}");
        }
        let mut conn = Self::establish(&url)?;
        conn.set_prepared_statement_cache_size(diesel::connection::CacheSize::Disabled);
        Ok(conn)
    }

    fn facts(&mut self) -> QueryResult<Facts> {
        sql_query(
            "SELECT current_database()::text AS database, current_schema()::text AS schema, \
                current_user::text AS role, \
                pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS refuses, \
                'PostgreSQL ' || current_setting('server_version') AS server",
        )
        .get_result(self)
    }

    fn begin(&mut self, mode: Mode, limit: Duration) -> QueryResult<()> {
        begin_with(
            self,
            match mode {
                Mode::Read => "BEGIN READ ONLY",
                // Not READ WRITE, which would override a default of the role.
                Mode::Write => "BEGIN",
            },
        )?;
        let limit = limit.as_millis();
        self.batch_execute(&format!(
            "SET LOCAL application_name = 'versioned-cli/{}'; \
             SET LOCAL statement_timeout = {limit}; SET LOCAL lock_timeout = {limit}",
            env!("CARGO_PKG_VERSION"),
        ))
    }
}

#[cfg(feature = "cli-mysql")]
impl Session for diesel::MysqlConnection {
    fn open(target: &Target, _: Mode, limit: Duration) -> Result<Self, ConnectionError> {
        let mut conn = Self::establish(&target.url)?;
        conn.set_prepared_statement_cache_size(diesel::connection::CacheSize::Disabled);
        // One comment is for MariaDB, which has seconds, and one for MySQL, which has milliseconds.
        let limits = format!(
            "SET SESSION innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds} \
                /*M!100101 , max_statement_time = {exact} */ \
                /*!50708 , max_execution_time = {milliseconds} */",
            seconds = limit.as_secs().max(1),
            exact = limit.as_secs_f64(),
            milliseconds = limit.as_millis(),
        );
        conn.batch_execute(&limits)
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(conn)
    }

    fn facts(&mut self) -> QueryResult<Facts> {
        sql_query(
            "SELECT DATABASE() AS `database`, NULL AS `schema`, CURRENT_USER() AS `role`, \
                @@global.read_only = 1 AS refuses, VERSION() AS server",
        )
        .get_result(self)
    }

    fn begin(&mut self, mode: Mode, _: Duration) -> QueryResult<()> {
        match mode {
            Mode::Read => begin_with(self, "START TRANSACTION READ ONLY"),
            Mode::Write => {
                // At REPEATABLE READ, InnoDB would lock gaps where others insert.
                self.batch_execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")?;
                begin_with(self, "START TRANSACTION")
            }
        }
    }
}

#[cfg(feature = "cli-sqlite")]
impl Session for diesel::SqliteConnection {
    fn open(target: &Target, mode: Mode, limit: Duration) -> Result<Self, ConnectionError> {
        let path = target.url.replace('%', "%25");
        let mode = match mode {
            Mode::Read => "ro",
            Mode::Write => "rw",
        };
        let mut conn = Self::establish(&format!("file:{path}?mode={mode}"))?;
        let limit = format!("PRAGMA busy_timeout = {}", limit.as_millis());
        conn.batch_execute(&limit)
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(conn)
    }

    fn facts(&mut self) -> QueryResult<Facts> {
        // It also finds out whether the file is a database.
        sql_query(
            "SELECT NULL AS \"database\", NULL AS \"schema\", NULL AS \"role\", 0 AS refuses, \
                'SQLite ' || sqlite_version() AS server \
                FROM (SELECT count(*) FROM sqlite_master) AS s",
        )
        .get_result(self)
    }

    fn begin(&mut self, mode: Mode, _: Duration) -> QueryResult<()> {
        begin_with(
            self,
            match mode {
                Mode::Read => "BEGIN",
                Mode::Write => "BEGIN IMMEDIATE",
            },
        )
    }
}
