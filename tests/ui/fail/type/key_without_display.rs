//! A key is shown in errors and events.

use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Debug, Clone)]
struct TicketId(i64);

#[derive(Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: TicketId,
    title: String,
    version: i64,
}

fn main() {}
