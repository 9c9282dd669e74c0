//! A key of several columns, of several types.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets (shop, number) {
        number -> Integer,
        title -> Text,
        shop -> Text,
        version -> BigInt,
    }
}

#[derive(Debug, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets, primary_key(shop, nr))]
#[diesel(primary_key(shop, number))]
#[versioned(owner)]
struct Ticket {
    #[diesel(column_name = number)]
    nr: i32,
    title: String,
    shop: String,
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TABLE tickets (shop TEXT, number INTEGER, title TEXT NOT NULL, version BIGINT NOT NULL, \
         PRIMARY KEY (shop, number))",
    )?;

    for nr in 1..3 {
        Ticket {
            nr,
            title: "concert".into(),
            shop: "a,b".into(),
            version: 0,
        }
        .insert(conn)?;
    }
    let mut ticket = Ticket::find(&("a,b".into(), 2), conn)?;
    ticket.title = "opera".into();
    ticket.save(conn)?;
    assert_eq!(Ticket::find(&("a,b".into(), 1), conn)?.title, "concert");
    assert_eq!(Ticket::find(&("a,b".into(), 2), conn)?.title, "opera");

    ticket.version = 1;
    let error = ticket.save(conn).unwrap_err();
    assert_eq!(error.conflict().unwrap().id(), Some("a\\,b,2"));
    Ok(())
}
