//! T10, T11, semantics 3 and 10: what is wrong gets a typed error; model and row stay as they were.

use diesel::connection::SimpleConnection;
use diesel::result::Error as DieselError;

use super::*;

diesel::table! {
    counters (id) {
        id -> BigInt,
        hits -> BigInt,
        version -> Integer,
    }
}

/// As the table is declared to Diesel, except that the database allows more.
const LOOSE: &str =
    "CREATE TABLE counters (id BIGINT PRIMARY KEY, hits BIGINT NOT NULL, version BIGINT)";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = counters)]
#[versioned(owner)]
struct Counter {
    id: i64,
    hits: i64,
    version: i32,
}

#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "it reads well")]
fn assert_unreadable<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(
        matches!(
            result,
            Err(Error::Database(DieselError::DeserializationError(_)))
        ),
        "expected an unreadable row, got {result:?}"
    );
}

#[test]
fn t10_s10_a_null_version_is_an_error_and_never_an_unguarded_write() {
    let db = Db::fresh(LOOSE);
    let mut conn = db.connect();
    conn.batch_execute("INSERT INTO counters VALUES (1, 5, NULL)")
        .unwrap();
    assert_unreadable(Counter::find(&1, &mut conn));
    assert_unreadable(Counter::update_with(&1, &mut conn, |_| Ok(())));

    let mut guess = Counter {
        id: 1,
        hits: 6,
        version: 0,
    };
    assert_unreadable(guess.save(&mut conn));
    assert_unreadable(guess.touch(&mut conn));
    assert_unreadable(guess.delete(&mut conn));
    assert_unreadable(guess.verify(&mut conn));
    assert_eq!(
        guess,
        Counter {
            id: 1,
            hits: 6,
            version: 0
        }
    );
    let row: (i64, Option<i64>) = diesel::dsl::sql::<(
        diesel::sql_types::BigInt,
        diesel::sql_types::Nullable<diesel::sql_types::BigInt>,
    )>("SELECT hits, version FROM counters")
    .get_result(&mut conn)
    .unwrap();
    assert_eq!(row, (5, None));
}

/// 2^32 + 1: cut to 32 bits it would be version 1.
#[test]
fn a_version_out_of_range_is_never_taken_for_another() {
    let db = Db::fresh(LOOSE);
    let mut conn = db.connect();
    conn.batch_execute("INSERT INTO counters VALUES (1, 5, 4294967297)")
        .unwrap();
    let mut guess = Counter {
        id: 1,
        hits: 6,
        version: 1,
    };
    if backend::NAME == "sqlite" {
        // Diesel cuts what it reads of SQLite to the declared type; the guard compares what is there.
        let found = Counter::find(&1, &mut conn).unwrap();
        assert_eq!(found.version, 1);
        let refused = conflict(guess.save(&mut conn));
        assert_eq!(refused.kind(), ConflictKind::Stale);
    } else {
        let found = Counter::find(&1, &mut conn);
        assert!(matches!(found, Err(Error::Database(_))), "{found:?}");
        let saved = guess.save(&mut conn);
        assert!(matches!(saved, Err(Error::Database(_))), "{saved:?}");
    }
    assert_eq!(
        guess,
        Counter {
            id: 1,
            hits: 6,
            version: 1
        }
    );
    let hits: i64 = counters::table
        .select(counters::hits)
        .first(&mut conn)
        .unwrap();
    assert_eq!(hits, 5);
}

#[test]
fn t11_s03_at_the_maximum_the_error_comes_before_any_sql() {
    let db = Db::fresh(
        "CREATE TABLE counters (id BIGINT PRIMARY KEY, hits BIGINT NOT NULL, version INTEGER NOT NULL)",
    );
    let mut conn = db.connect();
    let mut counter = Counter {
        id: 1,
        hits: 5,
        version: i32::MAX,
    };
    counter.import(&mut conn).unwrap();
    // Gone, so that a statement would be noticed as a conflict.
    conn.batch_execute("DELETE FROM counters").unwrap();
    counter.hits = 6;
    let at = Counter::at(1, i32::MAX);
    for refused in [
        counter.save(&mut conn).map(drop),
        counter.touch(&mut conn).map(drop),
        counter.delete(&mut conn).map(drop),
        at.update(counters::hits.eq(6), &mut conn).map(drop),
        at.touch(&mut conn).map(drop),
        at.delete(&mut conn).map(drop),
    ] {
        match refused {
            Err(Error::VersionExhausted {
                table: "counters",
                id,
                version,
            }) => {
                assert_eq!(
                    (id.as_str(), version),
                    ("1", Token::Number(i32::MAX.into()))
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        counter,
        Counter {
            id: 1,
            hits: 6,
            version: i32::MAX
        }
    );
}

#[test]
fn a_table_without_the_column_is_an_error_of_the_database() {
    let db = Db::fresh("CREATE TABLE counters (id BIGINT PRIMARY KEY, hits BIGINT NOT NULL)");
    let mut conn = db.connect();
    conn.batch_execute("INSERT INTO counters VALUES (1, 5)")
        .unwrap();
    let mut counter = Counter {
        id: 1,
        hits: 6,
        version: 1,
    };
    for refused in [
        counter.save(&mut conn).map(drop),
        counter.touch(&mut conn).map(drop),
        counter.delete(&mut conn).map(drop),
        counter.insert(&mut conn).map(drop),
        counter.verify(&mut conn),
        counter.reload(&mut conn),
    ] {
        assert!(
            matches!(
                refused,
                Err(Error::Database(DieselError::DatabaseError(_, _)))
            ),
            "{refused:?}"
        );
    }
    assert_eq!(
        counter,
        Counter {
            id: 1,
            hits: 6,
            version: 1
        }
    );
    let hits: i64 = counters::table
        .select(counters::hits)
        .first(&mut conn)
        .unwrap();
    assert_eq!(hits, 5);
}
