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
#[versioned(dependent)]
struct TicketCopy {
    id: i64,
    title: String,
    version: i64,
}

fn save(copies: &mut [TicketCopy], conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    TicketCopy::save_all(copies, conn)?;
    Ok(())
}

fn main() {}
