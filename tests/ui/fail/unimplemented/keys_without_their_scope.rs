//! An owner with a scope answers no question about records of every scope.

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

fn resend(keys: &[String], conn: &mut SqliteConnection) -> versioned_core::Result<usize> {
    versioned_core::compare::resend::<Ticket, _>(keys, conn)
}

fn main() {}
