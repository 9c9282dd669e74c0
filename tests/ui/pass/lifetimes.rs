//! A model that borrows, its key too: its statements are cached under the `'static` one.

use std::borrow::Cow;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets (code) {
        code -> Text,
        title -> Text,
        subtitle -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets, primary_key(code))]
#[versioned(owner)]
struct Ticket<'a, 'b: 'a> {
    code: Cow<'a, str>,
    title: Cow<'a, str>,
    subtitle: Cow<'b, str>,
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TABLE tickets (code TEXT PRIMARY KEY, title TEXT NOT NULL, subtitle TEXT NOT NULL, version BIGINT NOT NULL)",
    )?;

    let code = String::from("a7");
    let title = String::from("concert");
    let mut ticket = Ticket {
        code: Cow::Borrowed(&code),
        title: Cow::Borrowed(&title),
        subtitle: Cow::Borrowed("live"),
        version: 0,
    };
    ticket.insert(conn)?;
    ticket.title.to_mut().push('!');
    ticket.save(conn)?;
    let found = Ticket::find(&Cow::Borrowed("a7"), conn)?;
    assert_eq!(
        (found.title.as_ref(), found.subtitle.as_ref(), found.version),
        ("concert!", "live", 2)
    );
    Ok(())
}
