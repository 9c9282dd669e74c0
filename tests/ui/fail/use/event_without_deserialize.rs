use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
struct TicketCopy {
    id: i64,
    title: String,
    version: i64,
}

fn read(json: &str) -> serde_json::Result<versioned_core::Event<TicketCopy>> {
    serde_json::from_str(json)
}

fn main() {}
