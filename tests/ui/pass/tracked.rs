//! Tracked models: with what is embedded and converted, with parameters, and with a lifetime.

use std::borrow::Cow;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;
use versioned_core::{Error, Owner, Tracked, model};

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        tags -> Text,
        street -> Text,
        made_by -> Text,
        version -> BigInt,
    }
}

#[derive(Clone, PartialEq)]
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

#[derive(Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(embedded)]
struct Address {
    street: String,
}

#[derive(Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket<T> {
    id: i64,
    title: T,
    #[diesel(serialize_as = String, deserialize_as = String)]
    tags: Tags,
    #[diesel(embed)]
    address: Address,
    #[diesel(skip_update)]
    made_by: String,
    version: i64,
}

#[derive(Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Borrowed<'a> {
    id: i64,
    title: Cow<'a, str>,
    version: i64,
}

/// What generic code needs.
fn save<M, C>(tracked: &mut Tracked<M>, conn: &mut C) -> versioned_core::Result<bool>
where
    C: LoadConnection,
    M: Owner<C::Backend> + model::Fields + Clone,
{
    Ok(tracked.save(conn)?.is_some())
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, tags TEXT NOT NULL, street TEXT NOT NULL, \
         made_by TEXT NOT NULL, version BIGINT NOT NULL)",
    )?;
    let mut ticket = Ticket {
        id: 7,
        title: String::from("concert"),
        tags: Tags(vec!["a".into()]),
        address: Address {
            street: "Main St".into(),
        },
        made_by: "ann".into(),
        version: 0,
    };
    ticket.insert(conn)?;

    let mut ticket = Tracked::new(ticket);
    ticket.made_by = "nobody".into();
    let refused = save(&mut ticket, conn).unwrap_err();
    assert!(matches!(refused, Error::ReadOnly { .. }), "{refused}");
    ticket.made_by = "ann".into();
    assert!(!save(&mut ticket, conn)?);
    let mut borrowed = Tracked::new(Borrowed::find(&7, conn)?);
    borrowed.title = Cow::Borrowed("opera");
    assert!(save(&mut borrowed, conn)?);

    ticket.tags.0.push("b".into());
    ticket.address.street.push_str("reet");
    assert!(save(&mut ticket, conn).unwrap_err().is_conflict());
    ticket.rebase(conn)?;
    assert!(save(&mut ticket, conn)?);
    let found = Ticket::<String>::find(&7, conn)?;
    assert_eq!(
        (found.title.as_str(), found.address.street.as_str()),
        ("opera", "Main Street")
    );
    assert_eq!((found.tags.0.len(), found.version), (2, 3));
    Ok(())
}
