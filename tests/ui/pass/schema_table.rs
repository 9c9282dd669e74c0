//! A table in a schema of its own.

mod schema {
    pub mod billing {
        diesel::table! {
            billing.tickets {
                id -> BigInt,
                title -> Text,
                version -> BigInt,
            }
        }
    }
}

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = crate::schema_table::schema::billing::tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "ATTACH ':memory:' AS billing; \
         CREATE TABLE billing.tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, version BIGINT NOT NULL); \
         CREATE TABLE tickets (id BIGINT PRIMARY KEY)",
    )?;

    let mut ticket = Ticket {
        id: 7,
        title: "concert".into(),
        version: 0,
    };
    ticket.insert(conn)?;
    ticket.title = "opera".into();
    ticket.save(conn)?;
    assert_eq!(Ticket::find(&7, conn)?.title, "opera");
    assert_eq!(<Ticket as versioned_core::Versioned>::TABLE, "tickets");
    Ok(())
}
