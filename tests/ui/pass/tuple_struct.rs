//! Fields without names; the version is known by its column.

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

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket(
    #[diesel(column_name = version)] i64,
    #[diesel(column_name = title)] String,
    #[diesel(column_name = id)] i64,
);

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, version BIGINT NOT NULL)")?;

    let mut ticket = Ticket(0, "concert".into(), 7);
    ticket.insert(conn)?;
    ticket.1 = "opera".into();
    ticket.save(conn)?;
    let Ticket(version, title, id) = Ticket::find(&7, conn)?;
    assert_eq!((version, title.as_str(), id), (2, "opera", 7));
    Ok(())
}
