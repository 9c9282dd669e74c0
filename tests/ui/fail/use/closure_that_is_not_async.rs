use diesel::prelude::*;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
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

async fn rename(conn: &mut SyncConnectionWrapper<SqliteConnection>) -> versioned_core::Result<Ticket> {
    Ticket::update_with(&7, conn, |ticket| {
        ticket.title = "sold".into();
        Ok(())
    })
    .await
}

fn main() {}
