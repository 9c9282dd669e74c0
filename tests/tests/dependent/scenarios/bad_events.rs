//! Events that are not for this replica, or broken: a typed error, nothing written.

use versioned_core::EventError;

use super::*;

#[track_caller]
fn refused<M: Replica>(event: &Event<M>, conn: &mut Conn) -> EventError {
    let before = row(conn);
    let error = match M::apply(event, conn) {
        Err(Error::Event(error)) => error,
        other => panic!("expected an event error, got {other:?}"),
    };
    assert!(matches!(
        M::apply_all(std::slice::from_ref(event), conn),
        Err(Error::Event(_))
    ));
    let with = M::apply_with(event, conn, |_, _| panic!("must not run"));
    assert!(matches!(with, Err(Error::Event(_))), "{with:?}");
    assert_eq!(row(conn), before);
    let positions: i64 =
        diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM versioned_positions")
            .get_result(conn)
            .unwrap();
    assert_eq!(positions, 0, "nothing was written");
    error
}

fn an_event_that_is_not_for_this_replica<M: Replica>() {
    let (_db, mut conn) = replica();
    let wrong = Event {
        entity: "orders".into(),
        ..created::<M>(1)
    };
    assert_eq!(
        refused(&wrong, &mut conn),
        EventError::Entity {
            expected: "tickets",
            received: "orders".into()
        }
    );
    for version in [0, -1, i64::MIN] {
        assert_eq!(
            refused(&updated::<M>(version, 1), &mut conn),
            EventError::Version { received: version }
        );
    }
    let other_key = Event {
        key: "8".into(),
        ..created::<M>(1)
    };
    assert_eq!(
        refused(&other_key, &mut conn),
        EventError::Key {
            received: "8".into()
        }
    );
    let empty = Event {
        data: None,
        ..created::<M>(1)
    };
    assert_eq!(refused(&empty, &mut conn), EventError::NoData);
    if M::GUARD == Guard::Row {
        assert_eq!(refused(&deleted::<M>(2), &mut conn), EventError::Deletion);
    } else {
        let no_key = Event {
            key: "seven".into(),
            ..deleted::<M>(2)
        };
        assert_eq!(
            refused(&no_key, &mut conn),
            EventError::Key {
                received: "seven".into()
            }
        );
    }
}
for_each_replica!(an_event_that_is_not_for_this_replica);

#[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "tickets", initial = 0)]
struct Narrow {
    id: i64,
    price: i64,
    version: i64,
}

#[test]
fn the_first_version_may_be_zero() {
    let (_db, mut conn) = replica();
    let first = |version, price| Event {
        entity: "tickets".into(),
        key: "7".into(),
        version,
        op: Op::Updated,
        at: String::new(),
        data: Some(Narrow {
            id: 7,
            price,
            version,
        }),
        trace: None,
        metadata: None,
    };
    assert_eq!(
        Narrow::apply(&first(1, 1), &mut conn).unwrap(),
        Outcome::Gap {
            current: -1,
            received: 1
        }
    );
    assert_eq!(
        Narrow::apply(&first(0, 1), &mut conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(
        Narrow::apply(&first(0, 1), &mut conn).unwrap(),
        Outcome::Duplicate { current: 0 }
    );
    assert_eq!(
        Narrow::apply(&first(1, 2), &mut conn).unwrap(),
        Outcome::Applied
    );
    assert_eq!(row(&mut conn), at(2, 1));
}

mod small_versions {
    use super::*;

    diesel::table! {
        smalls {
            id -> BigInt,
            version -> SmallInt,
        }
    }

    #[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
    #[diesel(table_name = smalls)]
    #[versioned(dependent)]
    struct Small {
        id: i64,
        version: i16,
    }

    #[test]
    fn a_version_that_the_field_cannot_hold() {
        let db =
            Db::fresh("CREATE TABLE smalls (id BIGINT PRIMARY KEY, version SMALLINT NOT NULL)");
        let mut conn = db.connect();
        migrate(&mut conn);
        let too_large = Event {
            entity: "smalls".into(),
            key: "7".into(),
            version: 32_768,
            op: Op::Snapshot,
            at: String::new(),
            data: Some(Small { id: 7, version: 0 }),
            trace: None,
            metadata: None,
        };
        let refused = Small::apply(&too_large, &mut conn);
        assert!(
            matches!(
                refused,
                Err(Error::Event(EventError::Version { received: 32_768 }))
            ),
            "{refused:?}"
        );
        let largest = Event {
            version: 32_767,
            ..too_large
        };
        assert_eq!(Small::apply(&largest, &mut conn).unwrap(), Outcome::Applied);
        assert_eq!(
            smalls::table
                .select(smalls::version)
                .first::<i16>(&mut conn)
                .unwrap(),
            i16::MAX
        );
    }
}

mod second_key {
    use super::*;

    diesel::table! {
        users {
            id -> BigInt,
            email -> VarChar,
            version -> BigInt,
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
    #[diesel(table_name = users)]
    #[versioned(dependent)]
    struct User {
        id: i64,
        email: String,
        version: i64,
    }

    /// An upsert that looked at every unique key would write the event of user 8 into the row of user 7.
    #[test]
    fn another_unique_key_never_diverts_an_event() {
        let db = Db::fresh(
            "CREATE TABLE users (id BIGINT PRIMARY KEY, email VARCHAR(50) NOT NULL UNIQUE, version BIGINT NOT NULL)",
        );
        let mut conn = db.connect();
        migrate(&mut conn);
        let user = |id: i64, email: &str, version| Event {
            entity: "users".into(),
            key: id.to_string(),
            version,
            op: if version == 1 {
                Op::Created
            } else {
                Op::Updated
            },
            at: String::new(),
            data: Some(User {
                id,
                email: email.into(),
                version,
            }),
            trace: None,
            metadata: None,
        };
        assert_eq!(
            User::apply(&user(7, "a@b.c", 1), &mut conn).unwrap(),
            Outcome::Applied
        );
        // At the owner user 7 gave the address up first; here that event is still on its way.
        let early = User::apply(&user(8, "a@b.c", 1), &mut conn);
        assert!(matches!(early, Err(Error::Database(_))), "{early:?}");
        let rows: Vec<User> = users::table
            .select(User::as_select())
            .load(&mut conn)
            .unwrap();
        assert_eq!(
            rows,
            [User {
                id: 7,
                email: "a@b.c".into(),
                version: 1
            }]
        );
        assert_eq!(
            User::apply(&user(7, "x@y.z", 2), &mut conn).unwrap(),
            Outcome::Applied
        );
        assert_eq!(
            User::apply(&user(8, "a@b.c", 1), &mut conn).unwrap(),
            Outcome::Applied
        );
    }
}
