//! The tag of what a write answers with, of a tracked model and of a generic one.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::etag::ETag;
use versioned_core::prelude::*;
use versioned_core::{Tracked, Versioned};

diesel::table! {
    tickets {
        id -> BigInt,
        version -> BigInt,
    }
}

#[derive(Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    version: i64,
}

fn tag<M: Versioned>(model: &M) -> ETag {
    ETag::of(model)
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let conn = &mut SqliteConnection::establish(":memory:")?;
    conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, version BIGINT NOT NULL)")?;
    let mut ticket = Ticket { id: 7, version: 0 };
    let change = ticket.insert(conn)?;
    assert_eq!(ETag::of(&change).to_string(), "\"1\"");
    assert_eq!(ETag::of(&ticket.touch(conn)?).to_string(), "\"2\"");
    let tracked = Tracked::new(ticket);
    assert_eq!(ETag::of(&tracked).to_string(), "\"2\"");
    assert_eq!(tag(&*tracked).to_string(), "\"2\"");
    Ok(())
}
