//! A relay on a `MultiConnection`, through a pool, and in generic code.

use std::sync::Arc;

use diesel::r2d2::{ConnectionManager, Pool};
use diesel_migrations::MigrationHarness;
use versioned_core::outbox::{self, Relay, SupportedBackend};
use versioned_core::{MIGRATIONS, Result};
use versioned_tests::{mysql, postgres, sqlite};

use super::broker::Broker;
use super::*;

#[derive(diesel::MultiConnection)]
enum Any {
    Postgres(PgConnection),
    Mysql(MysqlConnection),
    Sqlite(SqliteConnection),
}

/// Everything that a relay can do, behind the one bound.
fn life<C: LoadConnection>(conn: &mut C, all: &Broker) -> Result<()>
where
    C::Backend: SupportedBackend,
{
    let relay = Relay::new(all).batch(3);
    assert_eq!(outbox::Lag::load(conn)?.pending, 5);
    assert_eq!(relay.run_once(conn)?.published, 3);
    let relay = relay.ordered();
    assert_eq!(relay.run_once(conn)?.published, 2);
    assert_eq!(relay.run_once(conn)?.taken(), 0);
    assert_eq!(outbox::Lag::load(conn)?.pending, 0);
    Ok(())
}

fn lives(conn: &mut Any) {
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    announce(1..=5, conn);
    let broker = Broker::new();
    life(conn, &broker).unwrap();
    assert_eq!(broker.ids(), created(1..=5));
}

#[test]
fn on_a_multi_connection() {
    let db = postgres::Db::fresh(TICKETS);
    lives(&mut Any::Postgres(db.connect()));
    let db = mysql::Db::fresh(TICKETS);
    lives(&mut Any::Mysql(db.connect()));
    let db = sqlite::Db::fresh(TICKETS);
    lives(&mut Any::Sqlite(db.connect()));
}

/// Also there a relay skips what another one has in hand.
#[test]
fn several_on_multi_connections() {
    let (pg, my) = (postgres::Db::fresh(TICKETS), mysql::Db::fresh(TICKETS));
    let two = [
        [Any::Postgres(pg.connect()), Any::Postgres(pg.connect())],
        [Any::Mysql(my.connect()), Any::Mysql(my.connect())],
    ];
    for [mut one, two] in two {
        one.run_pending_migrations(MIGRATIONS).unwrap();
        announce(1..=5, &mut one);
        let two = std::sync::Mutex::new(two);
        let inner = Arc::new(Broker::new());
        let quick = Relay::new(Arc::clone(&inner));
        let slow = Relay::new(Broker::doing_first(move |_| {
            let pass = quick.run_once(&mut *two.lock().unwrap()).unwrap();
            assert_eq!(pass.published, 2);
        }))
        .batch(3);
        assert_eq!(slow.run_once(&mut one).unwrap().published, 3);
        assert_eq!(inner.ids(), created(4..=5));
    }
}

#[test]
fn through_a_pool() {
    let db = postgres::Db::fresh(TICKETS);
    let manager = ConnectionManager::<PgConnection>::new(db.url());
    let pool = Pool::builder().max_size(2).build(manager).unwrap();
    let mut conn = pool.get().unwrap();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    announce(1..=5, &mut conn);
    let broker = Arc::new(Broker::new());
    life(&mut conn, &broker).unwrap();
    announce(6..=7, &mut conn);
    let shutdown = outbox::Shutdown::new();
    let stop = shutdown.clone();
    let stopping = Relay::new(Arc::clone(&broker));
    let totals = std::thread::scope(|scope| {
        let run = scope.spawn(|| stopping.run(|| pool.get(), stop));
        while outbox::Lag::load(&mut conn).unwrap().pending > 0 {
            std::thread::yield_now();
        }
        shutdown.stop();
        run.join().unwrap()
    });
    assert_eq!(totals.published, 2);
    assert_eq!(broker.ids(), created(1..=7));
}
