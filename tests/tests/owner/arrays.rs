//! PostgreSQL: every type of column goes through a batch as it goes through a single write.

use std::time::SystemTime;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use diesel::deserialize::{self, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::serialize::{self, IsNull, Output, ToSql, WriteTuple};
use diesel::sql_types::{Integer, Record, Text};
use versioned_core::Error;
use versioned_core::prelude::*;
use versioned_tests::postgres::Db;

#[allow(unreachable_pub, reason = "`table!` makes its columns public")]
mod types {
    #[derive(Debug, diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
    #[diesel(postgres_type(name = "mood"))]
    pub struct Mood;

    #[derive(Debug, diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
    #[diesel(postgres_type(name = "place"))]
    pub struct Place;
}

diesel::table! {
    use diesel::sql_types::*;
    use super::types::{Mood, Place};

    everything {
        id -> Uuid,
        small -> Nullable<SmallInt>,
        middle -> Integer,
        float -> Float,
        double -> Nullable<Double>,
        truth -> Bool,
        text -> Nullable<Text>,
        bytes -> Nullable<Binary>,
        day -> Date,
        time -> Nullable<Time>,
        stamp -> Timestamptz,
        mood -> Nullable<Mood>,
        place -> Place,
        system -> Timestamp,
        version -> Integer,
    }
}

const EVERYTHING: &str = "CREATE TYPE mood AS ENUM ('sad', 'so, so', 'happy');
CREATE TYPE place AS (number INTEGER, street TEXT);
CREATE TABLE everything (
    id UUID PRIMARY KEY, small SMALLINT, middle INTEGER NOT NULL, float REAL NOT NULL, double DOUBLE PRECISION,
    truth BOOLEAN NOT NULL, text TEXT, bytes BYTEA, day DATE NOT NULL, time TIME, stamp TIMESTAMPTZ NOT NULL,
    mood mood, place place NOT NULL, system TIMESTAMP NOT NULL, version INTEGER NOT NULL
)";

#[derive(Debug, Clone, Copy, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = types::Mood)]
enum Mood {
    SoSo,
    Happy,
    /// Nobody can write it.
    Mixed,
}

impl ToSql<types::Mood, Pg> for Mood {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        std::io::Write::write_all(
            out,
            match self {
                Self::SoSo => b"so, so",
                Self::Happy => b"happy",
                Self::Mixed => return Err("no such mood".into()),
            },
        )?;
        Ok(IsNull::No)
    }
}

impl deserialize::FromSql<types::Mood, Pg> for Mood {
    fn from_sql(value: diesel::pg::PgValue<'_>) -> deserialize::Result<Self> {
        Ok(if value.as_bytes() == b"happy" {
            Self::Happy
        } else {
            Self::SoSo
        })
    }
}

/// A row as a value: `unnest` in a FROM would make columns of it.
#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = types::Place)]
struct Place {
    number: i32,
    street: String,
}

impl ToSql<types::Place, Pg> for Place {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        WriteTuple::<(Integer, Text)>::write_tuple(
            &(self.number, self.street.as_str()),
            &mut out.reborrow(),
        )
    }
}

impl deserialize::FromSql<types::Place, Pg> for Place {
    fn from_sql(value: diesel::pg::PgValue<'_>) -> deserialize::Result<Self> {
        let (number, street) =
            deserialize::FromSql::<Record<(Integer, Text)>, Pg>::from_sql(value)?;
        Ok(Self { number, street })
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = everything)]
#[versioned(owner)]
struct Everything {
    id: uuid::Uuid,
    small: Option<i16>,
    middle: i32,
    float: f32,
    double: Option<f64>,
    truth: bool,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    day: NaiveDate,
    time: Option<NaiveTime>,
    stamp: DateTime<Utc>,
    mood: Option<Mood>,
    place: Place,
    system: SystemTime,
    version: i32,
}

fn samples() -> Vec<Everything> {
    let stamp = DateTime::from_timestamp_micros(1_790_000_000_123_456).unwrap();
    let full = Everything {
        id: uuid::Uuid::from_u128(7),
        small: Some(i16::MIN),
        middle: i32::MAX,
        float: f32::MIN_POSITIVE,
        double: Some(0.1 + 0.2),
        truth: true,
        text: Some("{\"a\",NULL,\\ 'ä'}".into()),
        bytes: Some(vec![0, 255, b'{', b',']),
        day: NaiveDate::from_ymd_opt(1, 2, 3).unwrap(),
        time: NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999),
        stamp,
        mood: Some(Mood::SoSo),
        place: Place {
            number: -1,
            street: "a,(b)\"".into(),
        },
        system: stamp.into(),
        version: 0,
    };
    let empty = Everything {
        id: uuid::Uuid::from_u128(1),
        small: None,
        double: Some(f64::NEG_INFINITY),
        truth: false,
        text: Some(String::new()),
        bytes: Some(Vec::new()),
        time: None,
        mood: None,
        ..full.clone()
    };
    let null = Everything {
        id: uuid::Uuid::from_u128(u128::MAX),
        double: None,
        text: None,
        bytes: None,
        mood: Some(Mood::Happy),
        ..empty.clone()
    };
    vec![full, empty, null]
}

fn rows(conn: &mut PgConnection) -> Vec<Everything> {
    everything::table
        .select(Everything::as_select())
        .order(everything::id)
        .load(conn)
        .unwrap()
}

#[test]
fn every_type_goes_through_a_batch_as_through_single_writes() {
    let db = Db::fresh(EVERYTHING);
    let mut conn = db.connect();
    let mut batch = samples();
    Everything::insert_all(&mut batch, &mut conn).unwrap();
    let at_once = rows(&mut conn);
    let mut sorted = batch.clone();
    sorted.sort_by_key(|row| row.id);
    assert_eq!(at_once, sorted);

    // Each row gets the values of the next one.
    let values = batch.clone();
    for (row, next) in batch.iter_mut().zip(values.iter().cycle().skip(1)) {
        *row = Everything {
            id: row.id,
            version: row.version,
            ..next.clone()
        };
    }
    Everything::save_all(&mut batch, &mut conn).unwrap();
    let mut sorted = batch.clone();
    sorted.sort_by_key(|row| row.id);
    assert_eq!(rows(&mut conn), sorted);
    Everything::delete_all(&mut batch, &mut conn).unwrap();
    assert_eq!(rows(&mut conn), []);
    for mut row in samples() {
        row.insert(&mut conn).unwrap();
    }
    assert_eq!(rows(&mut conn), at_once);
}

/// A value that cannot be sent is no reason to turn the other rows away.
#[test]
fn a_value_that_cannot_be_written_is_that_of_one_row() {
    for inside in [false, true] {
        let db = Db::fresh(EVERYTHING);
        let mut conn = db.connect();
        let mut batch = samples();
        Everything::insert_all(&mut batch, &mut conn).unwrap();
        let before = rows(&mut conn);
        batch[1].mood = Some(Mood::Mixed);
        let refused = Everything::save_all(&mut batch, &mut conn).map(drop);
        assert!(
            matches!(
                refused,
                Err(Error::Database(DieselError::SerializationError(_)))
            ),
            "{refused:?}"
        );
        assert_eq!(rows(&mut conn), before);

        let save_each = |conn: &mut PgConnection, batch: &mut [Everything]| {
            let outcomes = Everything::save_each(batch, conn)?;
            let outcomes = outcomes.into_iter().map(|outcome| outcome.map(drop));
            Ok::<_, Error>(outcomes.collect::<Vec<_>>())
        };
        let outcomes = if inside {
            conn.transaction(|conn| save_each(conn, &mut batch))
        } else {
            save_each(&mut conn, &mut batch)
        };
        assert!(
            matches!(
                outcomes.unwrap()[..],
                [
                    Ok(()),
                    Err(Error::Database(DieselError::SerializationError(_))),
                    Ok(())
                ]
            ),
            "{inside}"
        );
        let versions: Vec<_> = batch.iter().map(|row| row.version).collect();
        assert_eq!(versions, [2, 1, 2]);
        let versions: Vec<_> = rows(&mut conn).iter().map(|row| row.version).collect();
        assert_eq!(versions, [1, 2, 2], "in the order of their ids");
    }
}

#[tokio::test]
async fn and_on_diesel_async() {
    use diesel_async::{AsyncConnection as _, AsyncPgConnection};
    use versioned_core::async_prelude::OwnerDsl;

    let db = Db::fresh(EVERYTHING);
    let mut conn = AsyncPgConnection::establish(db.url()).await.unwrap();
    let mut batch = samples();
    <Everything as OwnerDsl>::insert_all(&mut batch, &mut conn)
        .await
        .unwrap();
    <Everything as OwnerDsl>::save_all(&mut batch, &mut conn)
        .await
        .unwrap();
    batch.sort_by_key(|row| row.id);
    assert_eq!(rows(&mut db.connect()), batch);
}

diesel::table! {
    notes {
        id -> BigInt,
        tags -> Array<Text>,
        scores -> Nullable<Array<Nullable<Integer>>>,
        version -> BigInt,
    }
}

/// PostgreSQL has no arrays of arrays: `unnest` would spill their elements.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = notes)]
#[versioned(owner)]
struct Note {
    id: i64,
    tags: Vec<String>,
    scores: Option<Vec<Option<i32>>>,
    version: i64,
}

#[test]
fn columns_that_are_arrays_go_row_by_row() {
    let db = Db::fresh(
        "CREATE TABLE notes (id BIGINT PRIMARY KEY, tags TEXT[] NOT NULL CHECK (cardinality(tags) < 4), scores INTEGER[], version BIGINT NOT NULL)",
    );
    let mut conn = db.connect();
    let rows = |conn: &mut PgConnection| -> Vec<Note> {
        notes::table
            .select(Note::as_select())
            .order(notes::id)
            .load(conn)
            .unwrap()
    };
    let note = |id, tags: &[&str], scores| Note {
        id,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        scores,
        version: 0,
    };
    let mut batch = [
        note(1, &["a", "b"], Some(vec![Some(1), None])),
        note(2, &[], None),
        note(3, &["c"], Some(vec![])),
    ];
    Note::insert_all(&mut batch, &mut conn).unwrap();
    assert_eq!(rows(&mut conn), batch);
    batch[0].tags = vec!["x".into(), "y".into(), "z".into()];
    batch[1].scores = Some(vec![None]);
    Note::save_all(&mut batch, &mut conn).unwrap();
    assert_eq!(rows(&mut conn), batch);
    // Stale, refused by the CHECK, good.
    Note::at(1, 2).touch(&mut conn).unwrap();
    batch[1].tags = vec!["more than three".into(); 4];
    let outcomes: Vec<bool> = Note::save_each(&mut batch, &mut conn)
        .unwrap()
        .iter()
        .map(Result::is_ok)
        .collect();
    assert_eq!(outcomes, [false, false, true]);
    assert_eq!(
        rows(&mut conn)
            .iter()
            .map(|row| row.version)
            .collect::<Vec<_>>(),
        [3, 2, 3]
    );
    let refused = Note::delete_all(&mut batch, &mut conn)
        .map(drop)
        .unwrap_err();
    assert_eq!(refused.conflict().unwrap().id(), Some("1"));
    batch[0].reload(&mut conn).unwrap();
    Note::delete_all(&mut batch, &mut conn).unwrap();
    assert_eq!(rows(&mut conn), []);
}
