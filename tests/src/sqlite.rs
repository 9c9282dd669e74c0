//! SQLite: a file in a directory of its own.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection, SqliteConnection};
use tempfile::TempDir;

/// The methods of the models on these connections.
pub use versioned_core::prelude;

/// A connection.
pub type Conn = SqliteConnection;
/// Diesel's name for the backend.
pub type Backend = diesel::sqlite::Sqlite;
/// The name of the backend.
pub const NAME: &str = "sqlite";

/// A database of one test, removed when dropped.
#[derive(Debug)]
pub struct Db {
    url: String,
    // Removes the file, its log and its index.
    _dir: TempDir,
}

impl Db {
    /// A new database, in which these statements have run.
    ///
    /// # Panics
    ///
    /// When the file cannot be created, or a statement fails.
    pub fn fresh(ddl: &str) -> Self {
        let dir = TempDir::with_prefix("versioned-tests-").expect("a temporary directory");
        let url = dir
            .path()
            .join("db.sqlite")
            .to_str()
            .expect("a temporary directory in UTF-8")
            .to_owned();
        let db = Self { url, _dir: dir };
        let mut conn = db.connect();
        // The file remembers it; readers then see the last commit while a writer is busy, as on the other backends.
        conn.batch_execute("PRAGMA journal_mode = WAL")
            .expect("WAL");
        conn.batch_execute(ddl)
            .unwrap_or_else(|error| panic!("{NAME}: the DDL failed: {error}"));
        db
    }

    /// One more connection.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn connect(&self) -> Conn {
        self.connect_as()
    }

    /// One more connection, of another type.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn connect_as<C: Connection<Backend = Backend>>(&self) -> C {
        let mut conn = C::establish(&self.url)
            .unwrap_or_else(|error| panic!("{NAME}: no connection: {error}"));
        // The other backends wait for locks and enforce foreign keys, and these tests need not survive a power cut.
        conn.batch_execute(
            "PRAGMA busy_timeout = 60000; PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF",
        )
        .unwrap_or_else(|error| panic!("{NAME}: a connection could not be set up: {error}"));
        conn
    }

    /// What other connections to this database, pools for example, are opened with.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// The isolation levels of transactions: there is one.
pub const LEVELS: &[&str] = &["SERIALIZABLE"];

/// Nothing to do: for code that is written once for all backends.
pub fn isolate<C>(_conn: &mut C, _level: &str) {}

/// There is none: for code that is written once for all backends.
pub fn server_pid() -> Option<u32> {
    None
}
