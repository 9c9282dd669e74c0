use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Versioned)]
#[diesel(table_name = tickets, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: i32,
    version: i64,
}

fn main() {}
