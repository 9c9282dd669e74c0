//! `upsert`: an insertion, or a save at the version in memory, or a conflict.

use super::*;

const STALE: ConflictKind = ConflictKind::Stale;

/// What was done and the version that the record has: in the change, in memory and in the row.
macro_rules! upserted {
    ($model:expr, $conn:expr) => {{
        let model = &mut $model;
        let change = model.upsert($conn).unwrap();
        let (op, id, version, price) = (change.op(), change.id, change.version(), change.price);
        drop(change);
        assert_eq!(model.version, version, "in memory");
        let row = row(id, $conn).unwrap();
        assert_eq!((row.3, row.2), (version, price), "the row");
        (op, version)
    }};
}

macro_rules! life {
    ($model:ident, $told:expr, $deletion:expr) => {{
        let (_db, mut conn) = fresh(TICKETS);
        let conn = &mut conn;
        let mut mine = $model::new(7);
        assert_eq!(upserted!(mine, conn), (Op::Created, 1));
        mine.price = 25;
        assert_eq!(upserted!(mine, conn), (Op::Updated, 2));

        // A new model, a model that was loaded before, and one that is ahead of the row.
        for version in [0, 1, 5] {
            let mut theirs = $model {
                version,
                price: 99,
                ..$model::new(7)
            };
            let before = theirs.clone();
            let refused = conflict(theirs.upsert(conn).map(|change| change.version()));
            assert_eq!(refused, (STALE, "7".into(), version, Some(2)));
            assert_eq!(theirs, before);
            assert_eq!(row(7, conn), Some((1, "concert".into(), 25, 2)));
        }

        // The record is gone, and comes back as `insert` makes it do.
        let mut loaded = mine.clone();
        mine.delete(conn).unwrap();
        loaded.price = 30;
        let first = if $deletion { 4 } else { 1 };
        assert_eq!(upserted!(loaded, conn), (Op::Created, first));
        loaded.delete(conn).unwrap();
        let mut new = $model::new(7);
        let first = if $deletion { 6 } else { 1 };
        assert_eq!(upserted!(new, conn), (Op::Created, first));

        let expected: &[(&str, i64)] = if !$told {
            &[]
        } else if $deletion {
            &[
                ("created", 1),
                ("updated", 2),
                ("deleted", 3),
                ("created", 4),
                ("deleted", 5),
                ("created", 6),
            ]
        } else {
            &[
                ("created", 1),
                ("updated", 2),
                ("deleted", 3),
                ("created", 1),
                ("deleted", 2),
                ("created", 1),
            ]
        };
        let expected: Vec<_> = expected
            .iter()
            .map(|(op, version)| ((*op).to_owned(), *version))
            .collect();
        assert_eq!(events(conn), expected);
    }};
}

#[test]
fn a_record_is_inserted_or_saved() {
    life!(Ticket, false, false);
}

#[test]
fn a_record_with_an_outbox_is_inserted_or_saved() {
    life!(Told, true, false);
}

#[test]
fn a_record_with_tombstones_is_inserted_or_saved() {
    life!(Remembered, false, true);
}

#[test]
fn a_record_with_both_is_inserted_or_saved() {
    life!(Announced, true, true);
}

/// Hibernate, `UpsertVersionedTest`: the row is at the next version, whoever made it, and a version
/// of a record that does not exist does not matter.
#[test]
fn the_scenarios_of_hibernate() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    let at = |id, version, price| Ticket {
        price,
        version,
        ..Ticket::new(id)
    };
    assert_eq!(upserted!(at(123, 0, 1), conn), (Op::Created, 1));
    assert_eq!(upserted!(at(456, 2, 2), conn), (Op::Created, 1));
    assert_eq!(upserted!(at(123, 1, 3), conn), (Op::Updated, 2));
    assert_eq!(upserted!(at(456, 1, 4), conn), (Op::Updated, 2));
    // `testStaleUpsert`
    Ticket::new(789).insert(conn).unwrap();
    assert_eq!(upserted!(at(789, 1, 5), conn), (Op::Updated, 2));
    let venus = conflict(at(789, 1, 6).upsert(conn).map(drop));
    assert_eq!(venus, (STALE, "789".into(), 1, Some(2)));
    assert_eq!(row(789, conn), Some((1, "concert".into(), 5, 2)));
}

/// spring-data-relational #2277: an upsert must not write to a row at another version.
#[test]
fn another_version_is_a_conflict_in_a_transaction_that_goes_on() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    Ticket::new(7).insert(conn).unwrap();
    Ticket::at(7, 1).touch(conn).unwrap();
    macro_rules! inside {
        ($($model:ident $id:literal;)*) => {$(
            let mut other = $model::new($id);
            transaction(conn, &mut other, |conn, other| {
                let stale = conflict($model { version: 1, ..$model::new(7) }.upsert(conn).map(drop));
                assert_eq!(stale, (STALE, "7".into(), 1, Some(2)));
                let new = conflict($model::new(7).upsert(conn).map(drop));
                assert_eq!(new, (STALE, "7".into(), 0, Some(2)));
                assert_eq!(other.upsert(conn)?.op(), Op::Created);
                other.price = 25;
                assert_eq!(other.upsert(conn)?.op(), Op::Updated);
                Ok::<_, Error>(())
            })
            .unwrap();
            assert_eq!(row($id, conn), Some((1, "concert".into(), 25, 2)));
        )*};
    }
    inside!(Ticket 8; Told 9; Remembered 10; Announced 11;);
    assert_eq!(row(7, conn), Some((1, "concert".into(), 20, 2)));
}

#[test]
fn the_statements_are_those_of_an_insertion_and_of_a_save() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    let log = Log::on(conn);
    let insert =
        "INSERT INTO \"tickets\" (\"id\", \"tenant\", \"title\", \"price\", \"version\") VALUES ";
    let update = "UPDATE \"tickets\" SET \"tenant\" = ";
    let mut ticket = Ticket::new(7);
    ticket.upsert(conn).unwrap();
    let ran = log.take();
    assert_eq!(ran.len(), 1, "{ran:?}");
    assert!(ran[0].starts_with(insert), "{ran:?}");
    let skips = ran[0].ends_with(" ON CONFLICT (\"id\") DO NOTHING");
    assert_eq!(skips, NAME != "mysql", "{ran:?}");

    ticket.upsert(conn).unwrap();
    let ran = log.take();
    assert_eq!(ran.len(), 1, "{ran:?}");
    assert!(ran[0].starts_with(update), "{ran:?}");

    // A conflict costs what it costs in a save.
    let mut stale = Ticket {
        version: 5,
        ..Ticket::new(7)
    };
    assert_eq!(conflict(stale.upsert(conn).map(drop)).0, STALE);
    assert_eq!(verbs(&log.take()), ["UPDATE", "SELECT"]);

    // The version in memory is no version of a new record.
    let mut other = Ticket {
        version: 3,
        ..Ticket::new(8)
    };
    assert_eq!(other.upsert(conn).unwrap().op(), Op::Created);
    let ran = log.take();
    let expected: &[&str] = if NAME == "sqlite" {
        // It also asks whether the table is a view, of which SQLite counts no rows.
        &["UPDATE", "SELECT", "SELECT", "INSERT"]
    } else {
        &["UPDATE", "SELECT", "INSERT"]
    };
    assert_eq!(verbs(&ran), expected);
}

#[test]
fn at_the_maximum_of_its_type_nothing_is_sent() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    let log = Log::on(conn);
    let mut last = Ticket {
        version: i64::MAX,
        ..Ticket::new(7)
    };
    match last.upsert(conn) {
        Err(Error::VersionExhausted { table, id, .. }) => {
            assert_eq!((table, id.as_str()), ("tickets", "7"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(log.take(), [""; 0]);
}

#[track_caller]
fn assert_taken<T: std::fmt::Debug>(refused: Result<T, Error>) {
    use diesel::result::DatabaseErrorKind::UniqueViolation;
    use diesel::result::Error::DatabaseError;
    assert!(
        matches!(
            refused,
            Err(Error::Database(DatabaseError(UniqueViolation, _)))
        ),
        "{refused:?}"
    );
}

/// Another unique key is no matter of versions.
#[test]
fn another_unique_key_is_an_error_of_the_database() {
    let (_db, mut conn) =
        fresh(&TICKETS.replace("VARCHAR(100) NOT NULL", "VARCHAR(100) NOT NULL UNIQUE"));
    let conn = &mut conn;
    Ticket::new(7).insert(conn).unwrap();
    macro_rules! refuse {
        ($($model:ident)*) => {$(
            // Inserted first, or after a save that finds no row.
            for version in [0, 3] {
                let mut other = $model { version, ..$model::new(8) };
                let before = other.clone();
                assert_taken(other.upsert(conn).map(drop));
                assert_eq!(other, before);
                let mut two = [$model { version, ..$model::new(8) }, $model { title: "opera".into(), ..$model::new(9) }];
                assert_taken($model::upsert_all(&mut two, conn).map(drop));
            }
        )*};
    }
    refuse!(Ticket Told Remembered Announced);
    assert_eq!(row(7, conn), Some((1, "concert".into(), 20, 1)));
    assert_eq!((row(8, conn), row(9, conn)), (None, None));
    assert_eq!(events(conn), []);
    // A save that takes the other's name.
    let mut other = Ticket {
        title: "opera".into(),
        ..Ticket::new(8)
    };
    other.upsert(conn).unwrap();
    other.title = "concert".into();
    assert_taken(other.upsert(conn).map(drop));
    assert_eq!(row(8, conn), Some((1, "opera".into(), 20, 1)));
}

mod spellings {
    use super::*;

    diesel::table! {
        people (name) {
            name -> VarChar,
            age -> BigInt,
            version -> BigInt,
        }
    }

    macro_rules! people {
        ($($name:ident($($keys:tt)*);)*) => {$(
            #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
            #[diesel(table_name = people, primary_key(name))]
            #[versioned($($keys)*)]
            struct $name {
                name: String,
                age: i64,
                version: i64,
            }
        )*};
    }

    people! {
        Person(owner);
        ToldPerson(owner, outbox, tombstones);
    }

    /// A row whose key the database takes for the same is another record.
    #[test]
    fn a_key_in_another_spelling_is_never_written_to() {
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
        let (_db, mut conn) = fresh(&format!(
            "{collation}
            CREATE TABLE people (name {name} NOT NULL PRIMARY KEY, age BIGINT NOT NULL, version BIGINT NOT NULL);"
        ));
        let conn = &mut conn;
        let rows =
            |conn: &mut Conn| -> Vec<(String, i64, i64)> { people::table.load(conn).unwrap() };
        macro_rules! refuse {
            ($($model:ident)*) => {$(
                diesel::delete(people::table).execute(conn).unwrap();
                diesel::insert_into(people::table)
                    .values((people::name.eq("abc"), people::age.eq(20), people::version.eq(1)))
                    .execute(conn)
                    .unwrap();
                let told_before = told(conn);
                for version in [0, 1, 2] {
                    let person = |name: &str| $model { name: name.into(), age: 99, version };
                    assert_taken(person("ABC").upsert(conn).map(drop));
                    assert_taken($model::upsert_all(&mut [person("ABC"), person("xyz")], conn).map(drop));
                    assert_eq!(rows(conn), [("abc".into(), 20, 1)]);
                }
                assert_eq!(told(conn), told_before);
                let mut same = $model { name: "abc".into(), age: 30, version: 1 };
                assert_eq!(same.upsert(conn).unwrap().op(), Op::Updated);
                assert_eq!(rows(conn), [("abc".into(), 30, 2)]);
            )*};
        }
        refuse!(Person ToldPerson);
    }
}

/// A trigger that suppresses what is done to record 3.
fn suppress(verb: &str, conn: &mut Conn) {
    let sqlite = format!(
        "CREATE TRIGGER no_{verb} BEFORE {verb} ON tickets WHEN NEW.id = 3 BEGIN SELECT RAISE(IGNORE); END;"
    );
    let postgres = format!(
        "CREATE FUNCTION no_{verb}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.id = 3 THEN RETURN NULL; END IF; RETURN NEW;
        END $$;
        CREATE TRIGGER no_{verb} BEFORE {verb} ON tickets FOR EACH ROW EXECUTE FUNCTION no_{verb}();"
    );
    conn.batch_execute(on(&sqlite, &postgres, "")).unwrap();
}

#[test]
fn a_write_that_the_database_suppresses_is_a_conflict_of_its_own() {
    if NAME == "mysql" {
        // Its triggers can only fail.
        return;
    }
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    suppress("INSERT", conn);
    let kind = |error: Error| error.conflict().map(Conflict::kind);
    let suppressed = Err(Some(ConflictKind::Suppressed));
    macro_rules! refuse {
        ($($model:ident)*) => {$(
            for version in [0, 4] {
                let mut three = $model { version, ..$model::new(3) };
                assert_eq!(three.upsert(conn).map(drop).map_err(kind), suppressed);
                assert_eq!(three.version, version);
                let mut both = [$model { version, ..$model::new(3) }, $model::new(4)];
                match $model::upsert_all(&mut both, conn).map(drop) {
                    Err(Error::Conflicts(rows)) => {
                        let rows: Vec<_> = rows.iter().map(|row| (row.row, row.conflict.kind())).collect();
                        assert_eq!(rows, [(0, ConflictKind::Suppressed)]);
                    }
                    other => panic!("{other:?}"),
                }
            }
        )*};
    }
    refuse!(Ticket Told Remembered Announced);
    assert_eq!((row(3, conn), row(4, conn)), (None, None));
    assert_eq!(events(conn), []);

    // A save runs no trigger of an INSERT.
    conn.batch_execute(on(
        "DROP TRIGGER no_INSERT",
        "DROP TRIGGER no_INSERT ON tickets",
        "",
    ))
    .unwrap();
    let mut three = Ticket::new(3);
    three.upsert(conn).unwrap();
    suppress("UPDATE", conn);
    assert_eq!(three.upsert(conn).map(drop).map_err(kind), suppressed);
    assert_eq!(row(3, conn), Some((1, "concert".into(), 20, 1)));
}

mod another_key {
    use super::*;

    diesel::table! {
        seats (id) {
            id -> BigInt,
            place -> BigInt,
            price -> BigInt,
            version -> BigInt,
        }
    }

    #[derive(Debug, Clone, Queryable, Selectable, Versioned)]
    #[diesel(table_name = seats, primary_key(place))]
    #[versioned(owner)]
    struct Seat {
        id: i64,
        place: i64,
        price: i64,
        version: i64,
    }

    /// `table!` names no key of the database, so there may be no index that an `ON CONFLICT` needs.
    #[test]
    fn a_model_with_another_key_than_the_table() {
        let (_db, mut conn) = fresh(
        "CREATE TABLE seats (id BIGINT NOT NULL PRIMARY KEY, place BIGINT NOT NULL, price BIGINT NOT NULL,
             version BIGINT NOT NULL)",
    );
        let conn = &mut conn;
        let seat = |id, place, version| Seat {
            id,
            place,
            price: 1,
            version,
        };
        assert_eq!(seat(1, 7, 0).upsert(conn).unwrap().op(), Op::Created);
        assert_eq!(seat(1, 7, 1).upsert(conn).unwrap().op(), Op::Updated);
        assert_taken(seat(1, 8, 0).upsert(conn).map(drop));
        let stale = seat(1, 7, 1).upsert(conn).map(drop).unwrap_err();
        assert_eq!(stale.conflict().map(Conflict::kind), Some(STALE));
        conn.transaction(|conn| {
            assert_taken(seat(1, 8, 0).upsert(conn).map(drop));
            assert_eq!(seat(2, 8, 0).upsert(conn)?.op(), Op::Created);
            Ok::<_, Error>(())
        })
        .unwrap();
        let rows: Vec<(i64, i64, i64, i64)> = seats::table.order(seats::id).load(conn).unwrap();
        assert_eq!(rows, [(1, 7, 1, 2), (2, 8, 1, 1)]);
    }
}
