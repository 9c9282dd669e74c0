//! Types that only MySQL and MariaDB have.

use diesel::connection::SimpleConnection as _;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::mysql::data_types::{MysqlTime, MysqlTimestampType};
use diesel::mysql::{Mysql, MysqlValue};
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use versioned_core::MIGRATIONS;

use super::backend::Db;
use super::backend::prelude::*;

diesel::table! {
    spans (id) {
        id -> BigInt,
        span -> Time,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = spans)]
#[versioned(owner)]
struct Span {
    id: i64,
    span: MysqlTime,
    version: i64,
}

fn span(id: i64, day: u32, hour: u32) -> Span {
    let kind = MysqlTimestampType::MYSQL_TIMESTAMP_TIME;
    Span {
        id,
        span: MysqlTime::new(0, 0, day, hour, 1, 2, 0, false, kind, 0),
        version: 0,
    }
}

/// Diesel has the hours beyond a day as days, and no negative times.
#[test]
fn a_time_of_more_than_a_day_is_kept() {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE spans (id BIGINT PRIMARY KEY, span TIME NOT NULL, version BIGINT NOT NULL)",
    )
    .unwrap();
    let conn = &mut conn;
    let text = "CAST(span AS CHAR)";
    let times = |conn: &mut _| {
        spans::table
            .order(spans::id)
            .select(diesel::dsl::sql::<diesel::sql_types::Text>(text))
            .load::<String>(conn)
            .unwrap()
    };
    let expected = ["25:01:02", "49:01:02", "01:01:02", "838:01:02"];
    let all = || vec![span(1, 1, 1), span(2, 2, 1), span(3, 0, 1), span(4, 34, 22)];
    for model in &mut all() {
        model.insert(conn).unwrap();
    }
    assert_eq!(times(conn), expected);
    diesel::delete(spans::table).execute(conn).unwrap();
    let mut many = all();
    Span::insert_all(&mut many, conn).unwrap();
    assert_eq!(times(conn), expected);
    Span::save_all(&mut many, conn).unwrap();
    assert_eq!(times(conn), expected);
    let mut loaded: Vec<Span> = (1..=4).map(|id| Span::find(&id, conn).unwrap()).collect();
    Span::save_all(&mut loaded, conn).unwrap();
    assert_eq!(times(conn), expected);
    assert!(loaded.iter().all(|span| span.version == 3));
}

#[derive(Debug, diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
#[diesel(mysql_type(name = "Enum"))]
pub struct SizeSql;

#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow, Serialize, Deserialize)]
#[diesel(sql_type = SizeSql)]
struct Size(String);

impl ToSql<SizeSql, Mysql> for Size {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Mysql>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<SizeSql, Mysql> for Size {
    fn from_sql(value: MysqlValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(String::from_utf8(value.as_bytes().to_vec())?))
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Double};
    use super::SizeSql;

    parcels (id) {
        id -> BigInt,
        size -> SizeSql,
        code -> Binary,
        weight -> Double,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = parcels)]
#[versioned(owner, outbox)]
struct Parcel {
    id: i64,
    size: Size,
    code: Vec<u8>,
    weight: f64,
    version: i64,
}

/// ENUM has one spelling of a value, BINARY(n) pads, and DOUBLE(m, d) rounds.
#[test]
fn an_event_has_what_the_columns_made() {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    conn.batch_execute(
        "CREATE TABLE parcels (id BIGINT PRIMARY KEY, size ENUM('Small', 'Large') NOT NULL, code BINARY(4) NOT NULL,
            weight DOUBLE(10,2) NOT NULL, version BIGINT NOT NULL)",
    )
    .unwrap();
    let conn = &mut conn;
    let parcel = |id, size: &str, weight| Parcel {
        id,
        size: Size(size.into()),
        code: vec![1, 2],
        weight,
        version: 0,
    };
    let announced = |parcel: &Parcel, size: &str, weight: f64, conn: &mut _| {
        let row = Parcel::find(&parcel.id, conn).unwrap();
        let expected = (size, &[1, 2, 0, 0][..], weight);
        assert_eq!((row.size.0.as_str(), &row.code[..], row.weight), expected);
        assert_eq!(parcel, &row);
        let data = diesel::dsl::sql::<diesel::sql_types::Text>(
            "SELECT payload FROM versioned_outbox ORDER BY id DESC LIMIT 1",
        )
        .get_result::<String>(conn)
        .unwrap();
        let event: serde_json::Value = serde_json::from_str(&data).unwrap();
        assert_eq!(event["data"], serde_json::to_value(&row).unwrap());
    };
    let mut one = parcel(1, "small", 1.005);
    one.insert(conn).unwrap();
    announced(&one, "Small", 1.0, conn);
    one.size = Size("LARGE".into());
    one.code = vec![1, 2];
    one.weight = 2.006;
    one.save(conn).unwrap();
    announced(&one, "Large", 2.01, conn);
    let mut all: Vec<_> = (2..6).map(|id| parcel(id, "SMALL", 3.004)).collect();
    Parcel::insert_all(&mut all, conn).unwrap();
    announced(&all[3], "Small", 3.0, conn);
    for parcel in &mut all {
        parcel.size = Size("large".into());
        parcel.code = vec![1, 2];
    }
    Parcel::save_all(&mut all, conn).unwrap();
    announced(&all[3], "Large", 3.0, conn);
}
