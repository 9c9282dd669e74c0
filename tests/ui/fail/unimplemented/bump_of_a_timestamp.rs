//! A timestamp has no `+ 1`.

use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> Timestamp,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    version: chrono::NaiveDateTime,
}

fn withdraw(conn: &mut SqliteConnection) -> QueryResult<usize> {
    let all = diesel::update(tickets::table);
    all.set((tickets::title.eq("withdrawn"), Ticket::bump())).execute(conn)
}

fn main() {}
