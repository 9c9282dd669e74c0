//! `PgBouncer` in transaction mode, in front of the PostgreSQL server of the tests: started by the first who asks, once per test
//! process.

use std::sync::OnceLock;

use diesel::{Connection, PgConnection};

use crate::postgres::{self, Db};
use crate::server::{Kind, Server, Starts};

const KIND: Kind = Kind {
    description: include_str!("../servers/pgbouncer.sh"),
    url: |port| format!("postgres://pooled@127.0.0.1:{port}/postgres"),
    probe: |url| {
        PgConnection::establish(url)
            .map(drop)
            .map_err(|error| error.to_string())
    },
};

static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();

/// The URL of a database by way of the pooler.
///
/// # Panics
///
/// When `PgBouncer` is not installed, or does not answer.
pub fn url(db: &Db) -> String {
    let server = SERVER.get_or_init(|| {
        let (_, place) = postgres::admin_url().split_once("://").expect("a URL");
        let (user, place) = place.split_once('@').expect("a URL with a user");
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        let (place, _) = place.split_once('/').expect("a URL with a database");
        let (host, port) = place.rsplit_once(':').unwrap_or((place, "5432"));
        let variables = [
            ("postgres_host", host),
            ("postgres_port", port),
            ("postgres_user", user),
            ("postgres_password", password),
        ];
        Server::start_with(&KIND, Starts::Once, &variables)
    });
    match server {
        Ok(server) => server.url(db.name()),
        Err(message) => panic!("{message}"),
    }
}
