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

struct New {
    title: String,
}

fn create(new: New, conn: &mut SqliteConnection) -> versioned_core::Result<Ticket> {
    Ticket::create(new, conn)
}

fn main() {}
