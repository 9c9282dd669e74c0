//! No statement of a model with a scope is built from the key alone.

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
    #[versioned(scope)]
    tenant: i64,
    title: String,
    version: i64,
}

fn by_key(conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    Ticket::find(&7, conn)?;
    Ticket::update_with(&7, conn, |_| Ok(()))?;
    Ticket::update_with_retry(&7, versioned_core::Retry::default(), conn, |_| Ok(()))?;
    Ticket::resend(&7, conn)?;
    Ticket::at(7, 1).touch(conn)?;
    Ok(())
}

fn main() {}
