//! Keys that the database takes for others: case, accents, trailing spaces.

use super::*;

diesel::table! {
    people (name) {
        name -> VarChar,
        age -> BigInt,
        version -> BigInt,
    }
}

fn people() -> (Db, Conn) {
    let name = on(
        "TEXT COLLATE NOCASE",
        "VARCHAR(300) COLLATE coarse",
        "VARCHAR(300)",
    );
    let collation = on(
        "",
        "CREATE COLLATION coarse (provider = icu, locale = 'und-u-ks-level2', deterministic = false);",
        "",
    );
    fresh(&format!(
        "{collation}
        CREATE TABLE people (name {name} NOT NULL PRIMARY KEY, age BIGINT NOT NULL, version BIGINT NOT NULL);"
    ))
}

macro_rules! people {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = people, primary_key(name))]
        #[versioned($($keys)*)]
        struct $name {
            name: String,
            age: i64,
            version: i64,
        }

        impl $name {
            #[allow(dead_code, reason = "a replica's rows come with events")]
            fn new(name: &str, age: i64) -> Self {
                Self { name: name.into(), age, version: 0 }
            }
        }
    )*};
}

people! {
    Plain(owner);
    Loud(owner, outbox, tombstones, entity = "people");
    Sequential(dependent, entity = "people");
    Latest(dependent, entity = "people", policy = "latest");
    Parking(dependent, entity = "people", gap = "park");
    ByRow(dependent, entity = "people", guard = "row");
    LatestByRow(dependent, entity = "people", guard = "row", policy = "latest");
}

fn rows(conn: &mut Conn) -> Vec<(String, i64, i64)> {
    people::table.order(people::name).load(conn).unwrap()
}

fn row(name: &str, age: i64, version: i64) -> (String, i64, i64) {
    (name.into(), age, version)
}

fn put<T: for<'d> Deserialize<'d>>(name: &str, version: i64, age: i64) -> Event<T> {
    let op = if version == 1 { "created" } else { "updated" };
    let data = serde_json::json!({ "name": name, "age": age, "version": version });
    event("people", name, version, op, data)
}

fn deleted<T: for<'d> Deserialize<'d>>(name: &str, version: i64) -> Event<T> {
    event("people", name, version, "deleted", serde_json::Value::Null)
}

#[track_caller]
fn assert_clash<T: std::fmt::Debug>(refused: Result<T, Error>) {
    let clash = EventError::KeyClash {
        received: "ABC".into(),
        found: "abc".into(),
    };
    match refused {
        Err(Error::Event(error)) => assert_eq!(error, clash),
        other => panic!("{other:?}"),
    }
}

macro_rules! replicas {
    ($($test:ident: $replica:ident;)*) => {$(
        #[test]
        fn $test() {
            let (_db, mut conn) = people();
            let conn = &mut conn;
            assert_eq!($replica::apply(&put("abc", 1, 20), conn).unwrap(), Outcome::Applied);
            for _ in 0..2 {
                assert_clash($replica::apply(&put("ABC", 1, 30), conn));
                assert_clash($replica::apply_all(&[put("ABC", 1, 30)], conn));
                assert_eq!(rows(conn), [row("abc", 20, 1)]);
            }
            // Nothing of it is remembered, and the record that is there goes on.
            assert_eq!($replica::apply(&put("abc", 2, 21), conn).unwrap(), Outcome::Applied);
            assert_eq!(rows(conn), [row("abc", 21, 2)]);
            // In a transaction of the caller's too; what it wrote before stays.
            conn.transaction(|conn| {
                assert_eq!($replica::apply(&put("xyz", 1, 1), conn)?, Outcome::Applied);
                assert_clash($replica::apply(&put("ABC", 1, 30), conn));
                Ok::<_, Error>(())
            })
            .unwrap();
            assert_eq!(rows(conn), [row("abc", 21, 2), row("xyz", 1, 1)]);
            // Both in one call.
            diesel::delete(people::table).execute(conn).unwrap();
            let both = $replica::apply_all(&[put("def", 1, 1), put("DEF", 1, 2)], conn);
            assert!(
                matches!(both, Err(Error::Event(EventError::KeyClash { .. }))),
                "{both:?}"
            );
            assert_eq!(rows(conn), []);
        }
    )*};
}

replicas! {
    a_sequential_replica_keeps_records_apart: Sequential;
    a_latest_replica_keeps_records_apart: Latest;
    a_parking_replica_keeps_records_apart: Parking;
    a_replica_by_its_rows_keeps_records_apart: ByRow;
    a_latest_replica_by_its_rows_keeps_records_apart: LatestByRow;
}

#[test]
fn a_deletion_takes_no_other_record() {
    let (_db, mut conn) = people();
    let conn = &mut conn;
    assert_eq!(
        Latest::apply(&put("abc", 1, 20), conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(
        Latest::apply(&deleted("ABC", 2), conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(rows(conn), [row("abc", 20, 1)]);
    let all = [deleted("Abc", 2), put("abc", 2, 21), deleted("aBC", 7)];
    assert_eq!(
        Latest::apply_all(&all, conn).unwrap(),
        [Outcome::Applied; 3]
    );
    assert_eq!(rows(conn), [row("abc", 21, 2)]);
    assert_eq!(
        Latest::apply(&deleted("abc", 3), conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(rows(conn), []);
}

#[test]
fn a_replica_finds_only_its_own_row() {
    let (_db, mut conn) = people();
    assert_eq!(
        Sequential::apply(&put("abc", 1, 20), &mut conn).unwrap(),
        Outcome::Applied
    );
    let before = Sequential::find_by_event(&put("ABC", 2, 1), &mut conn);
    assert!(matches!(before, Err(Error::NotFound { .. })), "{before:?}");
    let before = Sequential::find_by_event(&put("abc", 2, 1), &mut conn).unwrap();
    assert_eq!(before.age, 20);
}

#[track_caller]
fn assert_deleted<T: std::fmt::Debug>(refused: Result<T, Error>, id: &str) {
    match refused {
        Err(Error::Conflict(conflict)) => {
            assert_eq!(conflict.kind(), ConflictKind::Deleted);
            assert_eq!(
                (conflict.table(), conflict.id()),
                (Some("people"), Some(id))
            );
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_not_found<T: std::fmt::Debug>(refused: Result<T, Error>, spelled: &str) {
    match refused {
        Err(Error::NotFound { table, id }) => assert_eq!((table, id.as_str()), ("people", spelled)),
        other => panic!("{other:?}"),
    }
}

macro_rules! owners {
    ($($test:ident: $owner:ident;)*) => {$(
        #[test]
        fn $test() {
            let (_db, mut conn) = people();
            let conn = &mut conn;
            $owner::new("alice", 20).insert(conn).unwrap();
            let announced = told(conn);
            for spelled in ["Alice", "ALICE"] {
                let mut other = $owner { version: 1, ..$owner::new(spelled, 99) };
                assert_not_found($owner::find(&other.name, conn), spelled);
                assert_not_found($owner::update_with(&other.name, conn, |_: &mut $owner| Ok(())), spelled);
                assert_not_found(other.clone().reload(conn), spelled);
                assert_deleted(other.verify(conn), spelled);
                assert_deleted(other.save(conn).map(drop), spelled);
                assert_deleted(other.touch(conn).map(drop), spelled);
                assert_deleted(other.delete(conn).map(drop), spelled);
                assert_deleted($owner::at(other.name.clone(), 1).touch(conn), spelled);
                assert_deleted($owner::at(other.name.clone(), 1).delete(conn), spelled);
                let changed = $owner::at(other.name.clone(), 1).update(people::age.eq(99), conn);
                assert_deleted(changed, spelled);
                assert_eq!(other.version, 1);
                // Two that are one row to the database.
                for many in [2, 60] {
                    let mut all = vec![$owner { version: 1, ..$owner::new("alice", 99) }];
                    all.extend((2..many).map(|n| $owner { version: 1, ..$owner::new(&format!("p{n}"), 0) }));
                    for new in &mut all[1..] {
                        new.insert(conn).unwrap();
                    }
                    let announced = told(conn);
                    all.push(other.clone());
                    let before = rows(conn);
                    for refused in [
                        $owner::save_all(&mut all, conn).map(drop),
                        $owner::delete_all(&mut all, conn).map(drop),
                    ] {
                        match refused {
                            Err(Error::Conflicts(lost)) => {
                                let lost: Vec<_> = lost
                                    .iter()
                                    .map(|lost| (lost.row, lost.conflict.kind(), lost.conflict.id()))
                                    .collect();
                                assert_eq!(lost, [(all.len() - 1, ConflictKind::Deleted, Some(spelled))]);
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                    assert_eq!(rows(conn), before);
                    assert_eq!(told(conn), announced, "nothing is announced");
                    all.pop();
                    for new in &mut all[1..] {
                        new.delete(conn).unwrap();
                    }
                }
                let mut outcomes = [$owner { version: 1, ..$owner::new("alice", 20) }, other.clone()];
                let saved = $owner::save_each(&mut outcomes, conn).unwrap();
                assert!(saved[0].is_ok());
                let Err(Error::Conflict(lost)) = &saved[1] else { panic!("{saved:?}") };
                assert_eq!(lost.kind(), ConflictKind::Deleted);
                drop(saved);
                conn.batch_execute("UPDATE people SET version = 1").unwrap();
            }
            assert_eq!(rows(conn), [row("alice", 20, 1)]);
            assert!(told(conn).iter().all(|(_, key, _)| key == "alice" || key.starts_with('p')));
            assert_eq!(&told(conn)[..announced.len()], announced);
            // The record itself is found, and its deletion remembered.
            let mut alice = $owner::find(&"alice".into(), conn).unwrap();
            alice.delete(conn).unwrap();
            let mut again = $owner::new("alice", 1);
            again.insert(conn).unwrap();
            assert_eq!(again.version, if stringify!($owner) == "Loud" { 3 } else { 1 });
        }
    )*};
}

owners! {
    an_owner_finds_only_the_row_of_the_key: Plain;
    an_owner_with_outbox_and_tombstones_finds_only_the_row_of_the_key: Loud;
}

/// Trailing spaces, which MySQL ignores in a comparison; accents, which it does too.
#[test]
fn spaces_and_accents_are_part_of_a_key() {
    let (_db, mut conn) = people();
    let conn = &mut conn;
    Plain::new("jose", 20).insert(conn).unwrap();
    for other in ["jose ", "josé", "jose\u{301}", "JOSE"] {
        let mut spelled = Plain {
            version: 1,
            ..Plain::new(other, 9)
        };
        assert_deleted(spelled.save(conn).map(drop), other);
        assert_not_found(Plain::find(&other.to_owned(), conn), other);
    }
    assert_eq!(rows(conn), [row("jose", 20, 1)]);
}

/// 400 bytes: more than the positions of MySQL had room for.
#[test]
fn long_keys_are_records_of_their_own() {
    let (_db, mut conn) = people();
    if NAME == "mysql" {
        conn.batch_execute("SET SESSION sql_mode = ''").unwrap();
    }
    let long = |end: &str| format!("{}{end}", "ж".repeat(200));
    for end in ["1", "2"] {
        let key = long(end);
        assert_eq!(
            Sequential::apply(&put(&key, 1, 1), &mut conn).unwrap(),
            Outcome::Applied
        );
        assert_eq!(
            Sequential::apply(&put(&key, 2, 2), &mut conn).unwrap(),
            Outcome::Applied
        );
    }
    assert_eq!(
        rows(&mut conn),
        [row(&long("1"), 2, 2), row(&long("2"), 2, 2)]
    );

    let (_db, mut conn) = people();
    let key = long("3");
    let mut loud = Loud::new(&key, 1);
    loud.insert(&mut conn).unwrap();
    assert_eq!(told(&mut conn), [("created".to_owned(), key, 1)]);
}

#[test]
fn a_key_too_long_for_an_index_is_refused_before_any_sql() {
    let (_db, mut conn) = people();
    let long = "x".repeat(2_401);
    let refused = Sequential::apply(&put(&long, 1, 1), &mut conn);
    match refused {
        Err(Error::Event(error)) => assert_eq!(error, EventError::KeyTooLong { bytes: 2_401 }),
        other => panic!("{other:?}"),
    }
    let refused = Loud::new(&long, 1).insert(&mut conn).map(drop);
    assert!(
        matches!(
            refused,
            Err(Error::KeyTooLong {
                table: "people",
                bytes: 2_401
            })
        ),
        "{refused:?}"
    );
    assert_eq!(rows(&mut conn), []);
}

#[test]
fn a_deleted_record_without_a_name_is_in_a_snapshot() {
    let (_db, mut conn) = people();
    let conn = &mut conn;
    for name in ["", "a"] {
        let mut loud = Loud::new(name, 1);
        loud.insert(conn).unwrap();
        loud.delete(conn).unwrap();
    }
    Loud::new("b", 1).insert(conn).unwrap();
    for limit in [1, 2, 10] {
        let mut seen = Vec::new();
        let mut after: Option<Event<Loud>> = None;
        loop {
            let page = Loud::snapshot(after.as_ref(), limit, conn).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            seen.extend(
                page.into_iter()
                    .map(|event| (event.key, event.data.is_none(), event.op)),
            );
            assert!(seen.len() <= 3, "{seen:?}");
        }
        let snapshot = |key: &str, deleted| (key.to_owned(), deleted, Op::Snapshot);
        assert_eq!(
            seen,
            [
                snapshot("b", false),
                snapshot("", true),
                snapshot("a", true)
            ]
        );
    }
}
