use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
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

fn save(ticket: &mut Ticket, pool: &mut Pool<ConnectionManager<SqliteConnection>>) -> versioned_core::Result<()> {
    ticket.save(pool)?;
    Ok(())
}

fn main() {}
