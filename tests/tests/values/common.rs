//! What the scenarios of `values` and of `keys` share.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use serde::Deserialize;
use versioned_core::{Event, MIGRATIONS};

use super::super::backend::{Conn, Db, NAME};

/// A database with the toolkit's tables and these.
pub(crate) fn fresh(ddl: &str) -> (Db, Conn) {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    if !ddl.is_empty() {
        conn.batch_execute(ddl).unwrap();
    }
    (db, conn)
}

/// The text for this backend.
pub(crate) fn on<'a>(sqlite: &'a str, postgres: &'a str, mysql: &'a str) -> &'a str {
    match NAME {
        "sqlite" => sqlite,
        "postgres" => postgres,
        _ => mysql,
    }
}

/// An event, by way of its JSON.
#[allow(dead_code, reason = "not every suite needs it")]
pub(crate) fn event<T: for<'d> Deserialize<'d>>(
    entity: &str,
    key: &str,
    version: i64,
    op: &str,
    data: serde_json::Value,
) -> Event<T> {
    let event = serde_json::json!({
        "entity": entity, "key": key, "version": version, "op": op, "data": data,
    });
    serde_json::from_value(event).unwrap()
}

/// The events of the outbox: operation, key and version.
pub(crate) fn told(conn: &mut Conn) -> Vec<(String, String, i64)> {
    use diesel::sql_types::{BigInt, Text};
    #[derive(QueryableByName)]
    struct Told {
        #[diesel(sql_type = Text)]
        op: String,
        #[diesel(sql_type = Text)]
        k: String,
        #[diesel(sql_type = BigInt)]
        version: i64,
    }
    let key = on("\"key\"", "\"key\"", "CONVERT(`key` USING utf8mb4)");
    diesel::sql_query(format!(
        "SELECT op, {key} AS k, version FROM versioned_outbox ORDER BY id"
    ))
    .load::<Told>(conn)
    .unwrap()
    .into_iter()
    .map(|told| (told.op, told.k, told.version))
    .collect()
}
