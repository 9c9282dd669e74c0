//! The text of each type of key: one for each key, and it reads back.

use super::*;

/// A replica of records with a key of this type, and events of them.
macro_rules! keyed {
    ($($(#[$attribute:meta])* $test:ident: $key:ty, $sql_type:ident, $column:expr, $keys:expr, $wrong:expr;)*) => {$(
        $(#[$attribute])*
        #[test]
        fn $test() {
            diesel::table! {
                things (id) {
                    id -> $sql_type,
                    price -> BigInt,
                    version -> BigInt,
                }
            }

            #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
            #[diesel(table_name = things)]
            #[versioned(owner, tombstones, entity = "things")]
            struct Thing {
                id: $key,
                price: i64,
                version: i64,
            }

            #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
            #[diesel(table_name = things)]
            #[versioned(dependent, entity = "things")]
            struct Copied {
                id: $key,
                price: i64,
                version: i64,
            }

            let (_db, mut conn) = fresh(&format!(
                "CREATE TABLE things (id {} PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)",
                $column
            ));
            let conn = &mut conn;
            let there = |conn: &mut Conn| things::table.count().get_result::<i64>(conn).unwrap();
            for key in $keys {
                let key: $key = key;
                let mut thing = Thing { id: key.clone(), price: 1, version: 0 };
                let created = thing.insert(conn).unwrap().to_event();
                // What a load says is the same record.
                let loaded = Thing::find(&key, conn).unwrap();
                assert_eq!(loaded, thing);
                let deleted = thing.delete(conn).unwrap().to_event();
                assert_eq!(deleted.key, created.key);
                assert_eq!(there(conn), 0);

                let copied = |event: Event<Thing>| Event {
                    entity: event.entity,
                    key: event.key,
                    version: event.version,
                    op: event.op,
                    at: event.at,
                    data: event.data.map(|Thing { id, price, version }| Copied { id, price, version }),
                    trace: None,
                    metadata: None,
                };
                conn.batch_execute("DELETE FROM versioned_positions").unwrap();
                let (created, deleted) = (copied(created), copied(deleted));
                assert_eq!(Copied::apply(&created, conn).unwrap(), Outcome::Applied, "{created:?}");
                assert_eq!(there(conn), 1);
                assert_eq!(Copied::apply(&deleted, conn).unwrap(), Outcome::Applied, "{deleted:?}");
                assert_eq!(there(conn), 0);
                conn.batch_execute("DELETE FROM versioned_positions").unwrap();
            }
            for wrong in $wrong {
                let wrong: &str = wrong;
                let event = Event::<Copied> {
                    entity: "things".into(),
                    key: wrong.to_owned(),
                    version: 1,
                    op: Op::Deleted,
                    at: String::new(),
                    data: None,
                    trace: None,
                    metadata: None,
                };
                for refused in [
                    Copied::apply(&event, conn).map(drop),
                    Copied::apply_all(std::slice::from_ref(&event), conn).map(drop),
                    Copied::find_by_event(&event, conn).map(drop),
                ] {
                    match refused {
                        Err(Error::Event(error)) => {
                            assert_eq!(error, EventError::Key { received: wrong.to_owned() });
                        }
                        other => panic!("{wrong}: {other:?}"),
                    }
                }
            }
        }
    )*};
}

fn moment(micros: i64) -> chrono::NaiveDateTime {
    chrono::DateTime::from_timestamp_micros(micros)
        .unwrap()
        .naive_utc()
}

const MOMENTS: [i64; 4] = [
    1_767_323_045_000_000,
    1_767_323_045_600_000,
    1_767_323_045_600_700,
    86_400_000_000,
];

/// Diesel writes no fractions of `time::Time` there.
fn whole_on_mysql() -> [i64; 4] {
    MOMENTS.map(|at| {
        if NAME == "mysql" {
            at - at % 1_000_000
        } else {
            at
        }
    })
}

fn plain(micros: i64) -> time::PrimitiveDateTime {
    let nanos = i128::from(micros) * 1_000;
    let moment = time::OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
    time::PrimitiveDateTime::new(moment.date(), moment.time())
}

fn timestamp() -> &'static str {
    on(
        "TIMESTAMP NOT NULL",
        "TIMESTAMP NOT NULL",
        "DATETIME(6) NOT NULL",
    )
}

fn time_of_day() -> &'static str {
    on("TIME NOT NULL", "TIME NOT NULL", "TIME(6) NOT NULL")
}

fn float() -> &'static str {
    on(
        "DOUBLE NOT NULL",
        "DOUBLE PRECISION NOT NULL",
        "DOUBLE NOT NULL",
    )
}

keyed! {
    small: i16, SmallInt, "SMALLINT NOT NULL", [0, 7, i16::MIN, i16::MAX], ["007", "+7", "", "x", "7 ", "40000"];
    integer: i32, Integer, "INTEGER NOT NULL", [0, 7, i32::MIN, i32::MAX], ["007", "-0"];
    big: i64, BigInt, "BIGINT NOT NULL", [0, 7, i64::MIN, i64::MAX], ["007", "+7", "7.0", "7,"];
    boolean: bool, Bool, "BOOLEAN NOT NULL", [false, true], ["True", "1", "t"];
    text: String, VarChar, "VARCHAR(100) NOT NULL",
        ["", "a", "a,b", "\\", "ä\u{301}", "日本", "a b", "'\""].map(str::to_owned), [""; 0];
    chrono_timestamp: chrono::NaiveDateTime, Timestamp, timestamp(), MOMENTS.map(moment),
        ["2026-01-02 03:04:05", "2026-1-2T03:04:05", "2026-01-02T03:04:05.000", "yesterday"];
    chrono_date: chrono::NaiveDate, Date, "DATE NOT NULL", MOMENTS.map(|at| moment(at).date()),
        ["2026-1-2", "2026-02-30", "26-01-02"];
    chrono_time: chrono::NaiveTime, Time, time_of_day(), MOMENTS.map(|at| moment(at).time()),
        ["3:04:05", "03:04", "03:04:05.0"];
    time_timestamp: time::PrimitiveDateTime, Timestamp, timestamp(), MOMENTS.map(plain),
        ["2026-01-02 03:04:05", "2026-01-02T03:04:05.000"];
    time_date: time::Date, Date, "DATE NOT NULL", MOMENTS.map(|at| plain(at).date()), ["2026-1-2", "2026-02-30"];
    time_time: time::Time, Time, time_of_day(), whole_on_mysql().map(|at| plain(at).time()), ["3:04:05", "03:04:05.0"];
    double: f64, Double, float(), [0.0, -0.0, 1.5, -1.119_313_317_998_188_7e-17, 1e300], ["-0", "1.50", "1e2"];
}

#[cfg(feature = "mysql")]
mod decimals {
    use bigdecimal::BigDecimal;

    use super::*;

    fn decimal(text: &str) -> BigDecimal {
        text.parse().unwrap()
    }

    keyed! {
        numeric: BigDecimal, Numeric, on("NUMERIC NOT NULL", "NUMERIC(12, 3) NOT NULL", "NUMERIC(12, 3) NOT NULL"),
            ["7", "7.00", "1.5", "-12.125", "0", "100"].map(decimal),
            ["7.0", "07", "1E2", "-0", "x"];
    }

    diesel::table! {
        amounts (id) {
            id -> Numeric,
            price -> BigInt,
            version -> BigInt,
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = amounts)]
    #[versioned(owner)]
    struct Amount {
        id: BigDecimal,
        price: i64,
        version: i64,
    }

    /// The same number, whatever its zeros.
    #[test]
    fn two_models_with_one_number_are_one_row() {
        let (_db, mut conn) = fresh(
            "CREATE TABLE amounts (id NUMERIC(12, 3) PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)",
        );
        let conn = &mut conn;
        let amount = |id: &str, version| Amount {
            id: decimal(id),
            price: 1,
            version,
        };
        amount("1.0", 0).insert(conn).unwrap();
        let mut both = [amount("1.0", 1), amount("1.00", 1)];
        for refused in [
            Amount::save_all(&mut both, conn).map(drop),
            Amount::delete_all(&mut both, conn).map(drop),
            Amount::insert_all(&mut both, conn).map(drop),
        ] {
            match refused {
                Err(Error::TwiceInBatch { table, id }) => {
                    assert_eq!((table, id.as_str()), ("amounts", "1"));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(Amount::find(&decimal("1.000"), conn).unwrap().version, 1);
    }
}

diesel::table! {
    parts (part, id) {
        id -> BigInt,
        price -> BigInt,
        part -> BigInt,
        version -> BigInt,
    }
}

/// The fields stand in another order than the key's columns.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = parts, primary_key(part, id))]
#[versioned(owner)]
struct Part {
    id: i64,
    price: i64,
    part: i64,
    version: i64,
}

#[test]
fn a_snapshot_has_every_record_whatever_the_order_of_the_fields() {
    let (_db, mut conn) = fresh(
        "CREATE TABLE parts (part BIGINT NOT NULL, id BIGINT NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL,
        PRIMARY KEY (part, id))",
    );
    let conn = &mut conn;
    for n in 0..12 {
        Part {
            id: n % 5,
            price: n,
            part: 4 - n / 3,
            version: 0,
        }
        .insert(conn)
        .unwrap();
    }
    for limit in 1..=5 {
        let mut keys = Vec::new();
        let mut after: Option<Event<Part>> = None;
        loop {
            let page = Part::snapshot(after.as_ref(), limit, conn).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            keys.extend(
                page.into_iter()
                    .map(|event| event.data.map(|row| (row.part, row.id)).unwrap()),
            );
            assert!(keys.len() <= 12, "{keys:?}");
        }
        let mut all = keys.clone();
        all.sort_unstable();
        all.dedup();
        assert_eq!((all.len(), &all), (12, &keys), "in pages of {limit}");
    }
}
