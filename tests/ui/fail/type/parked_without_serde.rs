//! A parked event is stored as JSON.

use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent, gap = "park")]
struct Ticket {
    id: i64,
    title: String,
    version: i64,
}

fn main() {}
