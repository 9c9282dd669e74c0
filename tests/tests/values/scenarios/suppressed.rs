//! Writes that the database suppresses without an error: a trigger, a rule, row-level security, a view.

use super::*;

diesel::table! {
    tickets (id) {
        id -> BigInt,
        title -> VarChar,
        version -> BigInt,
    }
}

macro_rules! tickets {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = tickets)]
        #[versioned($($keys)*)]
        struct $name {
            id: i64,
            title: String,
            version: i64,
        }

        impl $name {
            #[allow(dead_code, reason = "a replica's rows come with events")]
            fn new(id: i64) -> Self {
                Self { id, title: format!("t{id}"), version: 0 }
            }
        }
    )*};
}

tickets! {
    Quiet(owner);
    Loud(owner, outbox, entity = "tickets");
    Remembering(owner, outbox, tombstones, entity = "tickets");
    Copied(dependent, entity = "tickets", gap = "park");
    Newest(dependent, entity = "tickets", policy = "latest");
    ByRow(dependent, entity = "tickets", guard = "row");
}

const TICKETS: &str = "CREATE TABLE tickets (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL, version BIGINT NOT NULL);";

/// MySQL has nothing that suppresses a write: its triggers can only fail.
fn can_suppress() -> bool {
    NAME != "mysql"
}

/// From now on the database suppresses what is done to record 3.
fn suppress(conn: &mut Conn) {
    let mut all = String::new();
    for (what, row, result) in [
        ("INSERT", "NEW", "NEW"),
        ("UPDATE", "NEW", "NEW"),
        ("DELETE", "OLD", "OLD"),
    ] {
        let sqlite = format!(
            "CREATE TRIGGER no_{what} BEFORE {what} ON tickets WHEN {row}.id = 3 BEGIN SELECT RAISE(IGNORE); END;"
        );
        let postgres = format!(
            "CREATE FUNCTION no_{what}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF {row}.id = 3 THEN RETURN NULL; END IF; RETURN {result};
            END $$;
            CREATE TRIGGER no_{what} BEFORE {what} ON tickets FOR EACH ROW EXECUTE FUNCTION no_{what}();"
        );
        all.push_str(on(&sqlite, &postgres, ""));
    }
    conn.batch_execute(&all).unwrap();
}

fn rows(conn: &mut Conn) -> Vec<(i64, String, i64)> {
    tickets::table.order(tickets::id).load(conn).unwrap()
}

#[track_caller]
fn assert_suppressed<T: std::fmt::Debug>(refused: Result<T, Error>, expected: Option<i64>) {
    match refused {
        Err(Error::Conflict(conflict)) => {
            assert_eq!(conflict.kind(), ConflictKind::Suppressed, "{conflict}");
            assert_eq!(
                (conflict.table(), conflict.id()),
                (Some("tickets"), Some("3"))
            );
            let expected = expected.map(Into::into);
            assert_eq!(
                (conflict.expected(), conflict.found()),
                (expected, expected)
            );
            let text = conflict.to_string();
            assert!(
                text.starts_with("the write of tickets 3 was suppressed"),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
}

/// Of a batch this row was suppressed, and no other is named.
#[track_caller]
fn assert_one_suppressed(refused: Result<(), Error>, row: usize) {
    match refused {
        Err(Error::Conflicts(lost)) => {
            let lost: Vec<_> = lost
                .iter()
                .map(|lost| (lost.row, lost.conflict.kind()))
                .collect();
            assert_eq!(lost, [(row, ConflictKind::Suppressed)]);
        }
        other => panic!("{other:?}"),
    }
}

macro_rules! owners {
    ($($test:ident: $owner:ident;)*) => {$(
        #[test]
        fn $test() {
            if !can_suppress() {
                return;
            }
            let (_db, mut conn) = fresh(TICKETS);
            let conn = &mut conn;
            let mut all: Vec<_> = (1..=5).map($owner::new).collect();
            $owner::insert_all(&mut all, conn).unwrap();
            suppress(conn);
            let (before, announced) = (rows(conn), told(conn));

            let mut three = all[2].clone();
            three.title = "changed".into();
            let changed = three.clone();
            assert_suppressed(three.save(conn).map(drop), Some(1));
            assert_suppressed(three.touch(conn).map(drop), Some(1));
            assert_suppressed(three.delete(conn).map(drop), Some(1));
            assert_suppressed($owner::at(3, 1).update(tickets::title.eq("x"), conn), Some(1));
            assert_suppressed($owner::at(3, 1).touch(conn), Some(1));
            assert_suppressed($owner::at(3, 1).delete(conn), Some(1));
            assert_eq!(three, changed);
            let mut runs = 0;
            let updated = $owner::update_with(&3, conn, |ticket: &mut $owner| {
                runs += 1;
                ticket.title = "changed".into();
                Ok(())
            });
            assert_suppressed(updated, Some(1));
            assert_eq!(runs, 1, "a retry changes nothing");
            let mut tracked = versioned_core::Tracked::new(all[2].clone());
            tracked.title = "changed".into();
            assert_suppressed(tracked.save(conn).map(drop), Some(1));
            assert_eq!((rows(conn), told(conn)), (before.clone(), announced.clone()));

            // All or none: a few, and more than one statement has.
            for many in [5, 130] {
                if many > 5 {
                    let mut more: Vec<_> = (6..=many).map($owner::new).collect();
                    $owner::insert_all(&mut more, conn).unwrap();
                    all.extend(more);
                }
                let (before, announced) = (rows(conn), told(conn));
                let models = all.clone();
                assert_one_suppressed($owner::save_all(&mut all, conn).map(drop), 2);
                assert_one_suppressed($owner::delete_all(&mut all, conn).map(drop), 2);
                assert_eq!((&all, rows(conn), told(conn)), (&models, before.clone(), announced.clone()));
                conn.transaction(|conn| {
                    $owner::at(1, 1).touch(conn)?;
                    assert_one_suppressed($owner::save_all(&mut all[1..4], conn).map(drop), 1);
                    let there = tickets::table.find(1).select(tickets::version).first::<i64>(conn)?;
                    assert_eq!(there, 2, "what the caller wrote before is still there");
                    Err::<(), _>(Error::from(diesel::result::Error::RollbackTransaction))
                })
                .unwrap_err();
                assert_eq!((&all, rows(conn), told(conn)), (&models, before, announced));
            }
            let saved = $owner::save_each(&mut all[..5], conn).unwrap();
            let outcomes: Vec<_> = saved
                .iter()
                .map(|saved| saved.as_ref().err().and_then(Error::conflict).map(versioned_core::Conflict::kind))
                .collect();
            assert_eq!(outcomes, [None, None, Some(ConflictKind::Suppressed), None, None]);
            drop(saved);
            assert_eq!((all[2].version, all[3].version), (1, 2));
        }
    )*};
}

owners! {
    a_suppressed_write_is_no_stale_one: Quiet;
    a_suppressed_write_is_not_announced: Loud;
    a_suppressed_write_is_not_remembered: Remembering;
}

macro_rules! inserts {
    ($($test:ident: $owner:ident;)*) => {$(
        #[test]
        fn $test() {
            if !can_suppress() {
                return;
            }
            let (_db, mut conn) = fresh(TICKETS);
            let conn = &mut conn;
            suppress(conn);
            let mut three = $owner::new(3);
            assert_suppressed(three.insert(conn).map(drop), None);
            assert_eq!(three, $owner::new(3));
            assert_suppressed($owner { version: 4, ..three.clone() }.import(conn), None);
            let created = $owner::create((tickets::id.eq(3), tickets::title.eq("x")), conn);
            match created {
                Err(Error::Conflict(conflict)) => {
                    assert_eq!(conflict.kind(), ConflictKind::Suppressed);
                    assert_eq!((conflict.table(), conflict.expected()), (Some("tickets"), None));
                }
                other => panic!("{other:?}"),
            }
            for many in [5, 130] {
                let mut all: Vec<_> = (1..=many).map($owner::new).collect();
                let models = all.clone();
                assert_one_suppressed($owner::insert_all(&mut all, conn).map(drop), 2);
                assert_eq!(all, models);
            }
            assert_eq!((rows(conn), told(conn)), (vec![], vec![]));
        }
    )*};
}

inserts! {
    a_suppressed_insert_is_an_error: Quiet;
    a_suppressed_insert_is_not_announced: Loud;
    a_suppressed_insert_is_not_remembered: Remembering;
}

macro_rules! replicas {
    ($($test:ident: $replica:ident;)*) => {$(
        #[test]
        fn $test() {
            if !can_suppress() {
                return;
            }
            let (_db, mut conn) = fresh(TICKETS);
            let conn = &mut conn;
            let put = |id: i64, version: i64| -> Event<$replica> {
                let op = if version == 1 { "created" } else { "updated" };
                let data = serde_json::json!({ "id": id, "title": "x", "version": version });
                event("tickets", &id.to_string(), version, op, data)
            };
            assert_eq!($replica::apply(&put(3, 1), conn).unwrap(), Outcome::Applied);
            suppress(conn);
            let before = rows(conn);
            for _ in 0..2 {
                assert_suppressed($replica::apply(&put(3, 2), conn), None);
                assert_suppressed($replica::apply_all(&[put(4, 1), put(3, 2)], conn), None);
                assert_eq!(rows(conn), before);
            }
        }
    )*};
}

replicas! {
    a_suppressed_event_is_not_applied: Copied;
    a_suppressed_event_is_not_applied_to_a_row: ByRow;
}

/// The row stays, so the record must not be remembered as deleted.
#[test]
fn a_suppressed_deletion_is_not_applied() {
    if !can_suppress() {
        return;
    }
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    let data = serde_json::json!({ "id": 3, "title": "x", "version": 1 });
    let created: Event<Copied> = event("tickets", "3", 1, "created", data);
    let deleted: Event<Copied> = event("tickets", "3", 2, "deleted", serde_json::Value::Null);
    assert_eq!(Copied::apply(&created, conn).unwrap(), Outcome::Applied);
    suppress(conn);
    assert_suppressed(Copied::apply(&deleted, conn), None);
    assert_eq!(rows(conn), [(3, "x".into(), 1)]);
    conn.batch_execute(on(
        "DROP TRIGGER no_DELETE",
        "DROP TRIGGER no_DELETE ON tickets",
        "",
    ))
    .unwrap();
    assert_eq!(Copied::apply(&deleted, conn).unwrap(), Outcome::Applied);
    assert_eq!(rows(conn), []);
}

/// Several deletions in one call, one of them of a record without a row.
#[test]
fn a_suppressed_deletion_among_others_is_not_applied() {
    if !can_suppress() {
        return;
    }
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    let created = |id: i64| -> Event<Newest> {
        let data = serde_json::json!({ "id": id, "title": "x", "version": 1 });
        event("tickets", &id.to_string(), 1, "created", data)
    };
    let deleted = |id: i64| -> Event<Newest> {
        event(
            "tickets",
            &id.to_string(),
            2,
            "deleted",
            serde_json::Value::Null,
        )
    };
    Newest::apply_all(&[created(3), created(4)], conn).unwrap();
    let gone = Newest::apply_all(&[deleted(4), deleted(9)], conn).unwrap();
    assert_eq!(gone, [Outcome::Applied; 2]);
    suppress(conn);
    assert_suppressed(Newest::apply_all(&[deleted(3), deleted(8)], conn), None);
    assert_eq!(rows(conn), [(3, "x".into(), 1)]);
    conn.batch_execute(on(
        "DROP TRIGGER no_DELETE",
        "DROP TRIGGER no_DELETE ON tickets",
        "",
    ))
    .unwrap();
    let gone = Newest::apply_all(&[deleted(3), deleted(8)], conn).unwrap();
    assert_eq!(gone, [Outcome::Applied; 2]);
    assert_eq!(rows(conn), []);
}

/// SQLite counts none of the rows that INSTEAD OF triggers write.
#[test]
fn a_view_of_sqlite_says_that_it_counts_nothing() {
    if NAME != "sqlite" {
        return;
    }
    let (_db, mut conn) = fresh(
        "CREATE TABLE behind (id BIGINT PRIMARY KEY, title TEXT NOT NULL, version BIGINT NOT NULL);
        CREATE VIEW tickets AS SELECT id, title, version FROM behind;
        CREATE TRIGGER makes INSTEAD OF INSERT ON tickets BEGIN
            INSERT INTO behind VALUES (NEW.id, NEW.title, NEW.version);
        END;
        CREATE TRIGGER changes INSTEAD OF UPDATE ON tickets BEGIN
            UPDATE behind SET title = NEW.title, version = NEW.version WHERE id = OLD.id;
        END;
        CREATE TRIGGER removes INSTEAD OF DELETE ON tickets BEGIN DELETE FROM behind WHERE id = OLD.id; END;
        INSERT INTO behind VALUES (3, 'x', 1);",
    );
    let conn = &mut conn;
    let unknown = |refused: Result<(), Error>| match refused {
        Err(Error::View { table, .. }) => assert_eq!(table, "tickets"),
        other => panic!("{other:?}"),
    };
    let mut three = Quiet {
        version: 1,
        ..Quiet::new(3)
    };
    let mut all: Vec<_> = (10..70).map(Quiet::new).collect();
    unknown(Quiet::insert_all(&mut all, conn).map(drop));
    assert_eq!(rows(conn), [(3, "x".into(), 1)], "a batch is taken back");
    unknown(Quiet::save_all(std::slice::from_mut(&mut three), conn).map(drop));
    assert_eq!(rows(conn), [(3, "x".into(), 1)], "a batch is taken back");
    unknown(Quiet::new(4).insert(conn).map(drop));
    unknown(three.save(conn).map(drop));
    let mut runs = 0;
    unknown(
        Quiet::update_with(&3, conn, |_: &mut Quiet| {
            runs += 1;
            Ok(())
        })
        .map(drop),
    );
    assert_eq!(runs, 1);
    assert_eq!(three.version, 1);
}

/// Without a schema's name, SQLite looks in `temp`, then in `main`, then in attached databases.
#[test]
fn a_view_counts_if_sqlite_finds_it_first() {
    if NAME != "sqlite" {
        return;
    }
    const VIEW: &str =
        "CREATE TABLE side.behind (id BIGINT PRIMARY KEY, title TEXT, version BIGINT);
        INSERT INTO side.behind VALUES (3, 'x', 1);
        CREATE VIEW side.tickets AS SELECT id, title, version FROM behind;
        CREATE TRIGGER side.changes INSTEAD OF UPDATE ON tickets BEGIN
            UPDATE behind SET title = NEW.title, version = NEW.version WHERE id = OLD.id;
        END;";
    for (setup, is_view) in [
        (format!("ATTACH ':memory:' AS side; {VIEW}"), true),
        (VIEW.replace("side.", "temp."), true),
        (VIEW.replace("side.", "main."), true),
        (
            format!(
                "ATTACH ':memory:' AS side; {VIEW}
                CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT, version BIGINT);
                INSERT INTO tickets VALUES (3, 'x', 2)"
            ),
            false,
        ),
    ] {
        let (_db, mut conn) = fresh("");
        conn.batch_execute(&setup).unwrap();
        let mut three = Quiet {
            version: 1,
            ..Quiet::new(3)
        };
        match three.save(&mut conn).map(drop) {
            Err(Error::View { table, .. }) if is_view => assert_eq!(table, "tickets"),
            Err(Error::Conflict(conflict)) if !is_view => {
                assert_eq!(conflict.kind(), ConflictKind::Stale);
            }
            other => panic!("{setup}: {other:?}"),
        }
    }
}

/// Rules of PostgreSQL, and policies that let a role see a row and not write it.
#[cfg(feature = "postgres")]
#[test]
fn rules_and_row_level_security_suppress_too() {
    if NAME != "postgres" {
        return;
    }
    let (db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    Quiet::new(3).insert(conn).unwrap();
    let mut three = Quiet {
        version: 1,
        ..Quiet::new(3)
    };
    conn.batch_execute("CREATE RULE no_update AS ON UPDATE TO tickets DO INSTEAD NOTHING")
        .unwrap();
    assert_suppressed(three.save(conn).map(drop), Some(1));
    conn.batch_execute(
        "DROP RULE no_update ON tickets;
        CREATE RULE no_insert AS ON INSERT TO tickets DO INSTEAD NOTHING;",
    )
    .unwrap();
    match Quiet::new(4).insert(conn).map(drop) {
        Err(Error::Conflict(conflict)) => assert_eq!(conflict.kind(), ConflictKind::Suppressed),
        other => panic!("{other:?}"),
    }
    let role = format!("reader_{}", std::process::id());
    conn.batch_execute(&format!(
        "DROP RULE no_insert ON tickets;
        ALTER TABLE tickets ENABLE ROW LEVEL SECURITY;
        CREATE POLICY sees ON tickets FOR SELECT USING (true);
        CREATE POLICY writes ON tickets FOR UPDATE USING (id <> 3);
        CREATE ROLE {role};
        GRANT ALL ON tickets TO {role};
        SET ROLE {role};"
    ))
    .unwrap();
    assert_suppressed(three.save(conn).map(drop), Some(1));
    assert_suppressed(three.touch(conn).map(drop), Some(1));
    conn.batch_execute(&format!(
        "RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role};"
    ))
    .unwrap();
    three.save(&mut db.connect()).unwrap();
}
