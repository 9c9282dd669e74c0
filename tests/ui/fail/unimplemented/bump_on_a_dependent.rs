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

fn withdraw(conn: &mut SqliteConnection) -> QueryResult<usize> {
    let all = diesel::update(tickets::table);
    all.set((tickets::title.eq("withdrawn"), TicketCopy::bump())).execute(conn)
}

fn main() {}
