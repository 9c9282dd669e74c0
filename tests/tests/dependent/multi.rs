//! A replica on every kind of connection: a `MultiConnection`, a pool, generic code.

use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel_migrations::MigrationHarness;
use serde::{Deserialize, Serialize};
use versioned_core::prelude::*;
use versioned_core::{Error, Event, MIGRATIONS, Op, Outcome, Result, positions};
use versioned_tests::{mysql, postgres, sqlite};

diesel::table! {
    copies {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

const COPIES: &str =
    "CREATE TABLE copies (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, gap = "park")]
struct Copy {
    id: i64,
    price: i64,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, policy = "latest")]
struct Newest {
    id: i64,
    price: i64,
    version: i64,
}

#[derive(diesel::MultiConnection)]
enum Any {
    Postgres(PgConnection),
    Mysql(MysqlConnection),
    Sqlite(SqliteConnection),
}

fn event<T>(version: i64, op: Op, data: Option<T>) -> Event<T> {
    Event {
        entity: "copies".into(),
        key: "7".into(),
        version,
        op,
        at: String::new(),
        data,
        trace: None,
        metadata: None,
    }
}

/// Everything that a dependent can do, behind the one bound.
fn life<C: LoadConnection>(conn: &mut C) -> Result<()>
where
    Copy: Dependent<C::Backend>,
    Newest: Dependent<C::Backend>,
{
    let at = |version| {
        let data = Copy {
            id: 7,
            price: version * 10,
            version,
        };
        event(version, Op::Updated, Some(data))
    };
    assert_eq!(Copy::apply(&at(3), conn)?, Outcome::Parked);
    assert_eq!(Copy::apply(&at(1), conn)?, Outcome::Applied);
    let mut seen = Vec::new();
    let outcome = Copy::apply_with(&at(2), conn, |conn, event| {
        seen.push((event.version, Copy::find(&7, conn)?.version));
        Ok(())
    })?;
    assert_eq!(outcome, Outcome::Applied);
    assert_eq!(seen, [(2, 2), (3, 3)]);
    assert_eq!(
        Copy::find(&7, conn)?,
        Copy {
            id: 7,
            price: 30,
            version: 3
        }
    );
    assert_eq!(Copy::find_by_event(&at(4), conn)?.version, 3);
    assert_eq!(
        Copy::apply_all(&[at(5), at(4)], conn)?,
        [Outcome::Applied; 2]
    );
    assert_eq!(
        Copy::apply(&event(6, Op::Deleted, None), conn)?,
        Outcome::Applied
    );
    assert!(matches!(Copy::find(&7, conn), Err(Error::NotFound { .. })));
    assert_eq!(
        Copy::apply(&at(5), conn)?,
        Outcome::Duplicate { current: 6 }
    );
    positions::rebuild::<Copy, _>(conn)?;
    let newest = |version| {
        let data = Newest {
            id: 7,
            price: version,
            version,
        };
        event(version, Op::Updated, Some(data))
    };
    assert_eq!(
        Newest::apply_all(&[newest(2), newest(9)], conn)?.last(),
        Some(&Outcome::Applied)
    );
    assert_eq!(Newest::find(&7, conn)?.version, 9);
    Ok(())
}

#[test]
fn a_multi_connection_over_each_backend() {
    let databases = (
        sqlite::Db::fresh(COPIES),
        postgres::Db::fresh(COPIES),
        mysql::Db::fresh(COPIES),
    );
    for mut conn in [
        Any::Sqlite(databases.0.connect()),
        Any::Postgres(databases.1.connect()),
        Any::Mysql(databases.2.connect()),
    ] {
        assert_eq!(conn.run_pending_migrations(MIGRATIONS).unwrap().len(), 3);
        life(&mut conn).unwrap();
        conn.revert_all_migrations(MIGRATIONS).unwrap();
    }
}

#[test]
fn pooled_connections() {
    let database = postgres::Db::fresh(COPIES);
    let pool = Pool::new(ConnectionManager::<PgConnection>::new(database.url())).unwrap();
    pool.get()
        .unwrap()
        .run_pending_migrations(MIGRATIONS)
        .unwrap();
    life(&mut pool.get().unwrap()).unwrap();
    let database = mysql::Db::fresh(COPIES);
    let pool = Pool::new(ConnectionManager::<MysqlConnection>::new(database.url())).unwrap();
    pool.get()
        .unwrap()
        .run_pending_migrations(MIGRATIONS)
        .unwrap();
    life(&mut pool.get().unwrap()).unwrap();
    let database = sqlite::Db::fresh(COPIES);
    let pool = Pool::new(ConnectionManager::<SqliteConnection>::new(database.url())).unwrap();
    pool.get()
        .unwrap()
        .run_pending_migrations(MIGRATIONS)
        .unwrap();
    life(&mut pool.get().unwrap()).unwrap();
}
