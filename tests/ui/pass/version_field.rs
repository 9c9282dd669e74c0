//! The version field, and the documentation that is written for it.

#![deny(missing_docs)]

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    /// Tickets.
    tickets {
        /// The key.
        id -> BigInt,
        /// The version.
        version -> Integer,
    }
}

/// A ticket.
#[version_field(i32)]
#[derive(Debug, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
pub struct Ticket {
    /// Its number.
    pub id: i64,
}

/// Of the default type, in a struct without a field.
#[versioned_core::version_field]
#[derive(Debug, Default)]
pub struct Empty {}

/// With parameters.
#[version_field(Option<V>)]
#[derive(Debug)]
pub struct Generic<'a, V: Copy, const N: usize>
where
    V: Default,
{
    /// Bytes.
    pub bytes: &'a [u8; N],
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, version INTEGER NOT NULL)")?;

    let mut ticket = Ticket { id: 7, version: 0 };
    ticket.insert(conn)?;
    ticket.save(conn)?;
    assert_eq!(ticket.version, 2_i32);
    assert_eq!(Empty { version: 1 }.version, 1_i64);
    assert_eq!(
        Generic {
            bytes: b"ab",
            version: Some(1)
        }
        .version,
        Some(1)
    );
    Ok(())
}
