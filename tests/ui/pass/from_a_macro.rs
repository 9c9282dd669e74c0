//! A model that a `macro_rules!` writes: types arrive in invisible groups, names with spans of their own.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

macro_rules! model {
    ($name:ident in $table:ident { $($field:ident: $ty:ty => $sql:ident),+ } version $version:ident: $counter:ty) => {
        diesel::table! {
            $table {
                $($field -> $sql,)+
                $version -> BigInt,
            }
        }

        #[derive(Queryable, Selectable, Versioned)]
        #[diesel(table_name = $table)]
        #[versioned(owner)]
        struct $name {
            $($field: $ty,)+
            #[versioned(version)]
            $version: $counter,
        }
    };
}

model!(Ticket in tickets { id: i64 => BigInt, title: String => Text } version rev: i64);

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, rev BIGINT NOT NULL)",
    )?;
    let mut ticket = Ticket {
        id: 7,
        title: "concert".into(),
        rev: 0,
    };
    ticket.insert(conn)?;
    ticket.title = "opera".into();
    ticket.save(conn)?;
    let ticket = Ticket::find(&7, conn)?;
    assert_eq!((ticket.title.as_str(), ticket.rev), ("opera", 2));
    Ok(())
}
