use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Clone)]
struct Title(String);

#[derive(Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    #[diesel(serialize_as = String)]
    title: Title,
    version: i64,
}

fn main() {}
