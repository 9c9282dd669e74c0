use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
struct TicketCopy {
    id: i64,
    title: String,
    version: i64,
}

fn save(ticket: &mut versioned_core::Tracked<TicketCopy>, conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    ticket.save(conn)?;
    Ok(())
}

fn main() {}
