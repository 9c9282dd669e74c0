//! Columns that are no state of the record: plain, converted, never written by the model, and in an embedded struct.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::Tracked;
use versioned_core::model::OwnerModel as _;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        hits -> BigInt,
        seen_by -> Text,
        rank -> BigInt,
        street -> Text,
        visits -> BigInt,
        version -> BigInt,
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Name(String);

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(name)
    }
}

#[derive(Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(embedded)]
struct Address {
    street: String,
    #[versioned(excluded)]
    visits: i64,
}

#[derive(Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    #[versioned(excluded)]
    hits: i64,
    #[versioned(excluded)]
    #[diesel(serialize_as = String, deserialize_as = String)]
    seen_by: Name,
    #[versioned(excluded)]
    #[diesel(skip_insertion, skip_update)]
    rank: i64,
    #[diesel(embed)]
    address: Address,
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, hits BIGINT NOT NULL, seen_by TEXT NOT NULL, \
         rank BIGINT NOT NULL DEFAULT 5, street TEXT NOT NULL, visits BIGINT NOT NULL, version BIGINT NOT NULL)",
    )?;
    assert_eq!(Ticket::EXCLUDED, ["hits", "seen_by", "rank"]);

    let address = Address {
        street: "Main St".into(),
        visits: 0,
    };
    let seen_by = Name("ann".into());
    let mut ticket = Ticket {
        id: 7,
        title: "concert".into(),
        hits: 0,
        seen_by,
        rank: 0,
        address,
        version: 0,
    };
    ticket.insert(conn)?;
    let mut ticket = Tracked::new(Ticket::find(&7, conn)?);
    ticket.hits += 1;
    ticket.seen_by = Name("bob".into());
    ticket.address.visits += 1;
    assert!(ticket.save(conn)?.is_none());
    let found = Ticket::find(&7, conn)?;
    assert_eq!(
        (
            found.hits,
            found.seen_by,
            found.address.visits,
            found.version
        ),
        (1, Name("bob".into()), 1, 1)
    );
    ticket.address.street = "High St".into();
    assert_eq!(ticket.save(conn)?.unwrap().version(), 2);
    Ok(())
}
