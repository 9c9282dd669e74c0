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

struct Changes {
    title: String,
}

fn update(changes: Changes, conn: &mut SqliteConnection) -> versioned_core::Result<Ticket> {
    Ticket::at(7, 1).update(changes, conn)
}

fn main() {}
