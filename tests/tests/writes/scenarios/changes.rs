//! What was changed in a tracked model, and how it is undone.

use serde_json::{Value, json, to_value};
use versioned_core::Tracked;

use super::*;

diesel::table! {
    profiles {
        id -> BigInt,
        name -> VarChar,
        score -> Double,
        city -> VarChar,
        street -> Nullable<VarChar>,
        secret -> VarChar,
        hits -> BigInt,
        version -> BigInt,
    }
}

const PROFILES: &str = "CREATE TABLE profiles (
    id BIGINT PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    score DOUBLE PRECISION NOT NULL,
    city VARCHAR(100) NOT NULL,
    street VARCHAR(100),
    secret VARCHAR(100) NOT NULL,
    hits BIGINT NOT NULL,
    version BIGINT NOT NULL
)";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = profiles)]
#[versioned(embedded)]
struct Address {
    city: String,
    street: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = profiles)]
#[versioned(owner)]
#[serde(rename_all = "camelCase")]
struct Profile {
    id: i64,
    #[serde(rename = "fullName")]
    name: String,
    score: f64,
    #[diesel(embed)]
    address: Address,
    #[serde(skip)]
    secret: String,
    #[versioned(excluded)]
    hits: i64,
    version: i64,
}

fn profile(conn: &mut Conn) -> Tracked<Profile> {
    let mut profile = Profile {
        id: 7,
        name: "Ada".into(),
        score: 0.5,
        address: Address {
            city: "Paris".into(),
            street: None,
        },
        secret: "a".into(),
        hits: 0,
        version: 0,
    };
    profile.insert(conn).unwrap();
    Tracked::new(Profile::find(&7, conn).unwrap())
}

/// The changes as JSON: the column, the old and the new value.
fn changes(profile: &Tracked<Profile>) -> Value {
    let columns: Vec<_> = profile
        .changes()
        .unwrap()
        .iter()
        .map(|change| change.column)
        .collect();
    assert_eq!(profile.changed_columns(), columns);
    to_value(profile.changes().unwrap()).unwrap()
}

#[test]
fn each_changed_column_has_its_old_and_its_new_value() {
    let (_db, mut conn) = fresh(PROFILES);
    let conn = &mut conn;
    let mut mine = profile(conn);
    assert_eq!(changes(&mine), json!([]));
    mine.name = "Ada L.".into();
    mine.address.street = Some("Rue 1".into());
    mine.secret = "b".into();
    mine.hits += 1;
    let (old, new) = (
        json!({"city": "Paris", "street": null}),
        json!({"city": "Paris", "street": "Rue 1"}),
    );
    let expected = json!([
        {"column": "name", "old": "Ada", "new": "Ada L."},
        {"column": "street", "old": old, "new": new},
        {"column": "secret", "old": null, "new": null},
        {"column": "hits", "old": 0, "new": 1},
    ]);
    assert_eq!(changes(&mine), expected);
    // What was saved is the original of the next change.
    mine.save(conn).unwrap();
    assert_eq!(changes(&mine), json!([]));
    mine.score = 0.25;
    assert_eq!(
        changes(&mine),
        json!([{"column": "score", "old": 0.5, "new": 0.25}])
    );
}

#[test]
fn what_both_sides_changed_has_three_values() {
    let (_db, mut conn) = fresh(PROFILES);
    let conn = &mut conn;
    let mut mine = profile(conn);
    mine.name = "mine".into();
    mine.score = 1.0;
    mine.address.city = "Rome".into();
    mine.hits = 9;
    Profile::update_with(&7, conn, |theirs| {
        theirs.name = "theirs".into();
        theirs.score = 1.0;
        theirs.hits = 5;
        theirs.secret = "theirs".into();
        Ok(())
    })
    .unwrap();
    let columns = match mine.rebase(conn) {
        Err(Error::BothChanged { columns, .. }) => columns,
        other => panic!("{other:?}"),
    };
    let theirs = Profile::find(&7, conn).unwrap();
    let clashes = mine.clashes(&theirs).unwrap();
    assert_eq!(
        clashes.iter().map(|clash| clash.column).collect::<Vec<_>>(),
        columns
    );
    let expected = json!([
        {"column": "name", "base": "Ada", "mine": "mine", "theirs": "theirs"},
        {"column": "hits", "base": 0, "mine": 9, "theirs": 5},
    ]);
    assert_eq!(to_value(clashes).unwrap(), expected);
    // Without a change of the other side there is none.
    assert_eq!(mine.clashes(mine.original()).unwrap(), []);
}

#[test]
fn a_reload_does_not_drop_changes() {
    let (_db, mut conn) = fresh(PROFILES);
    let conn = &mut conn;
    let mut mine = profile(conn);
    Profile::at(7, 1)
        .update(profiles::score.eq(2.0), conn)
        .unwrap();
    mine.name = "mine".into();
    mine.hits = 3;
    let before = mine.clone();
    match mine.reload(conn) {
        Err(error @ Error::Unsaved { .. }) => assert_eq!(
            error.to_string(),
            "save or revert the changes of profiles 7 before `reload`: name, hits"
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(mine, before);
    mine.revert();
    assert_eq!((mine.name.as_str(), mine.hits, mine.version), ("Ada", 0, 1));
    mine.reload(conn).unwrap();
    assert_eq!((mine.score, mine.version), (2.0, 2));
    assert!(mine.save(conn).unwrap().is_none());
}
