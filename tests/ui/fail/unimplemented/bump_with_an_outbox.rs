//! An update of many rows writes no event for each.

use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, serde::Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Ticket {
    id: i64,
    title: String,
    version: i64,
}

fn withdraw(conn: &mut SqliteConnection) -> QueryResult<usize> {
    let all = diesel::update(tickets::table);
    all.set((tickets::title.eq("withdrawn"), Ticket::bump())).execute(conn)
}

fn main() {}
