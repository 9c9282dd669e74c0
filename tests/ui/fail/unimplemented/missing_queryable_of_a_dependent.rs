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

#[derive(Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
struct TicketCopy {
    id: i64,
    title: String,
    version: i64,
}

fn apply(event: &Event<TicketCopy>, conn: &mut SqliteConnection) -> versioned_core::Result<Outcome> {
    TicketCopy::apply(event, conn)
}

fn main() {}
