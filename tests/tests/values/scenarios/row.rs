//! What a write reports is what the row has: values that the database makes or rounds, and what it was not given.

use super::*;

diesel::table! {
    posts (id) {
        id -> BigInt,
        title -> VarChar,
        hits -> BigInt,
        slug -> VarChar,
        made -> VarChar,
        changes -> BigInt,
        version -> BigInt,
    }
}

/// `slug` is written by an INSERT alone, `made` by an UPDATE alone, `changes` by the database.
fn posts() -> (Db, Conn) {
    let ddl = "CREATE TABLE posts (
            id BIGINT PRIMARY KEY,
            title VARCHAR(100) NOT NULL,
            hits BIGINT NOT NULL DEFAULT 0,
            slug VARCHAR(100) NOT NULL,
            made VARCHAR(100) NOT NULL DEFAULT 'by the database',
            changes BIGINT NOT NULL DEFAULT 40,
            version BIGINT NOT NULL
        );";
    // It counts what is written, as an `updated_at` would.
    let trigger = on(
        "CREATE TRIGGER counts AFTER UPDATE OF version ON posts BEGIN
            UPDATE posts SET changes = OLD.changes + 1 WHERE id = NEW.id;
        END;",
        "CREATE FUNCTION counts() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.changes = OLD.changes + 1; RETURN NEW; END $$;
        CREATE TRIGGER counts BEFORE UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION counts();",
        "CREATE TRIGGER counts BEFORE UPDATE ON posts FOR EACH ROW SET NEW.changes = OLD.changes + 1;",
    );
    fresh(&format!("{ddl}{trigger}"))
}

/// What the trigger makes of so many updates.
fn changes(updates: i64) -> i64 {
    40 + updates
}

macro_rules! posts {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = posts)]
        #[versioned($($keys)*)]
        struct $name {
            id: i64,
            title: String,
            #[versioned(excluded)]
            hits: i64,
            #[diesel(skip_update)]
            slug: String,
            #[diesel(skip_insertion)]
            made: String,
            #[diesel(skip_insertion, skip_update)]
            changes: i64,
            version: i64,
        }

        impl $name {
            fn new(id: i64) -> Self {
                Self {
                    id,
                    title: format!("post {id}"),
                    hits: 0,
                    slug: format!("slug {id}"),
                    made: "in memory".into(),
                    changes: -1,
                    version: 0,
                }
            }

            fn row(id: i64, conn: &mut Conn) -> Self {
                posts::table.find(id).select(Self::as_select()).first(conn).unwrap()
            }
        }
    )*};
}

posts! {
    Post(owner);
    LoudPost(owner, outbox, tombstones, entity = "posts");
}

/// An INSERT that returns its row is committed, whatever key the row has. The others are read in their transaction, and
/// rolled back.
#[test]
fn a_key_that_a_trigger_changes_is_the_models_or_nothing_is_written() {
    let (_db, mut conn) = posts();
    let conn = &mut conn;
    conn.batch_execute(on(
        "CREATE TRIGGER moves AFTER INSERT ON posts BEGIN UPDATE posts SET id = NEW.id + 100 WHERE id = NEW.id; END;",
        "CREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id = NEW.id + 100; RETURN NEW; END $$;
        CREATE TRIGGER moves BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION moves();",
        "CREATE TRIGGER moves BEFORE INSERT ON posts FOR EACH ROW SET NEW.id = NEW.id + 100;",
    ))
    .unwrap();
    let rows = |conn: &mut Conn| posts::table.select(posts::id).load::<i64>(conn).unwrap();
    let mut post = Post::new(7);
    if NAME == "postgres" {
        post.insert(conn).unwrap();
        assert_eq!((post.id, post.version), (107, 1));
        assert_eq!(post, Post::row(107, conn));
        post.title = "opera".into();
        post.save(conn).unwrap();
        assert_eq!(post, Post::row(107, conn));
    } else {
        let refused = post.insert(conn).map(drop).unwrap_err();
        assert!(matches!(refused, Error::NotFound { .. }), "{refused:?}");
        assert_eq!(post, Post::new(7));
        assert_eq!(rows(conn), Vec::<i64>::new());
    }
    let before = rows(conn);
    let mut loud = LoudPost::new(8);
    let refused = loud.insert(conn).map(drop).unwrap_err();
    let is_known = matches!(refused, Error::KeyGenerated { .. } | Error::NotFound { .. });
    assert!(is_known, "{refused:?}");
    assert_eq!(loud, LoudPost::new(8));
    assert_eq!(rows(conn), before);
    assert_eq!(told(conn), []);
}

/// The data of the last event.
fn last_data(conn: &mut Conn) -> serde_json::Value {
    #[derive(QueryableByName)]
    struct Payload {
        #[diesel(sql_type = diesel::sql_types::Text)]
        payload: String,
    }
    let last: Payload =
        diesel::sql_query("SELECT payload FROM versioned_outbox ORDER BY id DESC LIMIT 1")
            .get_result(conn)
            .unwrap();
    let event: serde_json::Value = serde_json::from_str(&last.payload).unwrap();
    event["data"].clone()
}

macro_rules! shown {
    ($($test:ident: $post:ident, $loud:expr;)*) => {$(
        #[test]
        fn $test() {
            let (_db, mut conn) = posts();
            let conn = &mut conn;
            let mut post = $post::new(7);
            // The row, the model, the change and the event are the same.
            macro_rules! same {
                ($change:expr) => {{
                    let change: versioned_core::Change<'_, $post> = $change;
                    let record = (*change).clone();
                    assert_eq!(change.to_event().data.as_ref(), Some(&record));
                    let row = $post::row(record.id, conn);
                    assert_eq!(record, row, "the change");
                    if $loud {
                        assert_eq!(last_data(conn), serde_json::to_value(&row).unwrap(), "the event");
                    }
                    row
                }};
            }

            let row = same!(post.insert(conn).unwrap());
            assert_eq!(post, row);
            assert_eq!((row.made.as_str(), row.changes), ("by the database", 40));

            post.title = "opera".into();
            post.made = "by an update".into();
            post.slug = "never written".into();
            post.changes = 1_000;
            let row = same!(post.save(conn).unwrap());
            assert_eq!(post, row);
            assert_eq!((row.slug.as_str(), row.changes), ("slug 7", changes(1)));
            assert_eq!((row.title.as_str(), row.made.as_str()), ("opera", "by an update"));

            // A touch announces the row; the change in memory is still there to be saved.
            post.title = "not saved".into();
            post.slug = "never written".into();
            let row = same!(post.touch(conn).unwrap());
            assert_eq!(row.title, "opera");
            assert_eq!((post.title.as_str(), post.version), ("not saved", 3));
            assert_eq!((post.slug.as_str(), post.changes), ("slug 7", changes(2)));
            let row = same!(post.save(conn).unwrap());
            assert_eq!((row.title.as_str(), row.version), ("not saved", 4));

            let updated = $post::update_with(&7, conn, |post| {
                post.title = "closure".into();
                post.changes = 0;
                Ok(())
            })
            .unwrap();
            assert_eq!(updated, $post::row(7, conn));
            assert_eq!((updated.title.as_str(), updated.changes), ("closure", changes(4)));

            let mut new = $post::new(8);
            let row = same!(new.upsert(conn).unwrap());
            assert_eq!(new, row);
            assert_eq!((row.made.as_str(), row.changes, row.version), ("by the database", 40, 1));
            new.title = "upserted".into();
            new.made = "by an update".into();
            new.slug = "never written".into();
            let row = same!(new.upsert(conn).unwrap());
            assert_eq!(new, row);
            assert_eq!((row.slug.as_str(), row.changes, row.version), ("slug 8", changes(1), 2));

            // Batches, of a few and of many.
            for (count, first) in [(1, 100), (4, 200), (130, 300)] {
                let mut many: Vec<_> = (first..first + count).map($post::new).collect();
                for change in $post::insert_all(&mut many, conn).unwrap() {
                    assert_eq!((change.made.as_str(), change.changes, change.version()), ("by the database", 40, 1));
                }
                let others = (first..first + count).map(|id| $post::new(id + 10_000));
                let mut both: Vec<_> = others.chain(many.drain(..)).collect();
                for post in &mut both {
                    post.title = "upserted".into();
                }
                for change in $post::upsert_all(&mut both, conn).unwrap() {
                    let updates = i64::from(change.id < 10_000);
                    assert_eq!((change.made.as_str(), change.changes), ("by the database", changes(updates)));
                    assert_eq!((change.title.as_str(), change.version()), ("upserted", 1 + updates));
                }
                for post in &both {
                    assert_eq!(*post, $post::row(post.id, conn));
                }
                many = both.into_iter().filter(|post| post.id < 10_000).collect();
                for (step, save) in [1, 2].into_iter().zip([true, false]) {
                    for post in &mut many {
                        post.title = format!("step {step}");
                        post.slug = "never written".into();
                    }
                    if save {
                        $post::save_all(&mut many, conn).unwrap();
                    } else {
                        assert!($post::save_each(&mut many, conn).unwrap().iter().all(Result::is_ok));
                    }
                    for post in &many {
                        let row = $post::row(post.id, conn);
                        assert_eq!(post, &row);
                        assert_eq!(row.title, format!("step {step}"));
                        assert_eq!((row.changes, row.version), (changes(step + 1), step + 2));
                        assert_eq!(row.slug, format!("slug {}", row.id));
                    }
                }
            }
        }
    )*};
}

shown! {
    a_write_shows_what_the_database_made: Post, false;
    an_event_has_what_the_database_made: LoudPost, true;
}

/// A stale model in a batch: nothing in memory moves.
#[test]
fn a_batch_that_fails_shows_nothing() {
    let (_db, mut conn) = posts();
    let conn = &mut conn;
    for count in [3, 60] {
        let mut many: Vec<_> = (count * 1_000..count * 1_001).map(Post::new).collect();
        Post::insert_all(&mut many, conn).unwrap();
        diesel::update(posts::table.find(many[1].id))
            .set(posts::version.eq(9))
            .execute(conn)
            .unwrap();
        for post in &mut many {
            post.slug = "in memory".into();
        }
        let before = many.clone();
        match Post::save_all(&mut many, conn).map(drop) {
            Err(Error::Conflicts(lost)) => {
                assert_eq!(lost.len(), 1);
                assert_eq!(
                    (lost[0].row, lost[0].conflict.kind()),
                    (1, ConflictKind::Stale)
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(many, before);
    }
}

#[test]
fn a_tracked_model_shows_what_the_database_made() {
    use versioned_core::Tracked;

    let (_db, mut conn) = posts();
    let conn = &mut conn;
    LoudPost::new(7).insert(conn).unwrap();
    let mut post = Tracked::new(LoudPost::find(&7, conn).unwrap());
    // Another session writes what is no part of the record's state.
    diesel::update(posts::table.find(7))
        .set(posts::hits.eq(5))
        .execute(conn)
        .unwrap();
    post.title = "opera".into();
    post.save(conn).unwrap().unwrap();
    let row = LoudPost::row(7, conn);
    assert_eq!(*post, row);
    assert_eq!(post.original(), &row);
    assert_eq!((row.hits, row.version), (5, 2));
    assert_eq!(last_data(conn), serde_json::to_value(&row).unwrap());

    post.title = "not saved".into();
    let change = post.touch(conn).unwrap();
    assert_eq!((change.title.as_str(), change.version), ("opera", 3));
    drop(change);
    assert_eq!(last_data(conn)["title"], "opera");
    assert_eq!(
        (post.title.as_str(), post.original().title.as_str()),
        ("not saved", "opera")
    );
    post.save(conn).unwrap().unwrap();
    assert_eq!(*post, LoudPost::row(7, conn));
    assert!(post.save(conn).unwrap().is_none());
}

diesel::table! {
    plain (id) {
        id -> BigInt,
        name -> VarChar,
        version -> BigInt,
    }
}

/// Every field is written, and still memory may have what the row has not.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = plain)]
#[versioned(owner)]
struct Plain {
    id: i64,
    name: String,
    version: i64,
}

#[test]
fn a_touch_announces_the_row() {
    let (_db, mut conn) = fresh(
        "CREATE TABLE plain (id BIGINT PRIMARY KEY, name VARCHAR(100) NOT NULL, version BIGINT NOT NULL)",
    );
    let conn = &mut conn;
    let mut plain = Plain {
        id: 7,
        name: "saved".into(),
        version: 0,
    };
    plain.insert(conn).unwrap();
    plain.name = "never saved".into();
    let event = plain.touch(conn).unwrap().to_event();
    let row = Plain {
        id: 7,
        name: "saved".into(),
        version: 2,
    };
    assert_eq!((event.op, event.version), (Op::Updated, 2));
    assert_eq!(event.data, Some(row));
    assert_eq!(
        plain,
        Plain {
            id: 7,
            name: "never saved".into(),
            version: 2
        }
    );
}

diesel::table! {
    readings (id) {
        id -> BigInt,
        level -> Double,
        at -> Timestamp,
        version -> BigInt,
    }
}

macro_rules! readings {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = readings)]
        #[versioned($($keys)*)]
        struct $name {
            id: i64,
            level: f64,
            #[serde(with = "moments")]
            at: chrono::NaiveDateTime,
            version: i64,
        }
    )*};
}

mod moments {
    use chrono::{DateTime, NaiveDateTime};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &NaiveDateTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(at.and_utc().timestamp_nanos_opt().unwrap())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<NaiveDateTime, D::Error> {
        let nanos = i64::deserialize(from)?;
        Ok(DateTime::from_timestamp_nanos(nanos).naive_utc())
    }
}

readings! {
    Reading(owner, outbox, entity = "readings");
    ReadingCopy(dependent, entity = "readings");
}

fn readings() -> (Db, Conn) {
    fresh(&format!(
        "CREATE TABLE readings (id BIGINT PRIMARY KEY, level {} NOT NULL, at {} NOT NULL, version BIGINT NOT NULL)",
        on("DOUBLE", "DOUBLE PRECISION", "DOUBLE"),
        on("TIMESTAMP", "TIMESTAMP", "DATETIME"),
    ))
}

fn reading(level: f64, nanos: i64) -> Reading {
    Reading {
        id: 7,
        level,
        at: chrono::DateTime::from_timestamp_nanos(nanos).naive_utc(),
        version: 0,
    }
}

#[test]
fn an_event_has_what_the_row_rounded() {
    let (_db, mut conn) = readings();
    let conn = &mut conn;
    let mut stored = reading(1.5, 1_767_323_045_123_456_789);
    let event = stored.insert(conn).unwrap().to_event();
    let row = Reading::find(&7, conn).unwrap();
    assert_eq!((event.data.as_ref(), &stored), (Some(&row), &row));
    assert_eq!(last_data(conn), serde_json::to_value(&row).unwrap());

    stored.at += chrono::TimeDelta::nanoseconds(1_900_000_001);
    let mut all = [stored];
    Reading::save_all(&mut all, conn).unwrap();
    let row = Reading::find(&7, conn).unwrap();
    assert_eq!(all[0], row);
    assert_eq!(last_data(conn), serde_json::to_value(&row).unwrap());
}

#[test]
fn a_number_that_json_has_not_is_refused_before_anything_is_written() {
    let (_db, mut conn) = readings();
    let conn = &mut conn;
    let refuse = |refused: Result<(), Error>| match refused {
        Err(Error::NotFinite { table, id, field }) => {
            assert_eq!(
                (table, id.as_str(), field.as_str()),
                ("readings", "7", "level")
            );
        }
        other => panic!("{other:?}"),
    };
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refuse(reading(wrong, 0).insert(conn).map(drop));
        refuse(Reading::insert_all(&mut [reading(wrong, 0)], conn).map(drop));
        assert!(told(conn).is_empty());
        assert!(Reading::find(&7, conn).is_err(), "nothing was written");
    }
    let mut stored = reading(1.5, 0);
    stored.insert(conn).unwrap();
    let before = Reading::find(&7, conn).unwrap();
    stored.level = f64::NAN;
    refuse(stored.save(conn).map(drop));
    refuse(Reading::save_all(std::slice::from_mut(&mut stored), conn).map(drop));
    if NAME == "postgres" {
        refuse(
            Reading::at(7, 1)
                .update(readings::level.eq(f64::NAN), conn)
                .map(drop),
        );
    }
    refuse(
        Reading::update_with(&7, conn, |reading| {
            reading.level = f64::INFINITY;
            Ok(())
        })
        .map(drop),
    );
    assert_eq!(stored.version, 1);
    assert_eq!(Reading::find(&7, conn).unwrap(), before);
    assert_eq!(told(conn).len(), 1);
}

#[test]
fn a_double_keeps_its_bits() {
    let (_db, mut owner) = readings();
    let (_other, mut replica) = readings();
    for (place, level) in [
        -1.119_313_317_998_188_7e-17,
        0.1 + 0.2,
        f64::MIN_POSITIVE,
        f64::MAX,
        5e-324,
        2.225_073_858_507_201e-308,
        9_007_199_254_740_993.0,
    ]
    .into_iter()
    .enumerate()
    {
        let mut stored = Reading {
            id: i64::try_from(place).unwrap() + 1,
            ..reading(level, 0)
        };
        let event = stored.insert(&mut owner).unwrap().to_event();
        let sent = serde_json::to_string(&event).unwrap();
        let received: Event<ReadingCopy> = serde_json::from_str(&sent).unwrap();
        assert_eq!(
            ReadingCopy::apply(&received, &mut replica).unwrap(),
            Outcome::Applied
        );
        let copy: f64 = readings::table
            .find(stored.id)
            .select(readings::level)
            .first(&mut replica)
            .unwrap();
        assert_eq!(copy.to_bits(), level.to_bits(), "{level:e}");
    }
}

diesel::table! {
    copied (id) {
        id -> BigInt,
        name -> VarChar,
        seen -> VarChar,
        version -> BigInt,
    }
}

macro_rules! copied {
    ($($test:ident: $name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = copied)]
        #[versioned(dependent, entity = "copied", $($keys)*)]
        struct $name {
            id: i64,
            name: String,
            #[diesel(skip_insertion)]
            seen: String,
            version: i64,
        }

        /// What the replica's database made with the first event stays.
        #[test]
        fn $test() {
            let (_db, mut conn) = fresh(
                "CREATE TABLE copied (id BIGINT PRIMARY KEY, name VARCHAR(100) NOT NULL,
                seen VARCHAR(100) NOT NULL DEFAULT 'first', version BIGINT NOT NULL)",
            );
            let conn = &mut conn;
            let copied = |version: i64| -> Event<$name> {
                let op = if version == 1 { "created" } else { "updated" };
                let name = format!("v{version}");
                let data = serde_json::json!({ "id": 7, "name": name, "seen": "by the owner", "version": version });
                event("copied", "7", version, op, data)
            };
            let rows = |conn: &mut Conn| copied::table.load::<(i64, String, String, i64)>(conn).unwrap();
            assert_eq!($name::apply(&copied(1), conn).unwrap(), Outcome::Applied);
            assert_eq!(rows(conn), [(7, "v1".into(), "first".into(), 1)]);
            diesel::update(copied::table).set(copied::seen.eq("its own")).execute(conn).unwrap();
            for version in 2..5 {
                if version == 4 {
                    assert_eq!($name::apply_all(&[copied(version)], conn).unwrap(), [Outcome::Applied]);
                } else {
                    assert_eq!($name::apply(&copied(version), conn).unwrap(), Outcome::Applied);
                }
                assert_eq!(rows(conn), [(7, format!("v{version}"), "its own".into(), version)]);
            }
        }
    )*};
}

copied! {
    a_sequential_replica_leaves_what_its_database_made: Copied();
    a_latest_replica_leaves_what_its_database_made: LatestCopied(policy = "latest");
    a_parking_replica_leaves_what_its_database_made: ParkedCopied(gap = "park");
    a_replica_by_its_rows_leaves_what_its_database_made: RowCopied(guard = "row");
    a_latest_replica_by_its_rows_leaves_what_its_database_made: LatestRowCopied(guard = "row", policy = "latest");
}

diesel::table! {
    jobs (id) {
        id -> BigInt,
        version -> BigInt,
    }
}

macro_rules! jobs {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
        #[diesel(table_name = jobs)]
        #[versioned($($keys)*)]
        struct $name {
            id: i64,
            version: i64,
        }
    )*};
}

jobs! {
    Job(owner);
    LoudJob(owner, outbox, entity = "jobs");
}

/// MySQL makes a key of 0.
#[test]
fn a_key_of_zero_is_the_rows_or_an_error() {
    let id = on(
        "INTEGER PRIMARY KEY AUTOINCREMENT",
        "BIGSERIAL PRIMARY KEY",
        "BIGINT PRIMARY KEY AUTO_INCREMENT",
    );
    let (_db, mut conn) = fresh(&format!(
        "CREATE TABLE jobs (id {id}, version BIGINT NOT NULL)"
    ));
    let conn = &mut conn;
    let rows = |conn: &mut Conn| jobs::table.load::<(i64, i64)>(conn).unwrap();
    let refuse = |refused: Result<(), Error>| match refused {
        Err(Error::KeyGenerated { table, id }) => assert_eq!((table, id.as_str()), ("jobs", "0")),
        other => panic!("{other:?}"),
    };
    if NAME == "mysql" {
        let many = || (0..6).map(|id| Job { id, version: 0 }).collect::<Vec<_>>();
        let loud = || {
            (0..6)
                .map(|id| LoudJob { id, version: 0 })
                .collect::<Vec<_>>()
        };
        refuse(Job { id: 0, version: 0 }.insert(conn).map(drop));
        refuse(LoudJob { id: 0, version: 0 }.insert(conn).map(drop));
        refuse(LoudJob { id: 0, version: 4 }.import(conn));
        refuse(Job::insert_all(&mut many(), conn).map(drop));
        refuse(LoudJob::insert_all(&mut loud(), conn).map(drop));
        assert_eq!((rows(conn), told(conn)), (vec![], vec![]));
        conn.batch_execute("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
            .unwrap();
    }
    let mut job = LoudJob { id: 0, version: 0 };
    job.insert(conn).unwrap();
    assert_eq!(rows(conn), [(0, 1)]);
    assert_eq!(told(conn), [("created".into(), "0".into(), 1)]);
    job.delete(conn).unwrap();
    let mut many: Vec<_> = (0..6).map(|id| Job { id, version: 0 }).collect();
    Job::insert_all(&mut many, conn).unwrap();
    assert_eq!(rows(conn), [0, 1, 2, 3, 4, 5].map(|id| (id, 1)));
}

diesel::table! {
    named (name) {
        name -> VarChar,
        number -> BigInt,
        version -> BigInt,
    }
}

macro_rules! named {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
        #[diesel(table_name = named, primary_key(name))]
        #[versioned($($keys)*)]
        struct $name {
            name: String,
            number: i64,
            version: i64,
        }
    )*};
}

named! {
    Named(owner);
    LoudNamed(owner, outbox, entity = "named");
}

/// MySQL compares any text with a number.
#[test]
fn a_row_that_cannot_be_found_again_is_not_taken_for_another() {
    let (_db, mut conn) = fresh(&format!(
        "CREATE TABLE named (name VARCHAR(100) PRIMARY KEY, number {}, version BIGINT NOT NULL)",
        on(
            "BIGINT NOT NULL DEFAULT 0",
            "BIGSERIAL",
            "BIGINT NOT NULL AUTO_INCREMENT UNIQUE"
        ),
    ));
    let conn = &mut conn;
    for (name, number) in [("a", 1), ("2b", 2), ("3", 3)] {
        Named {
            name: name.into(),
            number,
            version: 0,
        }
        .insert(conn)
        .unwrap();
    }
    let before: i64 = named::table.count().get_result(conn).unwrap();
    for _ in 0..3 {
        if NAME == "mysql" {
            for refused in [
                Named::create(named::name.eq("new"), conn).map(drop),
                LoudNamed::create(named::name.eq("new"), conn).map(drop),
            ] {
                assert!(
                    matches!(refused, Err(Error::KeyNotGenerated { table: "named" })),
                    "{refused:?}"
                );
            }
            assert_eq!(
                named::table.count().get_result::<i64>(conn).unwrap(),
                before
            );
            assert!(told(conn).is_empty());
        } else {
            let new = Named::create(named::name.eq("new"), conn).unwrap();
            assert_eq!((new.name.as_str(), new.version), ("new", 1));
            diesel::delete(named::table.find("new"))
                .execute(conn)
                .unwrap();
        }
    }
}

/// As a declaration has it that does not know the table's own key.
mod wrong {
    diesel::table! {
        #[sql_name = "order_lines"]
        all_lines (row) {
            row -> BigInt,
            #[sql_name = "order"]
            order_id -> BigInt,
            amount -> BigInt,
            version -> BigInt,
        }
    }
}

use wrong::all_lines;

macro_rules! lines {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
        #[diesel(table_name = all_lines, primary_key(order_id))]
        #[versioned($($keys)*)]
        struct $name {
            order_id: i64,
            amount: i64,
            version: i64,
        }
    )*};
}

lines! {
    Line(owner);
    LoudLine(owner, outbox, entity = "lines");
}

#[test]
fn a_statement_for_one_record_writes_no_other_rows() {
    let order = on("\"order\"", "\"order\"", "`order`");
    let (_db, mut conn) = fresh(&format!(
        "CREATE TABLE order_lines ({order} BIGINT NOT NULL, number BIGINT NOT NULL, amount BIGINT NOT NULL,
        version BIGINT NOT NULL, PRIMARY KEY ({order}, number));
        INSERT INTO order_lines VALUES (1, 1, 10, 1), (1, 2, 20, 1), (1, 3, 30, 1), (2, 1, 40, 1);"
    ));
    let conn = &mut conn;
    let rows = |conn: &mut Conn| {
        all_lines::table
            .select((all_lines::order_id, all_lines::amount, all_lines::version))
            .order(all_lines::amount)
            .load::<(i64, i64, i64)>(conn)
            .unwrap()
    };
    let before = rows(conn);
    let refuse = |refused: Result<(), Error>| match refused {
        Err(Error::NotUnique { table, id, rows }) => {
            assert_eq!((table, id.as_str(), rows), ("order_lines", "1", 3));
        }
        other => panic!("{other:?}"),
    };
    macro_rules! each {
        ($line:ident) => {
            let mut line = $line {
                order_id: 1,
                amount: 99,
                version: 1,
            };
            refuse(line.save(conn).map(drop));
            refuse(line.touch(conn).map(drop));
            refuse(line.delete(conn).map(drop));
            refuse(
                $line::at(1, 1)
                    .update(all_lines::amount.eq(99), conn)
                    .map(drop),
            );
            refuse($line::at(1, 1).touch(conn).map(drop));
            refuse($line::at(1, 1).delete(conn).map(drop));
            refuse($line::save_all(std::slice::from_mut(&mut line), conn).map(drop));
            refuse($line::delete_all(std::slice::from_mut(&mut line), conn).map(drop));
            let mut tracked = versioned_core::Tracked::new(line);
            tracked.amount = 98;
            refuse(tracked.save(conn).map(drop));
            assert_eq!(tracked.version, 1);
        };
    }
    each!(Line);
    each!(LoudLine);
    assert_eq!(rows(conn), before);
    assert!(told(conn).is_empty());
    let mut line = LoudLine {
        order_id: 2,
        amount: 41,
        version: 1,
    };
    line.save(conn).unwrap();
    assert_eq!(told(conn), [("updated".into(), "2".into(), 2)]);
}

diesel::table! {
    labels (id) {
        id -> BigInt,
        name -> VarChar,
        version -> BigInt,
    }
}

/// What the row has of a name.
#[derive(Debug, diesel::expression::AsExpression)]
#[diesel(sql_type = diesel::sql_types::Text)]
struct Lower(String);

impl<DB> diesel::serialize::ToSql<diesel::sql_types::Text, DB> for Lower
where
    DB: diesel::backend::Backend,
    String: diesel::serialize::ToSql<diesel::sql_types::Text, DB>,
{
    fn to_sql<'b>(
        &'b self,
        out: &mut diesel::serialize::Output<'b, '_, DB>,
    ) -> diesel::serialize::Result {
        self.0.to_sql(out)
    }
}

impl From<String> for Lower {
    fn from(name: String) -> Self {
        Self(name.trim().to_lowercase())
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = labels)]
#[versioned(owner, outbox)]
struct Label {
    id: i64,
    #[diesel(serialize_as = Lower)]
    name: String,
    version: i64,
}

#[test]
fn an_event_has_what_a_conversion_made() {
    let (_db, mut conn) = fresh(
        "CREATE TABLE labels (id BIGINT PRIMARY KEY, name VARCHAR(100) NOT NULL, version BIGINT NOT NULL)",
    );
    let conn = &mut conn;
    let label = |id: i64| Label {
        id,
        name: format!(" Label {id}"),
        version: 0,
    };
    let announced = |label: &Label, name: &str, conn: &mut Conn| {
        let row = Label::find(&label.id, conn).unwrap();
        assert_eq!((row.name.as_str(), label), (name, &row));
        assert_eq!(last_data(conn), serde_json::to_value(&row).unwrap());
    };
    let mut one = label(1);
    one.insert(conn).unwrap();
    announced(&one, "label 1", conn);
    one.name = "Saved ".into();
    one.save(conn).unwrap();
    announced(&one, "saved", conn);
    let mut all = [label(2), label(3), label(4), label(5)];
    Label::insert_all(&mut all, conn).unwrap();
    announced(&all[3], "label 5", conn);
    for label in &mut all {
        label.name = format!("Again {}", label.id);
    }
    Label::save_all(&mut all, conn).unwrap();
    announced(&all[3], "again 5", conn);
    let mut tracked = versioned_core::Tracked::new(Label::find(&1, conn).unwrap());
    tracked.name = "Tracked".into();
    tracked.save(conn).unwrap();
    announced(&tracked, "tracked", conn);
}
