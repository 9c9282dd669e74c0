//! The one bound that generic code needs.

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

#[derive(Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    price: i64,
    version: i64,
}

fn everything<C: LoadConnection>(conn: &mut C) -> versioned_core::Result<i64>
where
    Ticket: Owner<C::Backend>,
{
    let mut ticket = Ticket {
        id: 7,
        price: 20,
        version: 0,
    };
    ticket.insert(conn)?;
    ticket.price = 25;
    ticket.save(conn)?;
    ticket.touch(conn)?;
    ticket.verify(conn)?;
    ticket.reload(conn)?;
    let ticket = Ticket::update_with(&7, conn, |ticket| {
        ticket.price += 1;
        Ok(())
    })?;
    assert_eq!(Ticket::find(&7, conn)?.price, 26);
    Ticket::at(7, ticket.version).delete(conn)
}

fn touch<M, C>(model: &mut M, conn: &mut C) -> versioned_core::Result<()>
where
    C: LoadConnection,
    M: Owner<C::Backend>,
{
    model.touch(conn).map(|_| ())
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)")?;
    assert_eq!(everything(conn)?, 5);
    let mut ticket = Ticket {
        id: 7,
        price: 20,
        version: 0,
    };
    ticket.insert(conn)?;
    touch(&mut ticket, conn)?;
    assert_eq!(ticket.version, 2);
    Ok(())
}
