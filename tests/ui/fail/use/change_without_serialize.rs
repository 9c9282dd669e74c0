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

fn send(ticket: &mut Ticket, conn: &mut SqliteConnection) -> serde_json::Result<String> {
    let change = ticket.save(conn).unwrap();
    serde_json::to_string(&change)
}

fn main() {}
