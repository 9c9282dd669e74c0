//! The least that an owner needs.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

// Without `table_name`: Diesel infers `tickets`, and so does the derive.
#[derive(Debug, Queryable, Selectable, Versioned)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, version BIGINT NOT NULL)")?;

    let mut ticket = Ticket {
        id: 7,
        title: "concert".into(),
        version: 0,
    };
    ticket.insert(conn)?;
    assert_eq!(ticket.version, 1);
    let mut stale = Ticket::find(&7, conn)?;
    ticket.title = "opera".into();
    ticket.save(conn)?;
    assert_eq!(ticket.version, 2);
    assert_eq!(Ticket::find(&7, conn)?.title, "opera");

    let error = stale.save(conn).unwrap_err();
    assert_eq!(error.conflict().unwrap().table(), Some("tickets"));
    assert_eq!(error.conflict().unwrap().id(), Some("7"));
    assert_eq!(<Ticket as versioned_core::Versioned>::ENTITY, "tickets");
    Ok(())
}
