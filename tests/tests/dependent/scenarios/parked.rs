//! A parked event that cannot be applied when its turn comes stays parked with the reason, and
//! blocks no other event.

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::*;

type M = SequentialPark;

#[derive(Debug, PartialEq, QueryableByName)]
struct Parked {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Nullable<Text>)]
    error: Option<String>,
}

/// The parked versions, and whether a reason is stored with each.
fn parked(conn: &mut Conn) -> Vec<(i64, bool)> {
    let all: Vec<Parked> = diesel::sql_query(
        "SELECT version, error FROM versioned_parked WHERE at > 1700000000000000 ORDER BY version",
    )
    .load(conn)
    .unwrap();
    all.into_iter()
        .map(|one| {
            (
                one.version,
                one.error.is_some_and(|error| !error.is_empty()),
            )
        })
        .collect()
}

/// Rows of a negative price are refused until `allow`.
fn refuse(conn: &mut Conn) {
    conn.batch_execute(match backend::NAME {
        "sqlite" => {
            "CREATE TRIGGER low BEFORE INSERT ON copies WHEN NEW.price < 0 BEGIN SELECT RAISE(ABORT, 'low'); END;
             CREATE TRIGGER lower BEFORE UPDATE ON copies WHEN NEW.price < 0 BEGIN SELECT RAISE(ABORT, 'low'); END"
        }
        _ => "ALTER TABLE copies ADD CONSTRAINT low CHECK (price >= 0)",
    })
    .unwrap();
}

fn allow(conn: &mut Conn) {
    conn.batch_execute(match backend::NAME {
        "sqlite" => "DROP TRIGGER low; DROP TRIGGER lower",
        _ => "ALTER TABLE copies DROP CONSTRAINT low",
    })
    .unwrap();
}

#[track_caller]
fn applies(event: &Event<M>, expected: Outcome, conn: &mut Conn) {
    assert_eq!(M::apply(event, conn).unwrap(), expected);
}

#[test]
fn one_that_the_database_refuses() {
    for in_transaction in [false, true] {
        let (_db, mut conn) = replica();
        let conn = &mut conn;
        refuse(conn);
        applies(&updated(3, -3), Outcome::Parked, conn);
        applies(&updated(4, 40), Outcome::Parked, conn);
        applies(&updated(2, 20), Outcome::Parked, conn);
        let first = created(10);
        let outcome = if in_transaction {
            conn.transaction(|conn| M::apply(&first, conn))
        } else {
            M::apply(&first, conn)
        };
        assert_eq!(outcome.unwrap(), Outcome::Applied);
        assert_eq!(row(conn), at(20, 2));
        assert_eq!(parked(conn), [(3, true), (4, false)]);

        // The next event of the record tries it again.
        applies(&updated(6, 60), Outcome::Parked, conn);
        assert_eq!(row(conn), at(20, 2));
        assert_eq!(parked(conn), [(3, true), (4, false), (6, false)]);
        applies(&updated(2, 20), Outcome::Duplicate { current: 2 }, conn);
        assert!(
            M::apply(&updated(3, -3), conn).is_err(),
            "it is no other event when it comes again"
        );
        allow(conn);
        applies(&updated(7, 70), Outcome::Parked, conn);
        assert_eq!(row(conn), at(40, 4));
        assert_eq!(parked(conn), [(6, false), (7, false)]);
        applies(&updated(5, 50), Outcome::Applied, conn);
        assert_eq!(row(conn), at(70, 7));
        assert_eq!(parked(conn), []);
    }
}

/// The event that comes is applied with what it was to wait for.
#[test]
fn one_that_can_be_applied_by_now() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    refuse(conn);
    applies(&updated(2, -2), Outcome::Parked, conn);
    applies(&created(10), Outcome::Applied, conn);
    assert_eq!(row(conn), at(10, 1));
    allow(conn);
    applies(&updated(3, 30), Outcome::Applied, conn);
    assert_eq!(row(conn), at(30, 3));
    assert_eq!(parked(conn), []);
}

/// A snapshot, or the same event made right, goes over it.
#[test]
fn one_that_is_overtaken() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    refuse(conn);
    applies(&updated(2, -2), Outcome::Parked, conn);
    applies(&updated(4, 40), Outcome::Parked, conn);
    applies(&created(10), Outcome::Applied, conn);
    applies(&updated(2, 22), Outcome::Applied, conn);
    assert_eq!(row(conn), at(22, 2));
    assert_eq!(parked(conn), [(4, false)]);
    applies(&event(Op::Snapshot, 7, 3, 33), Outcome::Applied, conn);
    assert_eq!(row(conn), at(40, 4));
    assert_eq!(parked(conn), []);
}

/// A replica that has changed since.
#[test]
fn one_that_cannot_be_read_any_more() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    applies(&updated(2, 20), Outcome::Parked, conn);
    conn.batch_execute("UPDATE versioned_parked SET event = '{}' WHERE version = 2")
        .unwrap();
    applies(&created(10), Outcome::Applied, conn);
    assert_eq!(row(conn), at(10, 1));
    assert_eq!(parked(conn), [(2, true)]);
    applies(&updated(2, 20), Outcome::Applied, conn);
    assert_eq!(row(conn), at(20, 2));
    assert_eq!(parked(conn), []);
}

/// What the closure wrote for it is undone, and what it wrote for the others is not.
#[test]
fn one_that_the_closure_refuses() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    conn.batch_execute("CREATE TABLE effects (version BIGINT NOT NULL)")
        .unwrap();
    for version in [2, 3, 4] {
        applies(&updated(version, version * 10), Outcome::Parked, conn);
    }
    let outcome = M::apply_with(&created(10), conn, |conn, event| {
        conn.batch_execute(&format!("INSERT INTO effects VALUES ({})", event.version))?;
        if event.version == 3 {
            return Err(Error::other("not this one"));
        }
        Ok(())
    });
    assert_eq!(outcome.unwrap(), Outcome::Applied);
    assert_eq!(row(conn), at(20, 2));
    assert_eq!(parked(conn), [(3, true), (4, false)]);
    let effects: Vec<i64> = diesel::dsl::sql::<BigInt>("SELECT version FROM effects ORDER BY 1")
        .load(conn)
        .unwrap();
    assert_eq!(effects, [1, 2]);
}

/// As a deadlock does on MySQL and MariaDB, which takes the transaction with its savepoints: nothing was applied then.
#[test]
fn one_whose_transaction_is_lost() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    applies(&updated(2, 20), Outcome::Parked, conn);
    let mut runs = 0;
    let outcome = M::apply_with(&created(10), conn, |conn, event| {
        if event.version == 2 {
            runs += 1;
            if runs == 1 {
                conn.batch_execute("ROLLBACK")?;
                return Err(Error::other("a deadlock"));
            }
        }
        Ok(())
    });
    if backend::NAME == "mysql" {
        assert_eq!(outcome.unwrap(), Outcome::Applied);
        assert_eq!((runs, row(conn)), (2, at(20, 2)));
        assert_eq!(parked(conn), []);
    } else {
        assert!(outcome.is_err(), "{outcome:?}");
        assert_eq!(row(conn), None);
    }
}

diesel::table! {
    #[sql_name = "copies"]
    wider_copies (id) {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
        remark -> VarChar,
    }
}

/// With a field that the owner had all the time.
#[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = wider_copies)]
#[versioned(dependent, entity = "tickets", gap = "park")]
struct Wider {
    id: i64,
    price: i64,
    version: i64,
    remark: String,
}

#[test]
fn one_from_before_the_replica_had_a_field() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    let json = |version: i64| {
        let op = if version == 1 { "created" } else { "updated" };
        format!(
            r#"{{ "entity": "tickets", "key": "7", "version": {version}, "op": "{op}",
                "data": {{ "id": 7, "price": {}, "version": {version}, "remark": "a \u00e4 {version}" }} }}"#,
            version * 10
        )
    };
    assert_eq!(M::apply_json(&json(3), conn).unwrap(), Outcome::Parked);
    assert_eq!(M::apply_json(&json(2), conn).unwrap(), Outcome::Parked);
    let narrow: Event<M> = serde_json::from_str(&json(4)).unwrap();
    applies(&narrow, Outcome::Parked, conn);

    assert_eq!(Wider::apply_json(&json(1), conn).unwrap(), Outcome::Applied);
    let remark = Some("a ä 3".to_owned());
    assert_eq!(row(conn), Some((7, 30, 3, remark)));
    assert_eq!(parked(conn), [(4, true)], "it was kept without the field");
    assert_eq!(Wider::apply_json(&json(4), conn).unwrap(), Outcome::Applied);
    assert_eq!(parked(conn), []);
    assert_eq!(
        Wider::apply_json(&json(4), conn).unwrap(),
        Outcome::Duplicate { current: 4 }
    );
}

#[test]
fn what_is_no_event() {
    let (_db, mut conn) = replica();
    for json in [
        "",
        "{",
        "[]",
        r#"{ "entity": "tickets", "key": "7", "version": 1, "op": "created", "data": { "id": 7 } }"#,
    ] {
        match M::apply_json(json, &mut conn) {
            Err(Error::Event(versioned_core::EventError::Unreadable { reason })) => {
                assert!(!reason.is_empty());
            }
            other => panic!("{json}: {other:?}"),
        }
    }
    assert_eq!(row(&mut conn), None);
}
