//! Type parameters: of a column, of the key, of the version; const parameters.

use diesel::connection::SimpleConnection as _;
use diesel::deserialize::{FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        color -> BigInt,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = BigInt)]
struct Modulo<const N: i64>(i64);

impl<const N: i64> ToSql<BigInt, Sqlite> for Modulo<N> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> diesel::serialize::Result {
        out.set_value(self.0 % N);
        Ok(IsNull::No)
    }
}

impl<const N: i64> FromSql<BigInt, Sqlite> for Modulo<N> {
    fn from_sql(
        value: diesel::sqlite::SqliteValue<'_, '_, '_>,
    ) -> diesel::deserialize::Result<Self> {
        <i64 as FromSql<BigInt, Sqlite>>::from_sql(value).map(Self)
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket<Id, T, V = i64, const N: i64 = 3>
where
    T: Clone,
{
    id: Id,
    title: T,
    color: Modulo<N>,
    version: V,
}

fn rename<T, C>(ticket: &mut Ticket<i64, T>, title: T, conn: &mut C) -> versioned_core::Result<i64>
where
    T: Clone,
    C: LoadConnection,
    Ticket<i64, T>: Owner<C::Backend, Version = i64> + OwnerDsl,
{
    ticket.title = title;
    ticket.save(conn)?;
    Ok(ticket.version)
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, color BIGINT NOT NULL, version BIGINT NOT NULL)",
    )?;

    let mut ticket: Ticket<i64, String> = Ticket {
        id: 7,
        title: "concert".into(),
        color: Modulo(5),
        version: 0,
    };
    ticket.insert(conn)?;
    assert_eq!(rename(&mut ticket, "opera".into(), conn)?, 2);
    let ticket = Ticket::<i64, String>::find(&7, conn)?;
    assert_eq!((ticket.title.as_str(), ticket.color), ("opera", Modulo(2)));
    let _: fn(&Ticket<i64, String, i32>) -> i32 = versioned_core::Versioned::version;
    let _ = Text;
    Ok(())
}
