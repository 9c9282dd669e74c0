//! `skip_insertion` and `skip_update`, alone, together and on a key.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        made_by -> Text,
        changed_by -> Text,
        size -> BigInt,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    #[diesel(skip_insertion, skip_update)]
    id: i64,
    #[diesel(skip_update)]
    made_by: String,
    #[diesel(skip_insertion)]
    changed_by: String,
    #[diesel(skip_insertion)]
    #[diesel(skip_update)]
    size: i64,
    #[diesel(skip_insertion, skip_update)]
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, made_by TEXT NOT NULL, changed_by TEXT NOT NULL DEFAULT 'nobody', \
         size BIGINT AS (length(made_by)) VIRTUAL, version BIGINT NOT NULL)",
    )?;

    let mut ticket = Ticket {
        id: 7,
        made_by: "ann".into(),
        changed_by: "ignored".into(),
        size: 99,
        version: 0,
    };
    ticket.insert(conn)?;
    let mut ticket = Ticket::find(&7, conn)?;
    assert_eq!(
        (
            ticket.made_by.as_str(),
            ticket.changed_by.as_str(),
            ticket.size
        ),
        ("ann", "nobody", 3)
    );
    ticket.made_by = "bob".into();
    ticket.changed_by = "bob".into();
    ticket.save(conn)?;
    let ticket = Ticket::find(&7, conn)?;
    assert_eq!(
        (
            ticket.made_by.as_str(),
            ticket.changed_by.as_str(),
            ticket.version
        ),
        ("ann", "bob", 2)
    );
    Ok(())
}
