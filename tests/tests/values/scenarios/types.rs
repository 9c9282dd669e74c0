//! Types of columns that need a way of their own.

use super::*;

diesel::table! {
    levels (id) {
        id -> BigInt,
        level -> Double,
        low -> Nullable<Float>,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = levels)]
#[versioned(owner)]
struct Level {
    id: i64,
    level: f64,
    low: Option<f32>,
    version: i64,
}

/// SQLite and MySQL have no NaN, and MySQL has no -0.
#[test]
fn a_tracked_float_changed_if_its_bits_did() {
    use versioned_core::Tracked;

    let (_db, mut conn) = fresh(&format!(
        "CREATE TABLE levels (id BIGINT PRIMARY KEY, level {}, low {}, version BIGINT NOT NULL)",
        on(
            "DOUBLE NOT NULL",
            "DOUBLE PRECISION NOT NULL",
            "DOUBLE NOT NULL"
        ),
        on("FLOAT", "REAL", "FLOAT"),
    ));
    let conn = &mut conn;
    Level {
        id: 7,
        level: 0.0,
        low: Some(0.0),
        version: 0,
    }
    .insert(conn)
    .unwrap();
    let mut level = Tracked::new(Level::find(&7, conn).unwrap());
    level.level = -0.0;
    assert!(level.save(conn).unwrap().is_some());
    let row = Level::find(&7, conn).unwrap();
    assert_eq!(row.version, 2);
    if NAME == "postgres" {
        assert_eq!(row.level.to_bits(), (-0.0_f64).to_bits());
        level.level = f64::NAN;
        level.low = Some(f32::NAN);
        assert!(level.save(conn).unwrap().is_some());
        assert!(Level::find(&7, conn).unwrap().level.is_nan());
        assert!(level.save(conn).unwrap().is_none(), "nothing changed");
        let mut loaded = Tracked::new(Level::find(&7, conn).unwrap());
        assert!(loaded.save(conn).unwrap().is_none(), "nothing changed");
        loaded.rebase(conn).unwrap();
    }
    level.low = None;
    assert!(level.save(conn).unwrap().is_some());
    assert!(level.save(conn).unwrap().is_none());
    assert_eq!(Level::find(&7, conn).unwrap().low, None);
}

diesel::table! {
    stamped (id) {
        id -> BigInt,
        title -> Text,
        version -> Timestamp,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = stamped)]
#[versioned(owner)]
struct Stamped {
    id: i64,
    title: String,
    #[versioned(version, precision = "seconds")]
    version: chrono::NaiveDateTime,
}

/// What is in the version before it was inserted is of no interest.
#[test]
fn new_models_have_any_version() {
    let (_db, mut conn) = fresh(&format!(
        "CREATE TABLE stamped (id BIGINT PRIMARY KEY, title {} NOT NULL, version {} NOT NULL)",
        on("TEXT", "TEXT", "LONGTEXT"),
        on("TIMESTAMP", "TIMESTAMP", "DATETIME"),
    ));
    let conn = &mut conn;
    for count in [1, 3, 4, 60] {
        let mut all: Vec<_> = (0..count)
            .map(|id| Stamped {
                id: count * 100 + id,
                title: "new".into(),
                version: chrono::NaiveDateTime::MIN,
            })
            .collect();
        Stamped::insert_all(&mut all, conn).unwrap();
        for model in &all {
            assert_eq!(&Stamped::find(&model.id, conn).unwrap(), model);
        }
    }
}

/// As JSON it is twice as long, and more than MariaDB takes at once.
#[test]
fn rows_of_megabytes_go_with_the_others() {
    let (_db, mut conn) = fresh(&format!(
        "CREATE TABLE stamped (id BIGINT PRIMARY KEY, title {} NOT NULL, version {} NOT NULL)",
        on("TEXT", "TEXT", "LONGTEXT"),
        on("TIMESTAMP", "TIMESTAMP", "DATETIME"),
    ));
    let conn = &mut conn;
    let sizes = [1, 9_000_000, 200_000, 100_000, 300_000, 5, 1_000_000, 10];
    let stamped = |(id, size): (i64, usize)| Stamped {
        id,
        title: "\"".repeat(size),
        version: chrono::NaiveDateTime::MIN,
    };
    let mut all: Vec<_> = (1..).zip(sizes).map(stamped).collect();
    Stamped::insert_all(&mut all, conn).unwrap();
    Stamped::save_all(&mut all, conn).unwrap();
    for model in &mut all {
        assert_eq!(&Stamped::find(&model.id, conn).unwrap(), model);
        model.title.push('x');
    }
    Stamped::save_all(&mut all, conn).unwrap();
    for model in &all {
        assert_eq!(&Stamped::find(&model.id, conn).unwrap(), model);
    }
    if NAME != "mysql" {
        return;
    }
    // More than the server takes (16 MB here, 64 MB on MySQL): its own error, not that of a connection that is lost by then.
    let mut all: Vec<_> = (1..)
        .zip([1, 70_000_000, 1, 1, 1])
        .map(|(id, size)| stamped((id + 100, size)))
        .collect();
    match Stamped::insert_all(&mut all, conn).map(drop) {
        Err(Error::Database(error)) => {
            let text = error.to_string();
            assert!(!text.contains("transaction manager"), "{text}");
        }
        other => panic!("{other:?}"),
    }
}
