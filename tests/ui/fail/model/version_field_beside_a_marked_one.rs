use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> BigInt,
        version -> BigInt,
    }
}

#[version_field]
#[derive(Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    #[versioned(version)]
    title: i64,
}

fn main() {}
