//! Values and keys of each type, drawn at random, through owner, event and replica: the replica holds what the owner's row
//! holds, or the write was refused before anything was written.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use versioned_tests::random;

use super::*;

/// Each of these has a table at the owner and one at the replica, in one database. The column at the replica is the wider one.
macro_rules! values {
    ($($(#[$attribute:meta])* $test:ident: $value:ty, $sql_type:ty, $column:expr, $wide:expr, $strategy:expr;)*) => {$(
        $(#[$attribute])*
        mod $test {
            use super::*;

            diesel::table! {
                use diesel::sql_types::*;
                stored (id) {
                    id -> BigInt,
                    value -> $sql_type,
                    version -> BigInt,
                }
            }

            diesel::table! {
                use diesel::sql_types::*;
                copies (id) {
                    id -> BigInt,
                    value -> $sql_type,
                    version -> BigInt,
                }
            }

            #[derive(Debug, Clone, Queryable, Selectable, Serialize, Versioned)]
            #[diesel(table_name = stored)]
            #[versioned(owner, outbox, entity = "stored")]
            struct Stored {
                id: i64,
                value: $value,
                version: i64,
            }

            #[derive(Debug, Clone, Queryable, Selectable, Deserialize, Serialize, Versioned)]
            #[diesel(table_name = copies)]
            #[versioned(dependent, entity = "stored")]
            struct Copied {
                id: i64,
                value: $value,
                version: i64,
            }

            #[test]
            fn the_replica_holds_what_the_row_holds() {
                let (column, wide): (&str, &str) = ($column, $wide);
                if column.is_empty() {
                    return;
                }
                let (_db, mut conn) = fresh(&format!(
                    "CREATE TABLE stored (id BIGINT PRIMARY KEY, value {column}, version BIGINT NOT NULL);
                    CREATE TABLE copies (id BIGINT PRIMARY KEY, value {wide}, version BIGINT NOT NULL);"
                ));
                let conn = &mut conn;
                let mut id = 0;
                let strategy = proptest::collection::vec($strategy, 2..7);
                let config = Config {
                    cases: random::cases(24),
                    rng_seed: RngSeed::Fixed(random::seed()),
                    failure_persistence: None,
                    ..Config::default()
                };
                TestRunner::new(config)
                    .run(&strategy, |values: Vec<$value>| {
                        id += 1;
                        let mut values = values.into_iter();
                        let value = values.next().unwrap();
                        let mut model = Stored { id, value, version: 0 };
                        let mut written = model.insert(conn).is_ok();
                        for value in values {
                            let there = Stored::find(&id, conn).ok().map(|row| row.version);
                            let announced = told(conn).len();
                            model.value = value;
                            let saved = if written { model.save(conn).map(drop) } else { model.insert(conn).map(drop) };
                            if saved.is_err() {
                                let now = Stored::find(&id, conn).ok().map(|row| row.version);
                                prop_assert_eq!((now, told(conn).len()), (there, announced), "refused, and written");
                                continue;
                            }
                            written = true;
                        }
                        if !written {
                            return Ok(());
                        }
                        let text = on("CAST(payload AS TEXT)", "payload", "payload");
                        let payloads = diesel::sql_query(format!(
                            "SELECT {text} AS payload FROM versioned_outbox ORDER BY id"
                        ));
                        for event in payloads.load::<Payload>(conn).unwrap() {
                            let event: Event<Copied> = serde_json::from_str(&event.payload)
                                .map_err(|error| TestCaseError::fail(format!("{error}: {}", event.payload)))?;
                            let applied = Copied::apply(&event, conn)
                                .map_err(|error| TestCaseError::fail(format!("{error}: {event:?}")))?;
                            prop_assert_eq!(applied, Outcome::Applied);
                        }
                        diesel::sql_query("DELETE FROM versioned_outbox").execute(conn).unwrap();
                        let row = Stored::find(&id, conn).unwrap();
                        let copy = Copied::find(&id, conn).unwrap();
                        prop_assert_eq!(format!("{:?}", copy.value), format!("{:?}", row.value));
                        prop_assert_eq!(copy.version, row.version);
                        // What is in memory is the row's too, as an event was written.
                        prop_assert_eq!(format!("{:?}", model.value), format!("{:?}", row.value));
                        Ok(())
                    })
                    .unwrap();
            }
        }
    )*};
}

#[derive(QueryableByName)]
struct Payload {
    #[diesel(sql_type = diesel::sql_types::Text)]
    payload: String,
}

/// From the year 1 to 9999, to the nanosecond.
fn moments() -> impl Strategy<Value = chrono::NaiveDateTime> {
    (-62_000_000_000_i64..253_000_000_000, 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanos)| chrono::DateTime::from_timestamp(seconds, nanos).unwrap().naive_utc())
}

/// What a TIMESTAMP of MySQL has as well.
fn recent() -> impl Strategy<Value = chrono::NaiveDateTime> {
    (1_000_000_000_i64..1_900_000_000, 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanos)| chrono::DateTime::from_timestamp(seconds, nanos).unwrap().naive_utc())
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

values! {
    small: i16, SmallInt, "SMALLINT NOT NULL", "SMALLINT NOT NULL", any::<i16>();
    integer: i32, Integer, "INTEGER NOT NULL", "INTEGER NOT NULL", any::<i32>();
    big: i64, BigInt, "BIGINT NOT NULL", "BIGINT NOT NULL", any::<i64>();
    maybe: Option<i64>, Nullable<BigInt>, "BIGINT", "BIGINT", any::<Option<i64>>();
    boolean: bool, Bool, "BOOLEAN NOT NULL", "BOOLEAN NOT NULL", any::<bool>();
    double: f64, Double, on("DOUBLE NOT NULL", "DOUBLE PRECISION NOT NULL", "DOUBLE NOT NULL"),
        on("DOUBLE NOT NULL", "DOUBLE PRECISION NOT NULL", "DOUBLE NOT NULL"), doubles();
    float: f32, Float, on("FLOAT NOT NULL", "REAL NOT NULL", "FLOAT NOT NULL"),
        on("FLOAT NOT NULL", "REAL NOT NULL", "FLOAT NOT NULL"), floats();
    text: String, Text, on("TEXT NOT NULL", "TEXT NOT NULL", "LONGTEXT CHARACTER SET utf8mb4 NOT NULL"),
        on("TEXT NOT NULL", "TEXT NOT NULL", "LONGTEXT CHARACTER SET utf8mb4 NOT NULL"), texts();
    maybe_text: Option<String>, Nullable<Text>, on("TEXT", "TEXT", "LONGTEXT CHARACTER SET utf8mb4"),
        on("TEXT", "TEXT", "LONGTEXT CHARACTER SET utf8mb4"), proptest::option::of(texts());
    blob: Vec<u8>, Binary, on("BLOB NOT NULL", "BYTEA NOT NULL", "LONGBLOB NOT NULL"),
        on("BLOB NOT NULL", "BYTEA NOT NULL", "LONGBLOB NOT NULL"), blobs();
    date: chrono::NaiveDate, Date, "DATE NOT NULL", "DATE NOT NULL", moments().prop_map(|at| at.date());
    time_of_day: chrono::NaiveTime, Time, on("TIME NOT NULL", "TIME(3) NOT NULL", "TIME(3) NOT NULL"),
        on("TIME NOT NULL", "TIME NOT NULL", "TIME(6) NOT NULL"), times();
    timestamp: chrono::NaiveDateTime, Timestamp, on("TIMESTAMP NOT NULL", "TIMESTAMP(3) NOT NULL", "DATETIME(3) NOT NULL"),
        on("TIMESTAMP NOT NULL", "TIMESTAMP NOT NULL", "DATETIME(6) NOT NULL"), recent();
    maybe_timestamp: Option<chrono::NaiveDateTime>, Nullable<Timestamp>, on("TIMESTAMP", "TIMESTAMP(0)", "DATETIME"),
        on("TIMESTAMP", "TIMESTAMP", "DATETIME(6)"), proptest::option::of(recent());
    #[cfg(feature = "mysql")]
    numeric: bigdecimal::BigDecimal, Numeric, on("", "NUMERIC(10, 2) NOT NULL", "NUMERIC(10, 2) NOT NULL"),
        on("", "NUMERIC(30, 10) NOT NULL", "NUMERIC(30, 2) NOT NULL"),
        (any::<i32>(), 0..6_i64).prop_map(|(digits, scale)| bigdecimal::BigDecimal::new(digits.into(), scale));
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
    let exact = on("TEXT", "VARCHAR(100)", "VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    let coarse = on("TEXT COLLATE NOCASE", "VARCHAR(100) COLLATE coarse", "VARCHAR(100) CHARACTER SET utf8mb4");
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
    let conn = &mut conn;
    let strategy = proptest::collection::vec(("[aAäÄ ßsS\u{301}]{0,3}", any::<bool>()), 1..12);
    let config = Config {
        cases: random::cases(40),
        rng_seed: RngSeed::Fixed(random::seed()),
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&strategy, |writes| {
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
