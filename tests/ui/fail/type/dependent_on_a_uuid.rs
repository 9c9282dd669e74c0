use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> Binary,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
struct Ticket {
    id: i64,
    title: String,
    version: uuid::Uuid,
}

fn main() {}
