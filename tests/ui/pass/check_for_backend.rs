//! `check_for_backend` with every kind of field, and disabled.

use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        url -> Text,
        street -> Text,
        version -> BigInt,
    }
}

#[derive(Clone)]
struct Url;

impl From<Url> for String {
    fn from(_: Url) -> Self {
        "http://localhost".into()
    }
}

impl From<String> for Url {
    fn from(_: String) -> Self {
        Self
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(embedded)]
struct Address {
    street: String,
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    #[diesel(serialize_as = String, deserialize_as = String)]
    url: Url,
    #[diesel(embed)]
    address: Address,
    version: i64,
}

// Diesel's own derives refuse what they document (2.3.10).
#[derive(Versioned)]
#[diesel(table_name = tickets, check_for_backend(disable = true))]
#[versioned(owner)]
struct Unchecked {
    id: i64,
    version: i64,
}

fn is_owner<M: Owner<diesel::sqlite::Sqlite>>() {}

pub(crate) fn main() {
    is_owner::<Ticket>();
    let unchecked = Unchecked { id: 7, version: 1 };
    assert_eq!((unchecked.id, unchecked.version), (7, 1));
}
