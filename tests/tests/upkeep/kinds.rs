//! An owner and its replicas on databases of different kinds, which sort keys differently.

use std::time::Duration;

use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use versioned_core::compare::{self, Compared, Comparison, Verdict};
use versioned_core::prelude::*;
use versioned_core::{Event, MIGRATIONS, Outcome};
use versioned_tests::{mysql, postgres, sqlite};

diesel::table! {
    places (name) {
        name -> VarChar,
        size -> Double,
        opened -> Timestamp,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = places, primary_key(name))]
#[versioned(owner, outbox)]
struct Place {
    name: String,
    size: f64,
    opened: chrono::NaiveDateTime,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Deserialize, Versioned)]
#[diesel(table_name = places, primary_key(name))]
#[versioned(dependent, entity = "places")]
struct Copy {
    name: String,
    size: f64,
    opened: chrono::NaiveDateTime,
    version: i64,
}

/// Case, accents, digits, and names of which one begins like another.
const NAMES: [&str; 12] = [
    "b", "B", "a", "A", "ä", "Z", "z", "10", "9", "a b", "ab", "-a",
];

fn compared<C>(replica: &mut C, owner: &mut PgConnection) -> Compared
where
    C: LoadConnection,
    Copy: Dependent<C::Backend>,
{
    let ask = |question| compare::answer::<Place, _>(&question, owner);
    let comparison = Comparison::<Copy>::new().settle(Duration::ZERO).page(5);
    comparison.run(ask, replica).unwrap()
}

fn filled<C>(mut replica: C, owner: &mut PgConnection)
where
    C: LoadConnection,
    Copy: Dependent<C::Backend>,
{
    for place in Place::snapshot(None, 100, owner).unwrap() {
        let event: Event<Copy> =
            serde_json::from_str(&serde_json::to_string(&place).unwrap()).unwrap();
        assert_eq!(Copy::apply(&event, &mut replica).unwrap(), Outcome::Applied);
    }
    let all = compared(&mut replica, owner);
    assert_eq!((all.equal, all.is_equal()), (12, true), "{all:?}");

    for damage in [
        "DELETE FROM places WHERE name IN ('ä', 'Z')",
        "UPDATE places SET size = 0.1 WHERE name = '10'",
        "INSERT INTO places VALUES ('m', 1, '2026-01-02 03:04:05', 1)",
    ] {
        replica.batch_execute(damage).unwrap();
    }
    let all = compared(&mut replica, owner);
    let mut found: Vec<_> = all
        .differences
        .iter()
        .map(|one| (&*one.key, one.verdict))
        .collect();
    found.sort_unstable_by_key(|(key, _)| *key);
    let expected = [
        ("10", Verdict::Different),
        ("Z", Verdict::Missing),
        ("m", Verdict::Extra),
        ("ä", Verdict::Missing),
    ];
    assert_eq!(found, expected, "{all}");
    assert_eq!(all.equal, 9);
}

#[test]
fn databases_that_sort_differently() {
    let owner = postgres::Db::fresh(
        "CREATE TABLE places (name VARCHAR(20) COLLATE \"und-x-icu\" PRIMARY KEY,
            size DOUBLE PRECISION NOT NULL, opened TIMESTAMP NOT NULL, version BIGINT NOT NULL)",
    );
    let mut conn = owner.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    let opened = chrono::DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap();
    for (number, name) in NAMES.iter().enumerate() {
        let mut place = Place {
            name: (*name).to_owned(),
            size: [0.1 + 0.2, 1e300, f64::MIN_POSITIVE, -1.5][number % 4],
            opened: opened.naive_utc(),
            version: 0,
        };
        place.insert(&mut conn).unwrap();
    }
    let first = Place::snapshot(None, 100, &mut conn).unwrap();
    let first: Vec<_> = first.iter().map(|event| event.key.as_str()).collect();
    let mut by_bytes = first.clone();
    by_bytes.sort_unstable();
    assert_ne!(first, by_bytes, "the owner's order is one of its own");

    let sqlite = sqlite::Db::fresh(
        "CREATE TABLE places (name TEXT PRIMARY KEY, size DOUBLE NOT NULL,
            opened TIMESTAMP NOT NULL, version BIGINT NOT NULL)",
    );
    let mut copies = sqlite.connect();
    copies.run_pending_migrations(MIGRATIONS).unwrap();
    filled(copies, &mut conn);
    let mysql = mysql::Db::fresh(
        "CREATE TABLE places (name VARCHAR(20) COLLATE utf8mb4_bin PRIMARY KEY,
            size DOUBLE NOT NULL, opened DATETIME(6) NOT NULL, version BIGINT NOT NULL)",
    );
    let mut copies = mysql.connect();
    copies.run_pending_migrations(MIGRATIONS).unwrap();
    filled(copies, &mut conn);
}
