//! The widest key that there is.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets (a, b, c, d, e, f) {
        a -> Integer,
        b -> Integer,
        c -> Integer,
        d -> Integer,
        e -> Integer,
        f -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets, primary_key(a, b, c, d, e, f))]
#[versioned(owner)]
struct Ticket {
    a: i32,
    b: i32,
    c: i32,
    d: i32,
    e: i32,
    f: String,
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE tickets (a, b, c, d, e, f, version)")?;
    let mut ticket = Ticket {
        a: 1,
        b: 2,
        c: 3,
        d: 4,
        e: 5,
        f: "six".into(),
        version: 0,
    };
    ticket.insert(conn)?;
    ticket.touch(conn)?;
    assert_eq!(
        Ticket::find(&(1, 2, 3, 4, 5, "six".into()), conn)?.version,
        2
    );
    Ok(())
}
