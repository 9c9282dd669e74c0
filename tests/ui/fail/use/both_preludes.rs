#![allow(unused_imports)]
#![deny(ambiguous_glob_imported_traits)]

use diesel::prelude::*;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use versioned_core::async_prelude::*;
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

async fn save(ticket: &mut Ticket, conn: &mut SyncConnectionWrapper<SqliteConnection>) -> versioned_core::Result<()> {
    ticket.save(conn).await?;
    Ok(())
}

fn main() {}
