//! A tracked model keeps a copy of itself.

use diesel::prelude::*;
use versioned_core::prelude::*;

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

fn track(ticket: Ticket) -> versioned_core::Tracked<Ticket> {
    versioned_core::Tracked::new(ticket)
}

fn save(ticket: &mut versioned_core::Tracked<Ticket>, conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    ticket.save(conn)?;
    Ok(())
}

fn main() {}
