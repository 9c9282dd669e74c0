//! Values and keys of each type, drawn at random, through owner, event and replica: the replica holds what the owner's row
//! holds, or the write was refused before anything was written.

use std::cell::{Cell, RefCell};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use versioned_tests::random;

use super::*;

macro_rules! tables {
    ($($name:ident)*) => {$(
        diesel::table! {
            $name (id) {
                id -> BigInt,
                small -> SmallInt,
                #[sql_name = "integer_"]
                integer -> Integer,
                maybe -> Nullable<BigInt>,
                #[sql_name = "boolean_"]
                boolean -> Bool,
                #[sql_name = "double_"]
                double -> Double,
                #[sql_name = "float_"]
                float -> Float,
                text -> Text,
                maybe_text -> Nullable<Text>,
                #[sql_name = "blob_"]
                blob -> Binary,
                day -> Date,
                clock -> Time,
                moment -> Timestamp,
                maybe_moment -> Nullable<Timestamp>,
                version -> BigInt,
            }
        }
    )*};
}

tables! { samples copies }

macro_rules! records {
    ($($name:ident in $table:ident ($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = $table)]
        #[versioned($($keys)*)]
        struct $name {
            id: i64,
            small: i16,
            integer: i32,
            maybe: Option<i64>,
            boolean: bool,
            double: f64,
            float: f32,
            text: String,
            maybe_text: Option<String>,
            blob: Vec<u8>,
            day: chrono::NaiveDate,
            clock: chrono::NaiveTime,
            moment: chrono::NaiveDateTime,
            maybe_moment: Option<chrono::NaiveDateTime>,
            version: i64,
        }
    )*};
}

records! {
    Stored in samples (owner, outbox, entity = "sample");
    Copied in copies (dependent, entity = "sample");
}

/// The columns of the owner round what those of the replica do not.
fn tables() -> String {
    let table = |name: &str, time: &str, moment: &str, maybe_moment: &str| {
        let double = on("DOUBLE", "DOUBLE PRECISION", "DOUBLE");
        let text = on("TEXT", "TEXT", "LONGTEXT CHARACTER SET utf8mb4");
        format!(
            "CREATE TABLE {name} (
                id BIGINT PRIMARY KEY,
                small SMALLINT NOT NULL,
                integer_ INTEGER NOT NULL,
                maybe BIGINT,
                boolean_ BOOLEAN NOT NULL,
                double_ {double} NOT NULL,
                float_ {float} NOT NULL,
                text {text} NOT NULL,
                maybe_text {text},
                blob_ {blob} NOT NULL,
                day DATE NOT NULL,
                clock {time} NOT NULL,
                moment {moment} NOT NULL,
                maybe_moment {maybe_moment},
                version BIGINT NOT NULL
            );",
            float = on("FLOAT", "REAL", "FLOAT"),
            blob = on("BLOB", "BYTEA", "LONGBLOB"),
        )
    };
    let (time, moment) = (
        on("TIME", "TIME(3)", "TIME(3)"),
        on("TIMESTAMP", "TIMESTAMP(3)", "DATETIME(3)"),
    );
    let narrow = table(
        "samples",
        time,
        moment,
        on("TIMESTAMP", "TIMESTAMP(0)", "DATETIME"),
    );
    let moment = on("TIMESTAMP", "TIMESTAMP", "DATETIME(6)");
    let wide = table("copies", on("TIME", "TIME", "TIME(6)"), moment, moment);
    format!("{narrow}{wide}")
}

fn records() -> impl Strategy<Value = Stored> {
    let numbers = (
        any::<i16>(),
        any::<i32>(),
        any::<Option<i64>>(),
        any::<bool>(),
        doubles(),
        floats(),
    );
    let others = (texts(), proptest::option::of(texts()), blobs());
    let moments = (moments(), times(), recent(), proptest::option::of(recent()));
    (numbers, others, moments).prop_map(
        |(numbers, (text, maybe_text, blob), (day, clock, moment, maybe_moment))| {
            let (small, integer, maybe, boolean, double, float) = numbers;
            Stored {
                id: 0,
                small,
                integer,
                maybe,
                boolean,
                double,
                float,
                text,
                maybe_text,
                blob,
                day: day.date(),
                clock,
                moment,
                maybe_moment,
                version: 0,
            }
        },
    )
}

/// The columns as text: NaN is itself then, and -0 is not 0.
fn columns<T: std::fmt::Debug>(record: &T) -> String {
    let text = format!("{record:?}");
    text.split_once(' ')
        .map(|(_, columns)| columns.to_owned())
        .unwrap()
}

#[test]
fn the_replica_holds_what_the_row_holds() {
    let (_db, mut conn) = fresh(&tables());
    let conn = RefCell::new(&mut conn);
    let ids = Cell::new(0);
    let strategy = proptest::collection::vec(records(), 2..7);
    let config = Config {
        cases: random::cases(60),
        rng_seed: RngSeed::Fixed(random::seed()),
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&strategy, |records| {
            let conn: &mut Conn = &mut conn.borrow_mut();
            ids.set(ids.get() + 1);
            let id: i64 = ids.get();
            let mut model: Option<Stored> = None;
            for record in records {
                let there = Stored::find(&id, conn).ok();
                let announced = told(conn).len();
                let mut next = Stored {
                    id,
                    version: model.as_ref().map_or(0, |model| model.version),
                    ..record
                };
                let written = if model.is_some() {
                    next.save(conn).map(drop)
                } else {
                    next.insert(conn).map(drop)
                };
                if written.is_ok() {
                    model = Some(next);
                } else {
                    let now = Stored::find(&id, conn).ok();
                    prop_assert_eq!(
                        (format!("{now:?}"), told(conn).len()),
                        (format!("{there:?}"), announced),
                        "refused, and written"
                    );
                }
            }
            let payloads = diesel::sql_query("SELECT payload FROM versioned_outbox ORDER BY id");
            for event in payloads.load::<Payload>(conn).unwrap() {
                let event: Event<Copied> = serde_json::from_str(&event.payload)
                    .map_err(|error| TestCaseError::fail(format!("{error}: {}", event.payload)))?;
                let applied = Copied::apply(&event, conn)
                    .map_err(|error| TestCaseError::fail(format!("{error}: {event:?}")))?;
                prop_assert_eq!(applied, Outcome::Applied);
            }
            diesel::sql_query("DELETE FROM versioned_outbox")
                .execute(conn)
                .unwrap();
            let Some(model) = model else { return Ok(()) };
            let row = Stored::find(&id, conn).unwrap();
            let copy = Copied::find(&id, conn).unwrap();
            prop_assert_eq!(columns(&copy), columns(&row));
            // What is in memory is the row's too, as an event was written.
            prop_assert_eq!(columns(&model), columns(&row));
            Ok(())
        })
        .unwrap();
}

#[derive(QueryableByName)]
struct Payload {
    #[diesel(sql_type = diesel::sql_types::Text)]
    payload: String,
}

/// From the year 1 to 9999, to the nanosecond.
fn moments() -> impl Strategy<Value = chrono::NaiveDateTime> {
    (-62_000_000_000_i64..253_000_000_000, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| {
        chrono::DateTime::from_timestamp(seconds, nanos)
            .unwrap()
            .naive_utc()
    })
}

/// What a TIMESTAMP of MySQL has as well.
fn recent() -> impl Strategy<Value = chrono::NaiveDateTime> {
    (1_000_000_000_i64..1_900_000_000, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| {
        chrono::DateTime::from_timestamp(seconds, nanos)
            .unwrap()
            .naive_utc()
    })
}

fn times() -> impl Strategy<Value = chrono::NaiveTime> {
    moments().prop_map(|at| at.time())
}

/// No database has NUL in a text.
fn texts() -> impl Strategy<Value = String> {
    "[^\u{0}]{0,40}"
}

fn doubles() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{INFINITE, NEGATIVE, NORMAL, POSITIVE, QUIET_NAN, SUBNORMAL, ZERO};
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO | INFINITE | QUIET_NAN
}

fn floats() -> impl Strategy<Value = f32> {
    use proptest::num::f32::{INFINITE, NEGATIVE, NORMAL, POSITIVE, QUIET_NAN, ZERO};
    POSITIVE | NEGATIVE | NORMAL | ZERO | INFINITE | QUIET_NAN
}

fn blobs() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..60)
}

/// A key that the owner wrote is the key of one record at the replica, whatever the text is.
#[test]
fn keys_of_any_text_are_records_of_their_own() {
    diesel::table! {
        named (name) {
            name -> VarChar,
            price -> BigInt,
            version -> BigInt,
        }
    }

    diesel::table! {
        name_copies (name) {
            name -> VarChar,
            price -> BigInt,
            version -> BigInt,
        }
    }

    #[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
    #[diesel(table_name = named, primary_key(name))]
    #[versioned(owner, outbox, tombstones, entity = "named")]
    struct Named {
        name: String,
        price: i64,
        version: i64,
    }

    #[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
    #[diesel(table_name = name_copies, primary_key(name))]
    #[versioned(dependent, entity = "named copies")]
    struct Copied {
        name: String,
        price: i64,
        version: i64,
    }

    // The owner's column keeps what the replica's takes for the same.
    let exact = on(
        "TEXT",
        "VARCHAR(100)",
        "VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    );
    let coarse = on(
        "TEXT COLLATE NOCASE",
        "VARCHAR(100) COLLATE coarse",
        "VARCHAR(100) CHARACTER SET utf8mb4",
    );
    let collation = on(
        "",
        "CREATE COLLATION coarse (provider = icu, locale = 'und-u-ks-level1', deterministic = false);",
        "",
    );
    let (_db, mut conn) = fresh(&format!(
        "{collation}
        CREATE TABLE named (name {exact} NOT NULL PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL);
        CREATE TABLE name_copies (name {coarse} NOT NULL PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL);"
    ));
    let conn = RefCell::new(&mut conn);
    let strategy = proptest::collection::vec(("[aAäÄ ßsS\u{301}]{0,3}", any::<bool>()), 1..12);
    let config = Config {
        cases: random::cases(40),
        rng_seed: RngSeed::Fixed(random::seed()),
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&strategy, |writes| {
            let conn: &mut Conn = &mut conn.borrow_mut();
            for (name, delete) in writes {
                let written = match Named::find(&name, conn) {
                    Ok(mut row) if delete => row.delete(conn).map(drop),
                    Ok(mut row) => row.save(conn).map(drop),
                    Err(_) => Named { name: name.clone(), price: 1, version: 0 }.insert(conn).map(drop),
                };
                // A column that pads takes `a` and `a ` for one key.
                let taken = matches!(&written, Err(Error::Database(error)) if error.to_string().to_lowercase().contains("unique") || error.to_string().contains("Duplicate"));
                prop_assert!(written.is_ok() || taken, "{:?}", written);
            }
            let payloads = diesel::sql_query("SELECT payload FROM versioned_outbox ORDER BY id");
            for event in payloads.load::<Payload>(conn).unwrap() {
                let mut event: Event<Copied> = serde_json::from_str(&event.payload).unwrap();
                event.entity = "named copies".into();
                let key = event.key.clone();
                match Copied::apply(&event, conn) {
                    Ok(outcome) => {
                        // What was refused before leaves a gap.
                        let gap = matches!(outcome, Outcome::Gap { .. });
                        prop_assert!(gap || outcome == Outcome::Applied, "{key:?}: {outcome:?}");
                    }
                    Err(Error::Event(EventError::KeyClash { received, found })) => {
                        prop_assert_eq!(&received, &key);
                        prop_assert_ne!(received, found);
                    }
                    Err(error) => return Err(TestCaseError::fail(format!("{key:?}: {error}"))),
                }
            }
            diesel::sql_query("DELETE FROM versioned_outbox").execute(conn).unwrap();
            // Each row of the replica is as one version of the owner's row with the same key was.
            let rows: Vec<(String, i64, i64)> = name_copies::table.load(conn).unwrap();
            for (name, _, version) in rows {
                let there = Named::find(&name, conn);
                if let Ok(row) = there {
                    prop_assert!(version <= row.version, "{name:?}: {version} > {}", row.version);
                }
            }
            Ok(())
        })
        .unwrap();
}
