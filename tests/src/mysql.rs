//! MySQL and MariaDB: databases of a server that is started on demand, or that `VERSIONED_TEST_MYSQL_URL` names.
//! `VERSIONED_TEST_MYSQLD` names the program to start, where it is not the one that is installed.

use std::sync::OnceLock;
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection, MysqlConnection, QueryableByName, RunQueryDsl as _};

use crate::server::{self, Kind, Server};

/// The methods of the models on these connections.
pub use versioned_core::prelude;

/// A connection.
pub type Conn = MysqlConnection;
/// Diesel's name for the backend.
pub type Backend = diesel::mysql::Mysql;
/// The name of the backend.
pub const NAME: &str = "mysql";

/// MariaDB's REPEATABLE READ with `innodb_snapshot_isolation`, as it is by default from 11.6.2 on; on MySQL, REPEATABLE READ.
pub const SNAPSHOT: &str = "SNAPSHOT";

/// The isolation levels of transactions.
pub const LEVELS: &[&str] = &[
    "READ COMMITTED",
    "REPEATABLE READ",
    SNAPSHOT,
    "SERIALIZABLE",
];

/// All transactions of the connection are at this level from now on.
///
/// # Panics
///
/// When it fails.
pub fn isolate<C: SimpleConnection>(conn: &mut C, level: &str) {
    let (standard, snapshot) = match level {
        SNAPSHOT => ("REPEATABLE READ", "ON"),
        _ => (level, "OFF"),
    };
    // What only MariaDB knows is in a comment that only MariaDB reads.
    conn.batch_execute(&format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL {standard};
         SET @nothing = NULL /*M! , SESSION innodb_snapshot_isolation = {snapshot} */"
    ))
    .unwrap_or_else(|error| panic!("{NAME}: no {level}: {error}"));
}

const KIND: Kind = Kind {
    description: include_str!("../servers/mariadb.sh"),
    // Not by the socket: the drivers of the sync and of the async front disagree on how a URL names one.
    url: |port| format!("mysql://root@127.0.0.1:{port}/mysql"),
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
        admin()
            .and_then(|mut conn| {
                Ok(conn.batch_execute(&format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"))?)
            })
            .unwrap_or_else(|error| panic!("{NAME}: no new database: {error}"));
        let db = Self {
            url: server().url(&name),
            name,
        };
        // An empty batch is an error here.
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

    /// What other connections to this database, pools for example, are opened with.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn remove(&self) -> Result<(), Box<dyn std::error::Error>> {
        #[derive(QueryableByName)]
        struct Session {
            #[diesel(sql_type = BigInt)]
            id: i64,
        }
        let mut conn = admin()?;
        // The list has what each session runs as well, in a character set that has not all of it: MySQL's strict mode makes
        // that an error.
        conn.batch_execute("SET SESSION sql_mode = ''")?;
        // An open transaction would hold up DROP DATABASE, for a day by default.
        let sessions: Vec<Session> = diesel::sql_query(
            "SELECT CAST(id AS SIGNED) AS id FROM information_schema.processlist WHERE db = ?",
        )
        .bind::<Text, _>(&self.name)
        .load(&mut conn)?;
        for Session { id } in sessions {
            // It may have gone by itself by now.
            conn.batch_execute(&format!("KILL {id}")).ok();
        }
        Ok(conn.batch_execute(&format!("DROP DATABASE IF EXISTS {}", self.name))?)
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        let result = self.remove();
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

fn server() -> &'static Server {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    Server::get(&SERVER, &KIND)
}

fn admin() -> Result<Conn, Box<dyn std::error::Error>> {
    Ok(Conn::establish(server().admin_url())?)
}
