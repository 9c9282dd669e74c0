//! Semantics 11: timestamps and UUIDs as the guard.

use super::*;

mod chrono_version {
    use chrono::NaiveDateTime;

    use super::*;

    diesel::table! {
        notes {
            id -> BigInt,
            text -> VarChar,
            version -> Timestamp,
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = notes)]
    #[versioned(owner)]
    struct Note {
        id: i64,
        text: String,
        version: NaiveDateTime,
    }

    fn notes_db(mysql_type: &str) -> (Db, Conn) {
        let kind = if backend::NAME == "mysql" {
            mysql_type
        } else {
            "TIMESTAMP"
        };
        let db = Db::fresh(&format!(
            "CREATE TABLE notes (id BIGINT PRIMARY KEY, text VARCHAR(100) NOT NULL, version {kind} NOT NULL)"
        ));
        let conn = db.connect();
        (db, conn)
    }

    #[test]
    fn s11_saves_within_one_tick_exclude_each_other() {
        let (_db, mut conn) = notes_db("DATETIME(6)");
        let mut note = Note {
            id: 7,
            text: "a".into(),
            version: NaiveDateTime::MIN,
        };
        note.insert(&mut conn).unwrap();
        for _ in 0..50 {
            let mut copy = note.clone();
            note.save(&mut conn).unwrap();
            assert!(note.version > copy.version, "strictly increasing");
            let stale = conflict(copy.save(&mut conn));
            assert_eq!(stale.kind(), ConflictKind::Stale);
            assert_eq!(
                stale.expected(),
                Some(Token::Micros(copy.version.and_utc().timestamp_micros()))
            );
            assert_eq!(
                stale.found(),
                Some(Token::Micros(note.version.and_utc().timestamp_micros()))
            );
        }
        assert_eq!(
            Note::find(&7, &mut conn).unwrap(),
            note,
            "what is in memory is what the column kept"
        );
    }

    #[test]
    fn s11_a_clock_that_goes_back_does_not_matter() {
        let (_db, mut conn) = notes_db("DATETIME(6)");
        let tomorrow =
            chrono::DateTime::from_timestamp_micros(chrono::Utc::now().timestamp_micros())
                .unwrap()
                .naive_utc()
                + chrono::TimeDelta::days(1);
        let mut note = Note {
            id: 7,
            text: "a".into(),
            version: tomorrow,
        };
        note.import(&mut conn).unwrap();
        note.save(&mut conn).unwrap();
        assert_eq!(note.version, tomorrow + chrono::TimeDelta::microseconds(1));
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = notes)]
    #[versioned(owner)]
    struct Coarse {
        id: i64,
        text: String,
        #[versioned(precision = "seconds")]
        version: NaiveDateTime,
    }

    #[test]
    fn s11_a_version_is_cut_to_what_its_column_keeps() {
        let (_db, mut conn) = notes_db("DATETIME");
        let mut note = Coarse {
            id: 7,
            text: "a".into(),
            version: NaiveDateTime::MIN,
        };
        note.insert(&mut conn).unwrap();
        let first = note.version;
        note.save(&mut conn).unwrap();
        note.save(&mut conn).unwrap();
        assert!(note.version >= first + chrono::TimeDelta::seconds(2));
        assert_eq!(Coarse::find(&7, &mut conn).unwrap(), note);
    }

    #[test]
    fn t09_a_row_made_again_is_stale_to_a_timestamp() {
        let (_db, mut conn) = notes_db("DATETIME(6)");
        let mut note = Note {
            id: 7,
            text: "a".into(),
            version: NaiveDateTime::MIN,
        };
        note.insert(&mut conn).unwrap();
        let mut old = note.clone();
        note.delete(&mut conn).unwrap();
        note.insert(&mut conn).unwrap();
        assert_eq!(conflict(old.save(&mut conn)).kind(), ConflictKind::Stale);
    }
}

mod time_version {
    use time::PrimitiveDateTime;

    use super::*;

    diesel::table! {
        notes {
            id -> BigInt,
            version -> Timestamp,
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = notes)]
    #[versioned(owner)]
    struct Note {
        id: i64,
        version: PrimitiveDateTime,
    }

    #[test]
    fn s11_a_version_of_the_time_crate_guards_too() {
        let kind = if backend::NAME == "mysql" {
            "DATETIME(6)"
        } else {
            "TIMESTAMP"
        };
        let db = Db::fresh(&format!(
            "CREATE TABLE notes (id BIGINT PRIMARY KEY, version {kind} NOT NULL)"
        ));
        let mut conn = db.connect();
        let mut note = Note {
            id: 7,
            version: PrimitiveDateTime::MIN,
        };
        note.insert(&mut conn).unwrap();
        let mut copy = note.clone();
        note.save(&mut conn).unwrap();
        assert!(note.version > copy.version);
        assert_eq!(conflict(copy.save(&mut conn)).kind(), ConflictKind::Stale);
        assert_eq!(Note::find(&7, &mut conn).unwrap(), note);
    }
}
