//! PostgreSQL: databases of a server that is started on demand, or that `VERSIONED_TEST_POSTGRES_URL` names.

use std::sync::OnceLock;
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

use crate::server::{self, Kind, Server};

/// The methods of the models on these connections.
pub use versioned_core::prelude;

/// A connection.
pub type Conn = PgConnection;
/// Diesel's name for the backend.
pub type Backend = diesel::pg::Pg;
/// The name of the backend.
pub const NAME: &str = "postgres";

/// The isolation levels of transactions.
pub const LEVELS: &[&str] = &["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];

/// All transactions of the connection are at this level from now on.
///
/// # Panics
///
/// When it fails.
pub fn isolate<C: SimpleConnection>(conn: &mut C, level: &str) {
    conn.batch_execute(&format!(
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}"
    ))
    .unwrap_or_else(|error| panic!("{NAME}: no {level}: {error}"));
}

const KIND: Kind = Kind {
    description: include_str!("../servers/postgresql.sh"),
    url: |port| format!("postgres://postgres@127.0.0.1:{port}/postgres"),
    probe: |url| {
        Conn::establish(url)
            .map(drop)
            .map_err(|error| error.to_string())
    },
};

/// A database of one test, dropped with the value, even if clients are connected.
#[derive(Debug)]
pub struct Db {
    name: String,
    url: String,
}

impl Db {
    /// A new database, in which these statements have run. The first one of a test process starts the server.
    ///
    /// # Panics
    ///
    /// When there is no server to start, it does not answer, or a statement fails.
    pub fn fresh(ddl: &str) -> Self {
        let name = server::unique_name();
        admin(&format!("CREATE DATABASE {name} TEMPLATE template0"))
            .unwrap_or_else(|error| panic!("{NAME}: no new database: {error}"));
        let db = Self {
            url: server().url(&name),
            name,
        };
        // To Diesel an empty batch is an error here.
        if !ddl.trim().is_empty() {
            db.connect()
                .batch_execute(ddl)
                .unwrap_or_else(|error| panic!("{NAME}: the DDL failed: {error}"));
        }
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
        C::establish(&self.url)
            .unwrap_or_else(|error| panic!("{NAME}: no connection to {}: {error}", self.name))
    }

    /// Its name on the server.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What other connections to this database, pools for example, are opened with.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        let result = admin(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ));
        // A second panic would abort the process, and hide what the test had to say.
        if !thread::panicking() {
            result.unwrap_or_else(|error| {
                panic!("{NAME}: {} could not be dropped: {error}", self.name)
            });
        }
    }
}

/// The main process of the server, which is started if need be; none if the environment names a running one.
///
/// # Panics
///
/// When the server cannot be started.
pub fn server_pid() -> Option<u32> {
    server().pid()
}

/// The URL of the database for creating and dropping others.
pub(crate) fn admin_url() -> &'static str {
    server().admin_url()
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    Server::get(&SERVER, &KIND)
}

fn admin(sql: &str) -> Result<(), String> {
    let mut conn = Conn::establish(server().admin_url()).map_err(|error| error.to_string())?;
    conn.batch_execute(sql).map_err(|error| error.to_string())
}
