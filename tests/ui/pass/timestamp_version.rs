//! A timestamp as the version, cut to what its column keeps.

use chrono::{NaiveDateTime, Timelike as _};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        updated_at -> Timestamp,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    #[versioned(version, precision = "seconds")]
    updated_at: NaiveDateTime,
}

#[derive(Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Named {
    id: i64,
    #[versioned(precision = "millis")]
    #[diesel(column_name = updated_at)]
    version: NaiveDateTime,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, updated_at TIMESTAMP NOT NULL)",
    )?;

    let mut ticket = Ticket {
        id: 7,
        updated_at: NaiveDateTime::MIN,
    };
    ticket.insert(conn)?;
    let first = ticket.updated_at;
    assert_eq!(first.nanosecond(), 0);
    ticket.save(conn)?;
    assert!(ticket.updated_at > first);
    assert_eq!(ticket.updated_at.nanosecond(), 0);
    assert_eq!(Ticket::find(&7, conn)?.updated_at, ticket.updated_at);

    let named = Named {
        id: 7,
        version: <Named as versioned_core::Versioned>::initial_version(),
    };
    assert_eq!((named.id, named.version.nanosecond() % 1_000_000), (7, 0));
    Ok(())
}
