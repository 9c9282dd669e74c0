use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

struct Title {
    title: String,
}

#[derive(Versioned)]
#[diesel(table_name = tickets, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(owner)]
struct Ticket {
    id: i64,
    #[diesel(embed)]
    title: Title,
    version: i64,
}

fn main() {}
