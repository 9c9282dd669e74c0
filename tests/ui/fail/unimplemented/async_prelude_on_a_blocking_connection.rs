use diesel::prelude::*;
use versioned_core::async_prelude::*;

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

async fn save(ticket: &mut Ticket, conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    ticket.save(conn).await?;
    Ok(())
}

async fn find(conn: &mut SqliteConnection) -> versioned_core::Result<Ticket> {
    Ticket::find(&7, conn).await
}

fn main() {}
