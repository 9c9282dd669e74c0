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

fn save(ticket: &mut Ticket, conn: &mut SqliteConnection) -> versioned_core::Result<i64> {
    let change = transaction(conn, ticket, |conn, ticket| ticket.save(conn))?;
    Ok(change.version())
}

fn main() {}
