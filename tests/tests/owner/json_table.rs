//! MySQL and MariaDB: every type of column goes through a batch as it goes through a single write.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bigdecimal::BigDecimal;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use diesel::connection::{InstrumentationEvent, SimpleConnection as _};
use diesel::prelude::*;
use versioned_core::prelude::*;
use versioned_tests::mysql::Db;

diesel::table! {
    everything (id, part) {
        id -> BigInt,
        part -> Unsigned<Bigint>,
        tiny -> Nullable<TinyInt>,
        unsigned_tiny -> Unsigned<TinyInt>,
        small -> Nullable<SmallInt>,
        unsigned_small -> Unsigned<SmallInt>,
        middle -> Integer,
        unsigned -> Unsigned<Integer>,
        float -> Float,
        double -> Nullable<Double>,
        truth -> Bool,
        text -> Nullable<Text>,
        amount -> Nullable<Numeric>,
        day -> Date,
        time -> Nullable<Time>,
        moment -> Datetime,
        stamp -> Timestamp,
        kind -> Nullable<Text>,
        document -> Nullable<Json>,
        version -> Integer,
    }
}

/// In a database whose own character set knows little: that of the columns counts.
const EVERYTHING: &str = "ALTER DATABASE CHARACTER SET latin1;
CREATE TABLE everything (
    id BIGINT NOT NULL, part BIGINT UNSIGNED NOT NULL, tiny TINYINT, unsigned_tiny TINYINT UNSIGNED NOT NULL, small SMALLINT,
    unsigned_small SMALLINT UNSIGNED NOT NULL, middle INTEGER NOT NULL, `unsigned` INTEGER UNSIGNED NOT NULL, `float` FLOAT NOT NULL, `double` DOUBLE,
    truth BOOLEAN NOT NULL, text TEXT, amount DECIMAL(60, 10), day DATE NOT NULL, time TIME(6), moment DATETIME(6) NOT NULL,
    stamp TIMESTAMP(6) NOT NULL DEFAULT '2000-01-01', kind ENUM ('day', 'night'), document JSON, version INTEGER NOT NULL,
    PRIMARY KEY (id, part)
) CHARACTER SET utf8mb4";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = everything, primary_key(id, part))]
#[versioned(owner)]
struct Everything {
    id: i64,
    part: u64,
    tiny: Option<i8>,
    unsigned_tiny: u8,
    small: Option<i16>,
    unsigned_small: u16,
    middle: i32,
    unsigned: u32,
    float: f32,
    double: Option<f64>,
    truth: bool,
    text: Option<String>,
    amount: Option<BigDecimal>,
    day: NaiveDate,
    time: Option<NaiveTime>,
    moment: NaiveDateTime,
    stamp: NaiveDateTime,
    kind: Option<String>,
    document: Option<serde_json::Value>,
    version: i32,
}

fn samples() -> Vec<Everything> {
    let day = NaiveDate::from_ymd_opt(2038, 1, 18).unwrap();
    let full = Everything {
        id: i64::MIN,
        part: u64::MAX,
        tiny: Some(i8::MIN),
        unsigned_tiny: u8::MAX,
        small: Some(i16::MIN),
        unsigned_small: u16::MAX,
        middle: i32::MIN,
        unsigned: u32::MAX,
        float: 0.1,
        double: Some(0.1 + 0.2),
        truth: true,
        text: Some("\"\\ 'ä' 🦀 \u{1}\u{7f}\u{0}\n\t\r\u{2028} {\"a\": [1]} \\u0041 ".into()),
        amount: Some(
            "12345678901234567890123456789012345678901234567890.0123456789"
                .parse()
                .unwrap(),
        ),
        day,
        time: NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999),
        moment: NaiveDate::from_ymd_opt(9999, 12, 31)
            .unwrap()
            .and_hms_micro_opt(23, 59, 59, 999_999)
            .unwrap(),
        stamp: day.and_hms_micro_opt(3, 14, 7, 1).unwrap(),
        kind: Some("night".into()),
        document: Some(serde_json::json!({"a": [1, "ö", null], "b": "\\\""})),
        version: 0,
    };
    let other = Everything {
        id: i64::MAX,
        part: 0,
        float: -16_777_217.0,
        double: Some(5e-324),
        truth: false,
        text: Some(String::new()),
        amount: Some("-0.0000000001".parse().unwrap()),
        day: NaiveDate::from_ymd_opt(1, 2, 3).unwrap(),
        time: NaiveTime::from_hms_opt(0, 0, 0),
        moment: NaiveDate::from_ymd_opt(1000, 1, 1)
            .unwrap()
            .and_hms_opt(0, 0, 0)
            .unwrap(),
        kind: Some("day".into()),
        document: Some(serde_json::Value::Null),
        ..full
    };
    let null = Everything {
        id: 0,
        tiny: None,
        small: None,
        float: f32::MIN_POSITIVE,
        double: None,
        text: None,
        amount: None,
        time: None,
        kind: None,
        document: None,
        ..full
    };
    let large = Everything {
        id: 1,
        tiny: Some(i8::MAX),
        middle: i32::MAX,
        float: f32::MAX,
        double: Some(-f64::MAX),
        text: Some("x".repeat(60_000)),
        ..other.clone()
    };
    vec![full, other, null, large]
}

fn rows(conn: &mut MysqlConnection) -> Vec<Everything> {
    everything::table
        .select(Everything::as_select())
        .order((everything::id, everything::part))
        .load(conn)
        .unwrap()
}

/// Counts the statements that go through JSON, and are not refused: what is refused goes row by row.
struct Tables(Arc<AtomicUsize>);

impl Tables {
    fn on(conn: &mut MysqlConnection) -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::FinishQuery {
                query, error: None, ..
            } = event
                && query.to_string().contains("JSON_TABLE")
            {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self(count)
    }

    /// How many there were since the last time.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

#[test]
fn every_type_goes_through_a_batch_as_through_single_writes() {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.batch_execute(EVERYTHING).unwrap();
    let tables = Tables::on(&mut conn);
    for mut row in samples() {
        row.insert(&mut conn).unwrap();
    }
    let one_by_one = rows(&mut conn);
    conn.batch_execute("DELETE FROM everything").unwrap();
    assert_eq!(tables.take(), 0);

    let mut batch = samples();
    Everything::insert_all(&mut batch, &mut conn).unwrap();
    assert_eq!(tables.take(), 1);
    assert_eq!(rows(&mut conn), one_by_one);

    // Each row gets the values of the next one.
    let values = batch.clone();
    for (row, next) in batch.iter_mut().zip(values.iter().cycle().skip(1)) {
        *row = Everything {
            id: row.id,
            part: row.part,
            version: row.version,
            ..next.clone()
        };
    }
    let mut singles = batch.clone();
    conn.begin_test_transaction().unwrap();
    for row in &mut singles {
        row.save(&mut conn).unwrap();
    }
    let one_by_one = rows(&mut conn);
    conn.batch_execute("ROLLBACK").unwrap();
    let mut conn = db.connect();
    let tables = Tables::on(&mut conn);
    Everything::save_all(&mut batch, &mut conn).unwrap();
    assert_eq!(tables.take(), 1);
    assert_eq!(rows(&mut conn), one_by_one);
    assert_eq!(singles, batch);

    Everything::delete_all(&mut batch, &mut conn).unwrap();
    assert_eq!(tables.take(), 1);
    assert_eq!(rows(&mut conn), []);
}

#[test]
fn a_value_that_its_column_does_not_take_is_told_as_by_a_single_write() {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.batch_execute(EVERYTHING).unwrap();
    let mut batch = samples();
    Everything::insert_all(&mut batch, &mut conn).unwrap();
    let before = rows(&mut conn);
    batch[2].kind = Some("noon".into());
    let mut single = batch[2].clone();
    let of_one = single.save(&mut conn).map(drop).unwrap_err();
    let of_all = Everything::save_all(&mut batch, &mut conn)
        .map(drop)
        .unwrap_err();
    assert_eq!(of_all.to_string(), of_one.to_string());
    assert_eq!(rows(&mut conn), before);
    assert!(batch.iter().all(|row| row.version == 1));
}

diesel::table! {
    notes (id) {
        id -> Text,
        bytes -> Nullable<Binary>,
        version -> BigInt,
    }
}

/// A text has a collation, and bytes are no text.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = notes)]
#[versioned(owner)]
struct Note {
    id: String,
    bytes: Option<Vec<u8>>,
    version: i64,
}

#[test]
fn keys_that_are_text_and_columns_of_bytes_go_row_by_row() {
    let db = Db::fresh(
        "CREATE TABLE notes (id VARCHAR(20) CHARACTER SET latin1 PRIMARY KEY, bytes BLOB, version BIGINT NOT NULL)",
    );
    let mut conn = db.connect();
    let tables = Tables::on(&mut conn);
    let mut batch: Vec<Note> = ["ä", "b", "c", "d", "e"]
        .map(|id| Note {
            id: id.into(),
            bytes: Some(vec![0, 255]),
            version: 0,
        })
        .into();
    Note::insert_all(&mut batch, &mut conn).unwrap();
    batch[1].bytes = None;
    Note::save_all(&mut batch, &mut conn).unwrap();
    assert_eq!(tables.take(), 0);
    let rows: Vec<Note> = notes::table
        .select(Note::as_select())
        .load(&mut conn)
        .unwrap();
    assert_eq!(rows.len(), batch.len());
    assert!(rows.iter().all(|row| batch.contains(row)));
}

diesel::table! {
    labels (id) {
        id -> Text,
        text -> Text,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = labels)]
#[versioned(owner)]
struct Label {
    id: String,
    text: String,
    version: i64,
}

const LABELS: &str = "CREATE TABLE labels (id VARCHAR(20) PRIMARY KEY, text MEDIUMTEXT NOT NULL, version BIGINT NOT NULL)";

fn labels(count: usize, text: &str) -> Vec<Label> {
    let label = |id: usize| Label {
        id: id.to_string(),
        text: text.into(),
        version: 0,
    };
    (0..count).map(label).collect()
}

/// An INSERT compares no keys.
#[test]
fn rows_whose_keys_are_text_are_inserted_at_once_and_saved_one_by_one() {
    let db = Db::fresh(LABELS);
    let mut conn = db.connect();
    let tables = Tables::on(&mut conn);
    let mut batch = labels(5, "a");
    Label::insert_all(&mut batch, &mut conn).unwrap();
    assert_eq!(tables.take(), 1);
    Label::save_all(&mut batch, &mut conn).unwrap();
    assert_eq!(tables.take(), 0);
    let rows: Vec<Label> = labels::table
        .select(Label::as_select())
        .order(labels::id)
        .load(&mut conn)
        .unwrap();
    assert_eq!(rows, batch);
    assert!(rows.iter().all(|row| row.version == 2));
}

/// The database takes a statement of so many bytes and no more.
#[test]
fn a_statement_that_grows_large_is_followed_by_another_one() {
    let db = Db::fresh(LABELS);
    let mut conn = db.connect();
    let tables = Tables::on(&mut conn);
    let mut batch = labels(5, &"x".repeat(400 * 1024));
    Label::insert_all(&mut batch, &mut conn).unwrap();
    assert_eq!(tables.take(), 2, "of three rows, and of two");
    let rows: i64 = labels::table.count().get_result(&mut conn).unwrap();
    assert_eq!(rows, 5);
}
