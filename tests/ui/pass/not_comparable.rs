//! Only a tracked model compares its fields: no other one asks them for `PartialEq` or `Clone`.

use diesel::connection::SimpleConnection as _;
use diesel::deserialize::{FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{Output, ToSql};
use diesel::sql_types::Text;
use diesel::sqlite::{Sqlite, SqliteValue};
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        subtitle -> Text,
        version -> BigInt,
    }
}

#[derive(Debug, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
struct Title(String);

impl ToSql<Text, Sqlite> for Title {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> diesel::serialize::Result {
        <String as ToSql<Text, Sqlite>>::to_sql(&self.0, out)
    }
}

impl FromSql<Text, Sqlite> for Title {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> diesel::deserialize::Result<Self> {
        <String as FromSql<Text, Sqlite>>::from_sql(value).map(Self)
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(embedded)]
struct Second {
    subtitle: Title,
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: Title,
    #[diesel(embed)]
    second: Second,
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, subtitle TEXT NOT NULL, version BIGINT NOT NULL)",
    )?;
    let second = Second {
        subtitle: Title("live".into()),
    };
    let mut ticket = Ticket {
        id: 7,
        title: Title("concert".into()),
        second,
        version: 0,
    };
    ticket.insert(conn)?;
    ticket.title.0.push('!');
    ticket.save(conn)?;
    let ticket = Ticket::find(&7, conn)?;
    assert_eq!(
        (ticket.title.0.as_str(), ticket.second.subtitle.0.as_str()),
        ("concert!", "live")
    );
    Ok(())
}
