//! The same model on every kind of connection: a `MultiConnection`, a pool, generic code.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use versioned_core::prelude::*;
use versioned_core::version::Token;
use versioned_core::{ConflictKind, Error, Op, Result};
use versioned_tests::{mysql, postgres, sqlite};

diesel::table! {
    tickets {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

const TICKETS: &str =
    "CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
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

/// Everything that an owner can do, behind the one bound.
fn life<C: LoadConnection>(conn: &mut C) -> Result<()>
where
    Ticket: Owner<C::Backend>,
{
    let mut ticket = Ticket {
        id: 7,
        price: 20,
        version: 0,
    };
    ticket.insert(conn)?;
    let mut stale = ticket.clone();
    ticket.price = 25;
    assert_eq!(ticket.save(conn)?.version(), 2);
    match stale.save(conn) {
        Err(Error::Conflict(conflict)) => {
            assert_eq!(conflict.kind(), ConflictKind::Stale);
            assert_eq!(conflict.found(), Some(Token::Number(2)));
        }
        other => panic!("{other:?}"),
    }
    ticket.touch(conn)?;
    ticket.verify(conn)?;
    stale.reload(conn)?;
    assert_eq!(stale, ticket);
    let saved = Ticket::update_with(&7, conn, |ticket| {
        ticket.price += 1;
        Ok(())
    })?;
    assert_eq!((saved.price, saved.version), (26, 4));
    assert_eq!(Ticket::find(&7, conn)?, saved);
    assert_eq!(Ticket::at(7, 4).touch(conn)?.version, 5);
    transaction(conn, &mut ticket, |conn, ticket| {
        ticket.reload(conn)?;
        ticket.save(conn)?;
        Ok::<_, Error>(())
    })?;
    assert_eq!(Ticket::at(7, 6).delete(conn)?, 7);
    let mut both = [7, 9].map(|id| Ticket {
        id,
        price: 3,
        version: 0,
    });
    assert_eq!(both[0].upsert(conn)?.op(), Op::Created);
    assert_eq!(both[0].upsert(conn)?.op(), Op::Updated);
    let done: Vec<_> = Ticket::upsert_all(&mut both, conn)?
        .iter()
        .map(|change| (change.op(), change.version()))
        .collect();
    assert_eq!(done, [(Op::Updated, 3), (Op::Created, 1)]);
    Ticket::delete_all(&mut both, conn)?;
    Ticket {
        id: 8,
        price: 1,
        version: 3,
    }
    .import(conn)
}

#[test]
fn a_multi_connection_over_each_backend() {
    let databases = (
        sqlite::Db::fresh(TICKETS),
        postgres::Db::fresh(TICKETS),
        mysql::Db::fresh(TICKETS),
    );
    for mut conn in [
        Any::Sqlite(databases.0.connect()),
        Any::Postgres(databases.1.connect()),
        Any::Mysql(databases.2.connect()),
    ] {
        life(&mut conn).unwrap();
        let updated = Ticket::at(8, 3)
            .update(tickets::price.eq(9), &mut conn)
            .unwrap();
        assert_eq!(
            updated,
            Ticket {
                id: 8,
                price: 9,
                version: 4
            }
        );
        // The dialect is asked of the live connection, also inside of a transaction, and does no harm to it.
        conn.transaction(|conn| {
            let updated = Ticket::at(8, 4).update(tickets::price.eq(10), conn)?;
            assert_eq!(updated.version, 5);
            Ok::<_, Error>(())
        })
        .unwrap();
        let created = Ticket::create((tickets::id.eq(9), tickets::price.eq(1)), &mut conn);
        match (&conn, created) {
            (Any::Mysql(_), Err(Error::KeyNotGenerated { table: "tickets" })) => {}
            (Any::Postgres(_) | Any::Sqlite(_), Ok(ticket)) => {
                assert_eq!(
                    ticket,
                    Ticket {
                        id: 9,
                        price: 1,
                        version: 1
                    }
                );
            }
            (_, other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn pooled_connections() {
    let database = postgres::Db::fresh(TICKETS);
    let pool = Pool::new(ConnectionManager::<PgConnection>::new(database.url())).unwrap();
    life(&mut pool.get().unwrap()).unwrap();
    let database = mysql::Db::fresh(TICKETS);
    let pool = Pool::new(ConnectionManager::<MysqlConnection>::new(database.url())).unwrap();
    life(&mut pool.get().unwrap()).unwrap();
    let database = sqlite::Db::fresh(TICKETS);
    let pool = Pool::new(ConnectionManager::<SqliteConnection>::new(database.url())).unwrap();
    life(&mut pool.get().unwrap()).unwrap();
}

#[test]
fn each_plain_connection_through_the_generic_function() {
    life(&mut sqlite::Db::fresh(TICKETS).connect()).unwrap();
    life(&mut postgres::Db::fresh(TICKETS).connect()).unwrap();
    life(&mut mysql::Db::fresh(TICKETS).connect()).unwrap();
}

/// A connection that breaks in the middle of a save: an error, the model and the row as they were.
#[test]
fn a_broken_connection_is_an_error() {
    let database = postgres::Db::fresh(TICKETS);
    let mut other = database.connect();
    let mut conn = database.connect();
    let mut ticket = Ticket {
        id: 7,
        price: 20,
        version: 0,
    };
    ticket.insert(&mut conn).unwrap();
    other
        .batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()")
        .unwrap();
    ticket.price = 30;
    let broken = ticket.save(&mut conn);
    assert!(matches!(broken, Err(Error::Database(_))), "{broken:?}");
    assert_eq!(
        ticket,
        Ticket {
            id: 7,
            price: 30,
            version: 1
        }
    );
    assert_eq!(Ticket::find(&7, &mut other).unwrap().price, 20);
    ticket.save(&mut other).unwrap();

    let database = mysql::Db::fresh(TICKETS);
    let mut other = database.connect();
    let mut conn = database.connect();
    let mut ticket = Ticket {
        id: 7,
        price: 20,
        version: 0,
    };
    ticket.insert(&mut conn).unwrap();
    let id: u64 = diesel::select(diesel::dsl::sql::<
        diesel::sql_types::Unsigned<diesel::sql_types::BigInt>,
    >("CONNECTION_ID()"))
    .get_result(&mut conn)
    .unwrap();
    other.batch_execute(&format!("KILL {id}")).unwrap();
    ticket.price = 30;
    let broken = ticket.save(&mut conn);
    assert!(matches!(broken, Err(Error::Database(_))), "{broken:?}");
    assert_eq!(
        ticket,
        Ticket {
            id: 7,
            price: 30,
            version: 1
        }
    );
    assert_eq!(Ticket::find(&7, &mut other).unwrap().price, 20);
}

/// A random version (PostgreSQL has the type): it tells a row that was made again from the one that was loaded.
mod uuid_version {
    use super::*;

    diesel::table! {
        notes {
            id -> BigInt,
            version -> Uuid,
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = notes)]
    #[versioned(owner)]
    struct Note {
        id: i64,
        version: uuid::Uuid,
    }

    #[test]
    fn t09_a_row_made_again_is_stale_to_a_uuid() {
        let database = postgres::Db::fresh(
            "CREATE TABLE notes (id BIGINT PRIMARY KEY, version UUID NOT NULL)",
        );
        let mut conn = database.connect();
        let mut note = Note {
            id: 7,
            version: uuid::Uuid::nil(),
        };
        note.insert(&mut conn).unwrap();
        let mut old = note.clone();
        note.delete(&mut conn).unwrap();
        note.insert(&mut conn).unwrap();
        match old.save(&mut conn) {
            Err(Error::Conflict(conflict)) => {
                assert_eq!(conflict.kind(), ConflictKind::Stale);
                assert_eq!(conflict.found(), Some(Token::Uuid(note.version.as_u128())));
                assert!(
                    conflict.to_string().contains(&note.version.to_string()),
                    "{conflict}"
                );
            }
            other => panic!("{other:?}"),
        }
        let before = note.version;
        note.save(&mut conn).unwrap();
        assert_ne!(note.version, before);
        assert_eq!(note.version.get_version_num(), 4, "a random one");
        assert_eq!(Note::find(&7, &mut conn).unwrap(), note);
    }
}
