//! A model without a scope has no pages of one.

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

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    tenant: i64,
    title: String,
    version: i64,
}

fn page(conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    Ticket::snapshot_in(&1, None, 10, conn)?;
    Ok(())
}

fn main() {}
