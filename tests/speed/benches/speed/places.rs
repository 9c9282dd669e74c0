//! The databases that all subjects run on.

use std::rc::Rc;

use diesel::connection::{LoadConnection, SimpleConnection as _};
use diesel::{Connection as _, MysqlConnection, PgConnection, SqliteConnection};
use diesel_migrations::MigrationHarness as _;
use tokio::runtime::Runtime;
use versioned_core::MIGRATIONS;

use crate::asynchronous::Sqlx;
use crate::raw::{Libpq, MysqlCrate, Raw, Rusqlite};
use crate::tickets::Writer;

/// Writes are not durable: the disk is not the subject.
const NOT_DURABLE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF";
const MEMORY: &str = ":memory:";

/// A database of one subject.
pub(crate) trait Place {
    type Conn: LoadConnection + Send + 'static;
    type Raw: Raw + Send + 'static;

    const NAME: &'static str;

    /// A new one, in which these statements have run.
    fn fresh(ddl: &'static str) -> Self;

    fn connect(&self) -> Self::Conn;

    fn raw(&self) -> Self::Raw;

    /// Makes the toolkit's own tables.
    fn migrate(conn: &mut Self::Conn);

    /// sqlx, where it has its place among those who block: it runs SQLite in a thread.
    fn sqlx(&self, _runtime: &Rc<Runtime>) -> Option<Box<dyn Writer>> {
        None
    }
}

/// The backend of a place.
pub(crate) type On<P> = <<P as Place>::Conn as diesel::Connection>::Backend;

/// SQLite in memory: each connection has a database of its own.
pub(crate) struct Memory {
    ddl: &'static str,
}

impl Place for Memory {
    type Conn = SqliteConnection;
    type Raw = Rusqlite;

    const NAME: &'static str = "SQLite in memory";

    fn fresh(ddl: &'static str) -> Self {
        Self { ddl }
    }

    fn connect(&self) -> SqliteConnection {
        let mut conn = SqliteConnection::establish(MEMORY).unwrap();
        conn.batch_execute(self.ddl).unwrap();
        conn
    }

    fn raw(&self) -> Rusqlite {
        let mut raw = Rusqlite::open(MEMORY);
        raw.batch(self.ddl);
        raw
    }

    fn migrate(conn: &mut SqliteConnection) {
        conn.run_pending_migrations(MIGRATIONS).unwrap();
    }

    fn sqlx(&self, runtime: &Rc<Runtime>) -> Option<Box<dyn Writer>> {
        Some(Box::new(Sqlx::sqlite(runtime, MEMORY, self.ddl)))
    }
}

/// SQLite in a file, with a write-ahead log.
pub(crate) struct File(versioned_tests::sqlite::Db);

impl Place for File {
    type Conn = SqliteConnection;
    type Raw = Rusqlite;

    const NAME: &'static str = "SQLite, a file in WAL";

    fn fresh(ddl: &'static str) -> Self {
        Self(versioned_tests::sqlite::Db::fresh(ddl))
    }

    fn connect(&self) -> SqliteConnection {
        self.0.connect()
    }

    fn raw(&self) -> Rusqlite {
        let mut raw = Rusqlite::open(self.0.url());
        raw.batch(NOT_DURABLE);
        raw
    }

    fn migrate(conn: &mut SqliteConnection) {
        conn.run_pending_migrations(MIGRATIONS).unwrap();
    }

    fn sqlx(&self, runtime: &Rc<Runtime>) -> Option<Box<dyn Writer>> {
        Some(Box::new(Sqlx::sqlite(runtime, self.0.url(), "")))
    }
}

/// PostgreSQL.
pub(crate) struct Postgres(pub(crate) versioned_tests::postgres::Db);

impl Place for Postgres {
    type Conn = PgConnection;
    type Raw = Libpq;

    const NAME: &'static str = "PostgreSQL";

    fn fresh(ddl: &'static str) -> Self {
        Self(versioned_tests::postgres::Db::fresh(ddl))
    }

    fn connect(&self) -> PgConnection {
        self.0.connect()
    }

    fn raw(&self) -> Libpq {
        Libpq::open(self.0.url())
    }

    fn migrate(conn: &mut PgConnection) {
        conn.run_pending_migrations(MIGRATIONS).unwrap();
    }
}

/// MariaDB, or MySQL.
pub(crate) struct MariaDb(versioned_tests::mysql::Db);

impl Place for MariaDb {
    type Conn = MysqlConnection;
    type Raw = MysqlCrate;

    const NAME: &'static str = "MariaDB";

    fn fresh(ddl: &'static str) -> Self {
        Self(versioned_tests::mysql::Db::fresh(ddl))
    }

    fn connect(&self) -> MysqlConnection {
        self.0.connect()
    }

    fn raw(&self) -> MysqlCrate {
        MysqlCrate::open(self.0.url())
    }

    fn migrate(conn: &mut MysqlConnection) {
        conn.run_pending_migrations(MIGRATIONS).unwrap();
    }
}
