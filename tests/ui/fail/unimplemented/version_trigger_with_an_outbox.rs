//! The trigger moves versions without events.

use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, serde::Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Ticket {
    id: i64,
    title: String,
    version: i64,
}

fn migration() -> Vec<String> {
    let trigger = versioned_core::version_trigger::<Ticket, Sqlite>();
    trigger.map(|trigger| trigger.up).unwrap_or_default()
}

fn main() {}
