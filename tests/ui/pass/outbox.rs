//! Each write writes its event: plain, with a parameter, and with a version that is a newtype.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::MigrationHarness as _;
use serde::Serialize;
use versioned_core::SequentialVersion;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Serialize, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Ticket {
    id: i64,
    title: String,
    version: i64,
}

#[derive(Serialize, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox, tombstones, entity = "generic")]
struct Generic<T, V = i64> {
    id: i64,
    title: T,
    version: V,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Serialize, SequentialVersion, diesel::expression::AsExpression,
)]
#[diesel(sql_type = diesel::sql_types::BigInt)]
struct Rev(i64);

#[derive(Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Borrowed<'a> {
    id: i64,
    title: &'a str,
    version: Rev,
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let conn = &mut SqliteConnection::establish(":memory:")?;
    conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, version BIGINT NOT NULL)")?;
    conn.run_pending_migrations(versioned_core::MIGRATIONS)?;

    let mut ticket = Ticket {
        id: 7,
        title: "concert".into(),
        version: 0,
    };
    ticket.insert(conn)?;
    ticket.title = "opera".into();
    ticket.save(conn)?;
    let mut generic = Generic {
        id: 8,
        title: String::from("ballet"),
        version: 0_i64,
    };
    generic.insert(conn)?;
    generic.delete(conn)?;

    let ids = diesel::dsl::sql::<Text>(
        "SELECT entity || '/' || key || '/' || version FROM versioned_outbox ORDER BY id",
    );
    let ids: Vec<String> = ids.load(conn)?;
    assert_eq!(
        ids,
        ["tickets/7/1", "tickets/7/2", "generic/8/1", "generic/8/2"]
    );
    let _: fn(&Borrowed<'static>) -> Rev = |model| versioned_core::Versioned::version(model);
    Ok(())
}
