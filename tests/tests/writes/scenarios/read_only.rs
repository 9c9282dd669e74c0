//! A tracked model whose fields with `skip_update` were changed.

use versioned_core::Tracked;

use super::*;

diesel::table! {
    notes {
        id -> BigInt,
        title -> VarChar,
        author -> VarChar,
        score -> Double,
        changes -> BigInt,
        city -> VarChar,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = notes)]
#[versioned(embedded)]
struct Place {
    #[diesel(skip_update)]
    city: String,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = notes)]
#[versioned(owner)]
struct Note {
    id: i64,
    title: String,
    #[diesel(skip_update, column_name = "author")]
    by: String,
    #[diesel(skip_update)]
    score: f64,
    #[diesel(skip_insertion, skip_update)]
    changes: i64,
    #[diesel(embed)]
    place: Place,
    version: i64,
}

fn note() -> (Db, Conn, Tracked<Note>) {
    let trigger = on(
        "CREATE TRIGGER counts AFTER UPDATE OF version ON notes BEGIN
            UPDATE notes SET changes = OLD.changes + 1 WHERE id = NEW.id;
        END;",
        "CREATE FUNCTION counts() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.changes = OLD.changes + 1; RETURN NEW; END $$;
        CREATE TRIGGER counts BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION counts();",
        "CREATE TRIGGER counts BEFORE UPDATE ON notes FOR EACH ROW SET NEW.changes = OLD.changes + 1;",
    );
    let (db, mut conn) = fresh(&format!(
        "CREATE TABLE notes (
            id BIGINT PRIMARY KEY,
            title VARCHAR(100) NOT NULL,
            author VARCHAR(100) NOT NULL,
            score DOUBLE PRECISION NOT NULL,
            changes BIGINT NOT NULL DEFAULT 0,
            city VARCHAR(100) NOT NULL,
            version BIGINT NOT NULL
        );{trigger}"
    ));
    let mut note = Note {
        id: 7,
        title: "first".into(),
        by: "Ada".into(),
        score: 0.5,
        changes: -1,
        place: Place {
            city: "Paris".into(),
        },
        version: 0,
    };
    note.insert(&mut conn).unwrap();
    (db, conn, Tracked::new(note))
}

#[track_caller]
fn assert_read_only<T: std::fmt::Debug>(refused: Result<T, Error>, expected: &[&str]) {
    match refused {
        Err(error @ Error::ReadOnly { .. }) => {
            let text = format!(
                "set back the changes of notes 7 that an update does not write: {}",
                expected.join(", ")
            );
            assert_eq!(error.to_string(), text);
            assert!(!error.is_conflict());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_that_no_update_writes_is_an_error_that_names_it() {
    let (_db, mut conn, mut note) = note();
    let conn = &mut conn;
    note.title = "second".into();
    note.by = "Bob".into();
    note.changes = 9;
    note.place.city = "Rome".into();
    let before = note.clone();
    assert_read_only(note.save(conn).map(drop), &["city", "author", "changes"]);
    assert_eq!(note, before);
    assert_eq!(
        Note::find(&7, conn).unwrap().version,
        1,
        "nothing was written"
    );
    // Also without another change.
    note.title = "first".into();
    assert_read_only(note.save(conn).map(drop), &["city", "author", "changes"]);

    note.revert();
    note.title = "second".into();
    assert!(note.save(conn).unwrap().is_some());
    assert_eq!((note.changes, note.version), (1, 2));
    note.score = f64::NAN;
    assert!(note.save(conn).unwrap().is_none(), "NaN equals nothing");
}

/// What the database makes is no change, before and after a touch, a rebase and a rollback.
#[test]
fn what_the_database_makes_is_not_changed_in_memory() {
    let (_db, mut conn, mut note) = note();
    let conn = &mut conn;
    note.touch(conn).unwrap();
    note.title = "second".into();
    note.save(conn).unwrap();
    assert_eq!((note.changes, note.version), (2, 3));

    let rolled_back = transaction(conn, &mut note, |conn, note| {
        note.title = "third".into();
        note.save(conn)?;
        assert_eq!(note.changes, 3);
        note.touch(conn)?;
        Err::<(), _>(Error::other("no"))
    });
    assert!(
        matches!(rolled_back, Err(Error::Other(_))),
        "{rolled_back:?}"
    );
    assert_eq!((note.changes, note.version), (2, 3));
    assert_eq!(note.title, "third", "still to be saved");
    Note::at(7, 3).touch(conn).unwrap();
    note.rebase(conn).unwrap();
    assert!(note.save(conn).unwrap().is_some());
    assert_eq!((note.changes, note.version), (4, 5));
    assert_eq!(*note, Note::find(&7, conn).unwrap());
}
