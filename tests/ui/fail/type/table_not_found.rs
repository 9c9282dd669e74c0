use versioned_core::prelude::*;

diesel::table! {
    billets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Versioned)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    version: i64,
}

fn main() {}
