//! A scope: of a parameter's type, borrowed, a newtype, and part of the key; beside an embedded struct.

use std::borrow::Cow;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;
use versioned_core::{InScope, Tracked};

diesel::table! {
    tickets (tenant, id) {
        tenant -> Text,
        id -> BigInt,
        street -> Text,
        version -> BigInt,
    }
}

diesel::table! {
    notes {
        id -> BigInt,
        tenant -> BigInt,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(embedded)]
struct Address {
    street: String,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets, primary_key(tenant, id))]
#[versioned(owner)]
struct Ticket<'a> {
    id: i64,
    #[versioned(scope)]
    tenant: Cow<'a, str>,
    #[diesel(embed)]
    address: Address,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = notes)]
#[versioned(owner)]
struct Note<T>(
    #[diesel(column_name = id)] i64,
    #[diesel(column_name = tenant)]
    #[versioned(scope)]
    T,
    #[diesel(column_name = version)] i64,
);

/// Code that is generic over its models needs no other bound than before.
fn save<M, C>(model: &mut M, conn: &mut C) -> versioned_core::Result<()>
where
    M: Owner<C::Backend>,
    C: LoadConnection,
{
    model.save(conn)?;
    model.reload(conn)
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TABLE tickets (tenant TEXT NOT NULL, id BIGINT NOT NULL, street TEXT NOT NULL,
             version BIGINT NOT NULL, PRIMARY KEY (tenant, id));
         CREATE TABLE notes (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, version BIGINT NOT NULL)",
    )?;
    let mut ticket = Ticket {
        id: 7,
        tenant: "acme".into(),
        address: Address { street: "a".into() },
        version: 0,
    };
    ticket.insert(conn)?;
    save(&mut ticket, conn)?;
    let key = InScope::new(Cow::from("acme"), 7);
    let mut ticket = Tracked::new(Ticket::find(&key, conn)?);
    ticket.address.street.push('b');
    ticket.save(conn)?;
    assert_eq!(Ticket::at(key, 3).touch(conn)?.version, 4);

    let mut note = Note(1, 5_i64, 0);
    note.insert(conn)?;
    save(&mut note, conn)?;
    assert_eq!(Note::<i64>::find(&InScope { scope: 5, id: 1 }, conn)?, note);
    assert_eq!(Note::snapshot_in(&5, None, 10, conn)?.len(), 1);
    Ok(())
}
