use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Debug)]
struct TicketId(i64);

impl std::fmt::Display for TicketId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: TicketId,
    title: String,
    version: i64,
}

fn main() {}
