//! `rebase` of a tracked model takes fields over.

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
        version -> BigInt,
    }
}

#[derive(Debug, PartialEq, AsExpression, FromSqlRow)]
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
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: Title,
    version: i64,
}

impl Clone for Ticket {
    fn clone(&self) -> Self {
        let title = Title(self.title.0.clone());
        Self { title, ..*self }
    }
}

fn save(ticket: &mut versioned_core::Tracked<Ticket>, conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    ticket.save(conn)?;
    Ok(())
}

fn main() {}
