//! No page of a model with a scope is read without it.

use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        tenant -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, serde::Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Ticket {
    id: i64,
    #[versioned(scope)]
    tenant: i64,
    title: String,
    version: i64,
}

fn pages(conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    Ticket::snapshot(None, 10, conn)?;
    Ticket::resend_page(None, 10, conn)?;
    Ok(())
}

fn main() {}
