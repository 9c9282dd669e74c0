//! Pages. A change of their hits moves no version.

use diesel::prelude::*;
use versioned_core::Versioned;

pub use self::schema::pages;

#[allow(missing_docs, reason = "`table!` has no docs")]
mod schema {
    diesel::table! {
        pages {
            id -> BigInt,
            body -> VarChar,
            hits -> BigInt,
            version -> BigInt,
        }
    }
}

/// The table.
pub const PAGES: &str = "CREATE TABLE pages (
    id BIGINT PRIMARY KEY,
    body VARCHAR(50) NOT NULL,
    hits BIGINT NOT NULL,
    version BIGINT NOT NULL
)";

/// A page.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = pages)]
#[versioned(owner)]
pub struct Page {
    /// The key.
    pub id: i64,
    /// The text.
    pub body: String,
    /// How often it was read.
    #[versioned(excluded)]
    pub hits: i64,
    /// The version.
    pub version: i64,
}

impl Page {
    /// A new page with the id 1.
    #[must_use]
    pub fn hello() -> Self {
        Self {
            id: 1,
            body: "hello".into(),
            hits: 0,
            version: 0,
        }
    }
}
