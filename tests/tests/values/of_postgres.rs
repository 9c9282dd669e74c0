//! Types that only PostgreSQL has: of extensions, whose numbers it must be asked for.

use std::fmt;
use std::ops::Bound;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use diesel::connection::{InstrumentationEvent, SimpleConnection as _};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use versioned_core::{Error, Event, EventError, MIGRATIONS, Outcome};

use super::backend::prelude::*;
use super::backend::{Conn, Db};

#[derive(Debug, diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(name = "mood"))]
pub struct MoodSql;

#[derive(Debug, diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(name = "citext"))]
pub struct CitextSql;

macro_rules! texts {
    ($($name:ident: $sql_type:ty;)*) => {$(
        #[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow, Serialize, Deserialize)]
        #[diesel(sql_type = $sql_type)]
        struct $name(String);

        impl ToSql<$sql_type, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(self.0.as_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl FromSql<$sql_type, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                Ok(Self(String::from_utf8(value.as_bytes().to_vec())?))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self(text.to_owned()))
            }
        }
    )*};
}

texts! {
    Mood: MoodSql;
    Citext: CitextSql;
}

/// A key of an array.
#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow, Serialize, Deserialize)]
#[diesel(sql_type = diesel::sql_types::Array<diesel::sql_types::BigInt>)]
struct Path(Vec<i64>);

type PathSql = diesel::sql_types::Array<diesel::sql_types::BigInt>;

impl ToSql<PathSql, Pg> for Path {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <Vec<i64> as ToSql<PathSql, Pg>>::to_sql(&self.0, out)
    }
}

impl FromSql<PathSql, Pg> for Path {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <Vec<i64> as FromSql<PathSql, Pg>>::from_sql(value).map(Self)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(i64::to_string).collect();
        f.write_str(&parts.join("/"))
    }
}

impl FromStr for Path {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split('/')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// A database with these types.
fn fresh(ddl: &str) -> (Db, Conn) {
    let db = Db::fresh(
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE EXTENSION IF NOT EXISTS citext;",
    );
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    conn.batch_execute(ddl).unwrap();
    (db, conn)
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable};
    use super::{CitextSql, MoodSql};

    days (id) {
        id -> BigInt,
        mood -> MoodSql,
        name -> Nullable<CitextSql>,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = days)]
#[versioned(owner)]
struct Day {
    id: i64,
    mood: Mood,
    name: Option<Citext>,
    version: i64,
}

#[test]
fn a_batch_of_types_of_extensions_is_one_statement() {
    let (_db, mut conn) = fresh(
        "CREATE TABLE days (id BIGINT PRIMARY KEY, mood mood NOT NULL, name CITEXT, version BIGINT NOT NULL)",
    );
    let conn = &mut conn;
    let mut all: Vec<_> = (0..60)
        .map(|id| Day {
            id,
            mood: Mood(["sad", "ok", "happy"][usize::try_from(id % 3).unwrap()].into()),
            name: (id % 2 == 0).then(|| Citext(format!("Day {id}"))),
            version: 0,
        })
        .collect();
    Day::insert_all(&mut all, conn).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            // diesel-async asks for the numbers of the types once.
            if !text.contains("pg_type") {
                log.lock().unwrap().push(text);
            }
        }
    });
    for day in &mut all {
        day.mood = Mood("ok".into());
    }
    Day::save_all(&mut all, conn).unwrap();
    let statements = seen.lock().unwrap().clone();
    assert_eq!(statements.len(), 1, "{statements:#?}");
    for day in &all {
        assert_eq!(&Day::find(&day.id, conn).unwrap(), day);
    }
    Day::delete_all(&mut all, conn).unwrap();
    assert_eq!(days::table.count().get_result::<i64>(conn).unwrap(), 0);
}

macro_rules! keyed {
    ($($module:ident: $key:ty, $sql_type:path, $column:literal, $keys:expr;)*) => {$(
        mod $module {
            use super::*;

            diesel::table! {
                use diesel::sql_types::BigInt;

                things (id) {
                    id -> $sql_type,
                    price -> BigInt,
                    version -> BigInt,
                }
            }

            #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
            #[diesel(table_name = things)]
            #[versioned(owner)]
            struct Thing {
                id: $key,
                price: i64,
                version: i64,
            }

            #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
            #[diesel(table_name = things)]
            #[versioned(dependent, entity = "things", policy = "latest")]
            struct Copied {
                id: $key,
                price: i64,
                version: i64,
            }

            #[test]
            fn events_of_many_records_are_applied_together() {
                let (_db, mut conn) = fresh(concat!(
                    "CREATE TABLE things (id ", $column,
                    " PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)",
                ));
                let conn = &mut conn;
                let keys: Vec<$key> = $keys;
                let event = |id: &$key, version: i64, deleted: bool| -> Event<Copied> {
                    let data = serde_json::json!({ "id": id, "price": version * 10, "version": version });
                    let event = serde_json::json!({
                        "entity": "things", "key": id.to_string(), "version": version,
                        "op": if deleted { "deleted" } else { "updated" },
                        "data": if deleted { serde_json::Value::Null } else { data },
                    });
                    serde_json::from_value(event).unwrap()
                };
                let put: Vec<_> = keys.iter().map(|id| event(id, 1, false)).collect();
                assert_eq!(Copied::apply_all(&put, conn).unwrap(), vec![Outcome::Applied; keys.len()]);
                let mut next: Vec<_> = keys.iter().skip(1).map(|id| event(id, 2, false)).collect();
                next.push(event(&keys[0], 2, true));
                assert_eq!(Copied::apply_all(&next, conn).unwrap(), vec![Outcome::Applied; keys.len()]);
                for id in &keys[1..] {
                    let row = Copied::find(id, conn).unwrap();
                    assert_eq!((row.price, row.version), (20, 2));
                }
                let gone = Copied::find(&keys[0], conn);
                assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
                for id in &keys[1..] {
                    assert_eq!(Copied::apply(&event(id, 3, true), conn).unwrap(), Outcome::Applied);
                }
                assert_eq!(things::table.count().get_result::<i64>(conn).unwrap(), 0);
            }

            #[test]
            fn an_owner_writes_them() {
                let (_db, mut conn) = fresh(concat!(
                    "CREATE TABLE things (id ", $column,
                    " PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)",
                ));
                let conn = &mut conn;
                let keys: Vec<$key> = $keys;
                let new = |id: &$key| Thing { id: id.clone(), price: 1, version: 0 };
                let mut all: Vec<_> = keys.iter().map(new).collect();
                Thing::insert_all(&mut all, conn).unwrap();
                Thing::save_all(&mut all, conn).unwrap();
                all[0].save(conn).unwrap();
                all[0].touch(conn).unwrap();
                assert_eq!(Thing::find(&keys[0], conn).unwrap(), all[0]);
                Thing::delete_all(&mut all, conn).unwrap();
                assert_eq!(things::table.count().get_result::<i64>(conn).unwrap(), 0);
            }
        }
    )*};
}

keyed! {
    of_an_enum: Mood, super::super::MoodSql, "mood", ["sad", "ok", "happy"].map(|mood| Mood(mood.into())).to_vec();
    of_citext: Citext, super::super::CitextSql, "CITEXT", (0..8).map(|n| Citext(format!("Key {n}"))).collect();
    of_an_array: Path, super::super::PathSql, "BIGINT[]", (0..8).map(|n| Path(vec![n, n + 1])).collect();
}

diesel::table! {
    use super::CitextSql;
    use diesel::sql_types::BigInt;

    people (name) {
        name -> CitextSql,
        age -> BigInt,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = people, primary_key(name))]
#[versioned(dependent, entity = "people")]
struct PersonCopy {
    name: Citext,
    age: i64,
    version: i64,
}

#[test]
fn citext_keeps_records_apart() {
    let (_db, mut conn) = fresh(
        "CREATE TABLE people (name CITEXT PRIMARY KEY, age BIGINT NOT NULL, version BIGINT NOT NULL)",
    );
    let conn = &mut conn;
    let created = |name: &str| -> Event<PersonCopy> {
        let event = serde_json::json!({
            "entity": "people", "key": name, "version": 1, "op": "created",
            "data": { "name": name, "age": 20, "version": 1 },
        });
        serde_json::from_value(event).unwrap()
    };
    assert_eq!(
        PersonCopy::apply(&created("abc"), conn).unwrap(),
        Outcome::Applied
    );
    match PersonCopy::apply(&created("ABC"), conn) {
        Err(Error::Event(error)) => {
            let clash = EventError::KeyClash {
                received: "ABC".into(),
                found: "abc".into(),
            };
            assert_eq!(error, clash);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(people::table.count().get_result::<i64>(conn).unwrap(), 1);
}

diesel::table! {
    use diesel::sql_types::{Array, BigInt, Int4range, Numeric};

    offers (id) {
        id -> BigInt,
        days -> Int4range,
        prices -> Array<Numeric>,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = offers)]
#[versioned(owner, outbox)]
struct Offer {
    id: i64,
    days: (Bound<i32>, Bound<i32>),
    prices: Vec<bigdecimal::BigDecimal>,
    version: i64,
}

/// A range of integers has one form, and the elements of an array are rounded.
#[test]
fn an_event_has_what_the_columns_made() {
    let (_db, mut conn) = fresh(
        "CREATE TABLE offers (id BIGINT PRIMARY KEY, days INT4RANGE NOT NULL, prices NUMERIC(10, 2)[] NOT NULL,
            version BIGINT NOT NULL)",
    );
    let conn = &mut conn;
    let price = |text: &str| text.parse::<bigdecimal::BigDecimal>().unwrap();
    let offer = |id| Offer {
        id,
        days: (Bound::Included(1), Bound::Included(3)),
        prices: vec![price("1.006"), price("2")],
        version: 0,
    };
    let announced = |offer: &Offer, last: i32, conn: &mut Conn| {
        let row = Offer::find(&offer.id, conn).unwrap();
        assert_eq!(row.days, (Bound::Included(1), Bound::Excluded(last)));
        assert_eq!(row.prices, [price("1.01"), price("2.00")]);
        assert_eq!(offer, &row);
        let data = diesel::dsl::sql::<diesel::sql_types::Text>(
            "SELECT payload FROM versioned_outbox ORDER BY id DESC LIMIT 1",
        )
        .get_result::<String>(conn)
        .unwrap();
        let event: serde_json::Value = serde_json::from_str(&data).unwrap();
        assert_eq!(event["data"], serde_json::to_value(&row).unwrap());
    };
    let mut one = offer(1);
    one.insert(conn).unwrap();
    announced(&one, 4, conn);
    one.days.1 = Bound::Included(8);
    one.prices[0] = price("1.009");
    one.save(conn).unwrap();
    announced(&one, 9, conn);
    let mut all: Vec<_> = (2..6).map(offer).collect();
    Offer::insert_all(&mut all, conn).unwrap();
    announced(&all[3], 4, conn);
    for offer in &mut all {
        offer.days.1 = Bound::Included(8);
    }
    Offer::save_all(&mut all, conn).unwrap();
    announced(&all[3], 9, conn);
}
