//! Keys that a column keeps as others: it rounds, cuts, pads or generates them.

use super::*;

diesel::table! {
    things (id) {
        id -> VarChar,
        price -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    numbered (id) {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

macro_rules! models {
    ($table:ident, $id:ty: $($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = $table)]
        #[versioned($($keys)*)]
        struct $name {
            id: $id,
            price: i64,
            version: i64,
        }
    )*};
}

models! { things, String:
    Loud(owner, outbox);
    Remembered(owner, tombstones);
    Sequential(dependent);
    Latest(dependent, policy = "latest");
    Parking(dependent, gap = "park");
    ByRow(dependent, guard = "row");
}

models! { numbered, i64:
    SequentialNumber(dependent);
    LatestNumber(dependent, policy = "latest");
    ParkingNumber(dependent, gap = "park");
    NumberByRow(dependent, guard = "row");
}

/// Three characters; a trigger does on SQLite what PostgreSQL and MariaDB do with spaces that do not fit.
const KEY: &str = "abc  ";

fn things() -> (Db, Conn) {
    let trigger = on(
        ";CREATE TRIGGER cut AFTER INSERT ON things BEGIN UPDATE things SET id = trim(NEW.id) WHERE id = NEW.id; END",
        "",
        "",
    );
    fresh(&format!(
        "CREATE TABLE things (id VARCHAR(3) NOT NULL PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL){trigger}",
    ))
}

fn count(table: &str, conn: &mut Conn) -> i64 {
    diesel::dsl::sql::<diesel::sql_types::BigInt>(&format!("SELECT count(*) FROM {table}"))
        .get_result(conn)
        .unwrap()
}

fn put<T: for<'d> Deserialize<'d>>(entity: &str, id: serde_json::Value, version: i64) -> Event<T> {
    let op = if version == 1 { "created" } else { "updated" };
    let key = id
        .as_str()
        .map_or_else(|| id.to_string(), ToOwned::to_owned);
    let data = serde_json::json!({ "id": id, "price": 1, "version": version });
    event(entity, &key, version, op, data)
}

#[track_caller]
fn assert_not_kept<T: std::fmt::Debug>(applied: Result<T, Error>, key: &str) {
    match applied {
        Err(Error::Event(EventError::KeyNotKept { received })) => assert_eq!(received, key),
        // Where it finds the row that it cut, it names it.
        Err(Error::Event(EventError::KeyClash { received, found })) => {
            assert_eq!((received.as_str(), found.as_str()), (key, "abc"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_replica_refuses_what_it_cannot_find_again() {
    macro_rules! each {
        ($($replica:ident)*) => {$({
            let (_db, mut conn) = things();
            let conn = &mut conn;
            for _ in 0..2 {
                assert_not_kept($replica::apply(&put("things", KEY.into(), 1), conn), KEY);
                assert_eq!(count("things", conn) + count("versioned_positions", conn), 0);
            }
            let proper: Event<$replica> = put("things", "7".into(), 1);
            assert_eq!($replica::apply(&proper, conn).unwrap(), Outcome::Applied);
        })*};
    }
    each!(Sequential Latest Parking ByRow);
}

/// MySQL and MariaDB.
#[test]
fn a_replica_refuses_a_zero_for_which_a_number_is_made() {
    if NAME != "mysql" {
        return;
    }
    macro_rules! each {
        ($($replica:ident)*) => {$({
            let (_db, mut conn) = fresh(
                "CREATE TABLE numbered (id BIGINT PRIMARY KEY AUTO_INCREMENT, price BIGINT NOT NULL, version BIGINT NOT NULL)",
            );
            let conn = &mut conn;
            for op in [1, 1] {
                assert_not_kept($replica::apply(&put("numbered", 0.into(), op), conn), "0");
                assert_eq!(count("numbered", conn) + count("versioned_positions", conn), 0);
            }
            let one: Event<$replica> = put("numbered", 1.into(), 1);
            assert_eq!($replica::apply(&one, conn).unwrap(), Outcome::Applied);
            conn.batch_execute("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'").unwrap();
            let zero: Event<$replica> = put("numbered", 0.into(), 1);
            assert_eq!($replica::apply(&zero, conn).unwrap(), Outcome::Applied);
        })*};
    }
    each!(SequentialNumber LatestNumber ParkingNumber NumberByRow);
}

#[test]
fn an_owner_announces_and_remembers_no_key_that_the_row_has_not() {
    let (_db, mut conn) = things();
    let conn = &mut conn;
    let key_generated = |inserted: Result<(), Error>| match inserted {
        Err(Error::KeyGenerated { table, id }) => {
            assert_eq!((table, id.as_str()), ("things", KEY));
        }
        other => panic!("{other:?}"),
    };
    let mut loud = Loud {
        id: KEY.into(),
        price: 1,
        version: 0,
    };
    key_generated(loud.insert(conn).map(drop));
    assert_eq!(loud.version, 0);
    key_generated(loud.import(conn).map(drop));
    let mut remembered = Remembered {
        id: KEY.into(),
        price: 1,
        version: 0,
    };
    key_generated(remembered.insert(conn).map(drop));
    assert_eq!(
        count("things", conn)
            + count("versioned_outbox", conn)
            + count("versioned_positions", conn),
        0
    );
    let mut loud = Loud {
        id: "7".into(),
        price: 1,
        version: 0,
    };
    loud.insert(conn).unwrap();
    assert_eq!(
        (loud.version, told(conn)),
        (1, vec![("created".into(), "7".into(), 1)])
    );
}

/// MySQL and MariaDB: the number that was made last is another column's.
#[test]
fn a_new_row_with_a_key_of_its_own_is_no_other_row() {
    diesel::table! {
        counted (id) {
            id -> BigInt,
            seq -> BigInt,
            price -> BigInt,
            version -> BigInt,
        }
    }
    #[derive(Debug, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = counted)]
    #[versioned(owner)]
    struct Counted {
        id: i64,
        seq: i64,
        price: i64,
        version: i64,
    }
    #[derive(Insertable)]
    #[diesel(table_name = counted)]
    struct New {
        id: Option<i64>,
        price: i64,
    }
    if NAME != "mysql" {
        return;
    }
    let (_db, mut conn) = fresh(
        "CREATE TABLE counted (id BIGINT PRIMARY KEY, seq BIGINT AUTO_INCREMENT UNIQUE, price BIGINT NOT NULL,
             version BIGINT NOT NULL);
         INSERT INTO counted VALUES (2, 1, 1, 8)",
    );
    let conn = &mut conn;
    let created = Counted::create((counted::id.eq(900), counted::price.eq(1)), conn);
    assert!(
        matches!(created, Err(Error::KeyNotGenerated { table: "counted" })),
        "{created:?}"
    );
    let created = Counted::create(
        New {
            id: Some(900),
            price: 1,
        },
        conn,
    );
    assert!(
        matches!(created, Err(Error::KeyNotGenerated { table: "counted" })),
        "{created:?}"
    );
    assert_eq!(count("counted", conn), 1);

    // What is left out is made.
    conn.batch_execute(
        "DROP TABLE counted;
         CREATE TABLE counted (id BIGINT PRIMARY KEY AUTO_INCREMENT, seq BIGINT NOT NULL DEFAULT 5, price BIGINT NOT NULL,
             version BIGINT NOT NULL)",
    )
    .unwrap();
    let created = Counted::create(New { id: None, price: 3 }, conn).unwrap();
    assert_eq!(
        created,
        Counted {
            id: 1,
            seq: 5,
            price: 3,
            version: 1
        }
    );
}
