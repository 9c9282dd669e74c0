//! A computed field is loaded and never written.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    price: i64,
    #[diesel(select_expression = tickets::price * 2_i64)]
    double: i64,
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)")?;

    Ticket {
        id: 7,
        price: 20,
        double: 0,
        version: 0,
    }
    .insert(conn)?;
    let mut ticket = Ticket::find(&7, conn)?;
    assert_eq!(ticket.double, 40);
    ticket.price = 30;
    ticket.save(conn)?;
    assert_eq!(Ticket::find(&7, conn)?.double, 60);
    Ok(())
}
