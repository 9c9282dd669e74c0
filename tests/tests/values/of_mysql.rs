//! Types that only MySQL and MariaDB have.

use diesel::connection::SimpleConnection as _;
use diesel::mysql::data_types::{MysqlTime, MysqlTimestampType};
use diesel::prelude::*;

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
    conn.batch_execute("CREATE TABLE spans (id BIGINT PRIMARY KEY, span TIME NOT NULL, version BIGINT NOT NULL)")
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
