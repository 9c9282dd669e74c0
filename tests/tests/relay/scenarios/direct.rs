//! Replicas without a broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use versioned_core::direct::DirectPublisher;

use super::*;

diesel::table! {
    copies {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    shows {
        id -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    show_copies {
        id -> BigInt,
        version -> BigInt,
    }
}

const SHOWS: &str = "CREATE TABLE shows (id BIGINT PRIMARY KEY, version BIGINT NOT NULL)";
const COPIES: &str = "CREATE TABLE copies
    (id BIGINT PRIMARY KEY, price BIGINT NOT NULL CHECK (price <> 13), version BIGINT NOT NULL)";
const SHOW_COPIES: &str =
    "CREATE TABLE show_copies (id BIGINT PRIMARY KEY, version BIGINT NOT NULL)";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "tickets")]
struct Copy {
    id: i64,
    price: i64,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "tickets", policy = "latest")]
struct LatestCopy {
    id: i64,
    price: i64,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = shows)]
#[versioned(owner, outbox)]
struct Show {
    id: i64,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = show_copies)]
#[versioned(dependent, entity = "shows", gap = "park")]
struct ShowCopy {
    id: i64,
    version: i64,
}

/// A database of a replica, which may be away.
#[derive(Clone)]
struct Replica {
    db: Arc<Db>,
    is_away: Arc<AtomicBool>,
}

impl Replica {
    fn new(ddl: &str) -> Self {
        let db = Db::fresh(ddl);
        db.connect().run_pending_migrations(MIGRATIONS).unwrap();
        Self {
            db: Arc::new(db),
            is_away: Arc::default(),
        }
    }

    fn connect(&self) -> impl Fn() -> Result<Conn, &'static str> + Send + Sync + use<> {
        let own = self.clone();
        move || {
            if own.is_away.load(Ordering::SeqCst) {
                Err("it is away")
            } else {
                Ok(own.db.connect())
            }
        }
    }

    fn copies(&self) -> Vec<(i64, i64, i64)> {
        let rows = copies::table.order(copies::id);
        rows.load(&mut self.db.connect()).unwrap()
    }

    fn shows(&self) -> Vec<(i64, i64)> {
        let rows = show_copies::table.order(show_copies::id);
        rows.load(&mut self.db.connect()).unwrap()
    }
}

fn owner() -> (Db, Conn) {
    let (db, mut conn) = database();
    diesel::sql_query(SHOWS).execute(&mut conn).unwrap();
    (db, conn)
}

fn save(id: i64, price: i64, conn: &mut Conn) {
    let mut ticket = Ticket::find(&id, conn).unwrap();
    ticket.price = price;
    ticket.save(conn).unwrap();
}

fn show(id: i64, conn: &mut Conn) {
    Show { id, version: 0 }.insert(conn).unwrap();
}

/// The rejected events are due again.
fn make_due(conn: &mut Conn) {
    diesel::update(versioned_outbox::table)
        .set(versioned_outbox::due.eq(0))
        .execute(conn)
        .unwrap();
}

#[test]
fn each_replica_receives_all_events() {
    let (_db, mut conn) = owner();
    let (one, two) = (Replica::new(COPIES), Replica::new(COPIES));
    announce(1..=5, &mut conn);
    for price in 1..=4 {
        save(1, price, &mut conn);
    }
    Ticket::find(&2, &mut conn)
        .unwrap()
        .delete(&mut conn)
        .unwrap();
    let publisher = DirectPublisher::new()
        .replica::<Copy, _, _>(one.connect())
        .replica::<LatestCopy, _, _>(two.connect());
    let relay = Relay::new(publisher);
    let pass = relay.run_once(&mut conn).unwrap();
    assert_eq!(
        (pass.published, pass.rejected, pass.unavailable),
        (10, 0, 0)
    );
    let rows = [(1, 4, 5), (3, 30, 1), (4, 40, 1), (5, 50, 1)];
    assert_eq!(one.copies(), rows);
    assert_eq!(two.copies(), rows);
    assert_eq!(waiting(&mut conn), []);
    // What is published again is a duplicate.
    save(3, 31, &mut conn);
    assert_eq!(relay.run_once(&mut conn).unwrap().published, 1);
    assert_eq!(one.copies()[1], (3, 31, 2));
}

#[test]
fn a_replica_that_is_away_holds_back_its_own_events() {
    let (_db, mut conn) = owner();
    let (tickets, shows) = (Replica::new(COPIES), Replica::new(SHOW_COPIES));
    let relay = || {
        let publisher = DirectPublisher::new()
            .replica::<Copy, _, _>(tickets.connect())
            .replica::<ShowCopy, _, _>(shows.connect());
        Relay::new(publisher)
    };
    let relays = [relay(), relay(), relay()];
    // The sessions at a file do not end: there, another relay goes on.
    let relay = |number: usize| &relays[if backend::NAME == "sqlite" { number } else { 0 }];
    // Connected, and then away.
    show(1, &mut conn);
    assert_eq!(relay(0).run_once(&mut conn).unwrap().published, 1);
    shows.is_away.store(true, Ordering::SeqCst);
    drop_sessions(&shows);
    show(2, &mut conn);
    announce(1..=3, &mut conn);
    show(3, &mut conn);
    let pass = relay(1).run_once(&mut conn).unwrap();
    assert_eq!((pass.published, pass.rejected, pass.unavailable), (3, 2, 0));
    assert_eq!(tickets.copies().len(), 3);
    let left = waiting(&mut conn);
    let events: Vec<_> = left
        .iter()
        .map(|(event, attempts, ..)| (event.as_str(), *attempts))
        .collect();
    assert_eq!(events, [("shows/2/1", 1), ("shows/3/1", 1)]);
    for (.., error) in &left {
        let error = error.as_deref().unwrap();
        assert!(
            error.contains("the database of `show_copies` is unreachable"),
            "{error}"
        );
    }
    // Others keep on coming, and it comes back.
    save(1, 11, &mut conn);
    assert_eq!(relay(1).run_once(&mut conn).unwrap().published, 1);
    shows.is_away.store(false, Ordering::SeqCst);
    make_due(&mut conn);
    assert_eq!(relay(1).run_once(&mut conn).unwrap().published, 2);
    assert_eq!(shows.shows(), [(1, 1), (2, 1), (3, 1)]);
    // If all are away, the events wait as for a broker.
    tickets.is_away.store(true, Ordering::SeqCst);
    drop_sessions(&tickets);
    save(1, 12, &mut conn);
    let pass = relay(2).run_once(&mut conn).unwrap();
    assert_eq!((pass.published, pass.rejected, pass.unavailable), (0, 0, 1));
    assert_eq!(waiting(&mut conn)[0].1, 0);
    tickets.is_away.store(false, Ordering::SeqCst);
    until_published(relay(2), &mut conn);
    assert_eq!(tickets.copies()[0], (1, 12, 3));
}

/// Ends the connections of the publisher, where the database is a server.
fn drop_sessions(replica: &Replica) {
    let mut conn = replica.db.connect();
    match backend::NAME {
        "postgres" => {
            let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
            diesel::sql_query(all).execute(&mut conn).unwrap();
        }
        "mysql" => {
            let own = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist \
                WHERE db = DATABASE() AND id <> CONNECTION_ID()";
            let ids: Vec<i64> = diesel::dsl::sql::<diesel::sql_types::BigInt>(own)
                .load(&mut conn)
                .unwrap();
            for id in ids {
                diesel::sql_query(format!("KILL {id}"))
                    .execute(&mut conn)
                    .unwrap();
            }
        }
        _ => {}
    }
}

#[test]
fn an_event_that_a_replica_rejects_holds_up_no_other() {
    let (_db, mut conn) = owner();
    let (one, two) = (Replica::new(COPIES), Replica::new(COPIES));
    announce(1..=6, &mut conn);
    save(3, 13, &mut conn);
    save(3, 14, &mut conn);
    save(4, 44, &mut conn);
    let publisher = DirectPublisher::new()
        .replica::<Copy, _, _>(one.connect())
        .replica::<LatestCopy, _, _>(two.connect());
    let relay = Relay::new(publisher);
    let pass = relay.run_once(&mut conn).unwrap();
    // The version that no row may have, and, at the sequential replica, the one behind it. As one batch, both are one
    // write, which is right.
    assert_eq!((pass.published, pass.rejected), (9, 0));
    let rows = [
        (1, 10, 1),
        (2, 20, 1),
        (3, 14, 3),
        (4, 44, 2),
        (5, 50, 1),
        (6, 60, 1),
    ];
    assert_eq!((one.copies(), two.copies()), (rows.to_vec(), rows.to_vec()));
    save(5, 13, &mut conn);
    save(6, 66, &mut conn);
    let pass = relay.run_once(&mut conn).unwrap();
    assert_eq!((pass.published, pass.rejected), (1, 1));
    let left = waiting(&mut conn);
    assert_eq!((left[0].0.as_str(), left[0].1), ("tickets/5/2", 1));
    let error = left[0].3.as_deref().unwrap().to_lowercase();
    assert!(
        error.contains("check") || error.contains("constraint"),
        "{error}"
    );
    assert_eq!(one.copies()[4..], [(5, 50, 1), (6, 66, 2)]);
    // A later version waits for it at the sequential replica.
    save(5, 55, &mut conn);
    let pass = relay.run_once(&mut conn).unwrap();
    assert_eq!((pass.published, pass.rejected), (0, 1));
    let error = waiting(&mut conn)[1].3.clone().unwrap();
    assert_eq!(error, "version 3 waits for the versions after 1");
    assert_eq!(two.copies()[4], (5, 55, 3));
    make_due(&mut conn);
    until_published(&relay, &mut conn);
    assert_eq!(one.copies()[4], (5, 55, 3));
}

#[test]
fn an_entity_without_a_replica_is_rejected_or_ignored() {
    let (_db, mut conn) = owner();
    let tickets = Replica::new(COPIES);
    show(1, &mut conn);
    announce([1], &mut conn);
    let publisher = || DirectPublisher::new().replica::<Copy, _, _>(tickets.connect());
    let pass = Relay::new(publisher()).run_once(&mut conn).unwrap();
    assert_eq!((pass.published, pass.rejected), (1, 1));
    let error = waiting(&mut conn)[0].3.clone().unwrap();
    assert_eq!(
        error,
        "add a replica of `shows` to the publisher, or ignore `shows`"
    );
    make_due(&mut conn);
    let relay = Relay::new(publisher().ignore("shows"));
    assert_eq!(relay.run_once(&mut conn).unwrap().published, 1);
    assert_eq!(waiting(&mut conn), []);
}
