//! A model with an embedded struct, and one that is inserted with it and never updated.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        street -> Text,
        city -> Nullable<Text>,
        made_by -> Text,
        price -> BigInt,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(embedded)]
struct Address {
    street: String,
    city: Option<String>,
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(embedded)]
struct Origin {
    made_by: String,
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    #[diesel(embed)]
    address: Address,
    #[diesel(embed, skip_update)]
    origin: Origin,
    price: i64,
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, street TEXT NOT NULL, city TEXT, made_by TEXT NOT NULL, \
         price BIGINT NOT NULL, version BIGINT NOT NULL)",
    )?;

    let address = Address {
        street: "Main St".into(),
        city: None,
    };
    let origin = Origin {
        made_by: "ann".into(),
    };
    let mut ticket = Ticket {
        id: 7,
        address,
        origin,
        price: 20,
        version: 0,
    };
    ticket.insert(conn)?;
    ticket.address.city = Some("Ulm".into());
    ticket.origin.made_by = "bob".into();
    ticket.price = 25;
    ticket.save(conn)?;
    let ticket = Ticket::find(&7, conn)?;
    assert_eq!(
        (
            ticket.address.street.as_str(),
            ticket.address.city.as_deref()
        ),
        ("Main St", Some("Ulm"))
    );
    assert_eq!(
        (ticket.origin.made_by.as_str(), ticket.price, ticket.version),
        ("ann", 25, 2)
    );
    Ok(())
}
