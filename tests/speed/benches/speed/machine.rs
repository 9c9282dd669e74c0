//! On what it was measured.

use std::fmt;

use diesel::prelude::*;
use diesel::sql_types::Text;
use versioned_speed::processor;

use crate::places::{MariaDb, Memory, Place, Postgres};

/// The processor, and the versions of the databases.
pub(crate) struct Machine {
    processor: String,
    databases: [String; 3],
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

impl Machine {
    /// This one.
    pub(crate) fn look() -> Self {
        Self {
            processor: processor(),
            databases: [
                version(
                    "SQLite",
                    "SELECT sqlite_version() AS version",
                    &mut Memory::fresh("").connect(),
                ),
                version(
                    "PostgreSQL",
                    "SELECT current_setting('server_version') AS version",
                    &mut Postgres::fresh("").connect(),
                ),
                version(
                    "",
                    "SELECT version() AS version",
                    &mut MariaDb::fresh("").connect(),
                ),
            ],
        }
    }
}

fn version<C>(name: &str, sql: &str, conn: &mut C) -> String
where
    C: diesel::connection::LoadConnection,
    for<'q> diesel::query_builder::SqlQuery: diesel::query_dsl::LoadQuery<'q, C, Version>,
{
    let versions: Vec<Version> = diesel::sql_query(sql).load(conn).unwrap();
    // What follows the number is the packager's.
    let version = versions[0]
        .version
        .split([' ', '~'])
        .next()
        .unwrap_or_default();
    match version.split_once("-MariaDB") {
        Some((version, _)) => format!("MariaDB {version}"),
        None if name.is_empty() => format!("MySQL {version}"),
        None => format!("{name} {version}"),
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [sqlite, postgres, mysql] = &self.databases;
        write!(
            f,
            "{}, client and server on one of them; {sqlite}, {postgres}, {mysql}; medians",
            self.processor
        )
    }
}
