//! A batch moves the versions of its models.

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

fn all(tickets: &[Ticket], conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    Ticket::insert_all(tickets, conn)?;
    Ticket::save_all(tickets, conn)?;
    Ticket::save_each(tickets, conn)?;
    Ticket::delete_all(tickets, conn)?;
    Ok(())
}

fn main() {}
