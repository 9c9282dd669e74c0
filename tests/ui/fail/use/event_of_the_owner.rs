use diesel::prelude::*;
use versioned_core::prelude::*;
use versioned_core::{Event, Outcome};

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    version: i64,
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
struct TicketCopy {
    id: i64,
    title: String,
    version: i64,
}

fn apply(event: &Event<Ticket>, conn: &mut SqliteConnection) -> versioned_core::Result<Outcome> {
    TicketCopy::apply(event, conn)
}

fn main() {}
