//! A `None` is written as NULL, also over a value.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Nullable<Text>,
        price -> Nullable<BigInt>,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: Option<String>,
    price: Option<i64>,
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT, price BIGINT, version BIGINT NOT NULL)")?;

    let mut ticket = Ticket {
        id: 7,
        title: Some("concert".into()),
        price: None,
        version: 0,
    };
    ticket.insert(conn)?;
    ticket.title = None;
    ticket.price = Some(20);
    ticket.save(conn)?;
    let ticket = Ticket::find(&7, conn)?;
    assert_eq!(
        (ticket.title, ticket.price, ticket.version),
        (None, Some(20), 2)
    );
    Ok(())
}
