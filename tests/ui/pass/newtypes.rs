//! A newtype as the version, another one as the key.

use std::fmt;

use diesel::connection::SimpleConnection as _;
use diesel::deserialize::{FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Integer};
use diesel::sqlite::{Sqlite, SqliteValue};
use versioned_core::SequentialVersion;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        revision -> Integer,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, AsExpression, FromSqlRow, SequentialVersion)]
#[diesel(sql_type = Integer)]
struct Rev {
    number: i32,
}

impl ToSql<Integer, Sqlite> for Rev {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> diesel::serialize::Result {
        out.set_value(self.number);
        Ok(IsNull::No)
    }
}

impl FromSql<Integer, Sqlite> for Rev {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> diesel::deserialize::Result<Self> {
        FromSql::<Integer, Sqlite>::from_sql(value).map(|number| Self { number })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = BigInt)]
struct TicketId(i64);

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T-{}", self.0)
    }
}

impl ToSql<BigInt, Sqlite> for TicketId {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> diesel::serialize::Result {
        out.set_value(self.0);
        Ok(IsNull::No)
    }
}

impl FromSql<BigInt, Sqlite> for TicketId {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> diesel::deserialize::Result<Self> {
        FromSql::<BigInt, Sqlite>::from_sql(value).map(Self)
    }
}

#[derive(Debug, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, initial = 0)]
struct Ticket {
    id: TicketId,
    #[versioned(version)]
    revision: Rev,
}

#[derive(Debug, Clone, Copy, PartialEq, SequentialVersion)]
struct Plain(i16);

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, revision INTEGER NOT NULL)")?;

    let mut ticket = Ticket {
        id: TicketId(7),
        revision: Rev { number: 9 },
    };
    ticket.insert(conn)?;
    assert_eq!(ticket.revision, Rev { number: 0 });
    ticket.save(conn)?;
    assert_eq!(
        Ticket::find(&TicketId(7), conn)?.revision,
        Rev { number: 1 }
    );
    ticket.revision = Rev { number: i32::MAX };
    let error = ticket.save(conn).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tickets T-7 is at version 2147483647, the maximum of its type: widen the column and the field"
    );

    use versioned_core::version::{SequentialVersion as _, Version as _};
    assert_eq!(Plain::initial(), Plain(1));
    assert_eq!(Plain::starting_at(4).next(), Some(Plain(5)));
    assert_eq!(Plain(i16::MAX).next(), None);
    assert_eq!(Plain(3).token(), 3);
    Ok(())
}
