//! `save` of a tracked model compares its fields.

use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Clone)]
struct Title(String);

impl From<Title> for String {
    fn from(title: Title) -> Self {
        title.0
    }
}

impl From<String> for Title {
    fn from(title: String) -> Self {
        Self(title)
    }
}

#[derive(Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    #[diesel(serialize_as = String, deserialize_as = String)]
    title: Title,
    version: i64,
}

fn save(ticket: &mut versioned_core::Tracked<Ticket>, conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    ticket.save(conn)?;
    Ok(())
}

fn main() {}
