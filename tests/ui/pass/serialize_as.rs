//! Fields that are written as another type; one of them on INSERT alone.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        tags -> Text,
        made_by -> Text,
        version -> BigInt,
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Tags(Vec<String>);

impl From<Tags> for String {
    fn from(tags: Tags) -> Self {
        tags.0.join(" ")
    }
}

impl From<String> for Tags {
    fn from(text: String) -> Self {
        Self(text.split(' ').map(str::to_owned).collect())
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    #[diesel(serialize_as = String, deserialize_as = String)]
    tags: Tags,
    #[diesel(serialize_as = String, deserialize_as = String, skip_update)]
    made_by: Tags,
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, tags TEXT NOT NULL, made_by TEXT NOT NULL, version BIGINT NOT NULL)",
    )?;

    let both = Tags(vec!["a".into(), "b".into()]);
    let mut ticket = Ticket {
        id: 7,
        tags: both.clone(),
        made_by: both.clone(),
        version: 0,
    };
    ticket.insert(conn)?;
    ticket.tags.0.push("c".into());
    ticket.made_by.0.clear();
    ticket.save(conn)?;
    let ticket = Ticket::find(&7, conn)?;
    assert_eq!(ticket.tags, Tags(vec!["a".into(), "b".into(), "c".into()]));
    assert_eq!((ticket.made_by, ticket.version), (both, 2));
    Ok(())
}
