use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> Timestamp,
    }
}

#[derive(Queryable, Selectable, serde::Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Ticket {
    id: i64,
    title: String,
    version: chrono::NaiveDateTime,
}

fn main() {}
