//! `sql_safe_updates = 1`: the server refuses an UPDATE and a DELETE that use no key.

use std::sync::Mutex;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use versioned_core::outbox::{OutboxRow, PublishError, Publisher, Relay};
use versioned_core::{Event, MIGRATIONS, Outcome, positions};

use super::backend::prelude::*;
use super::backend::{Conn, Db};

diesel::table! {
    tickets (id) {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    copies (id) {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox, tombstones)]
struct Ticket {
    id: i64,
    price: i64,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "tickets", gap = "park")]
struct Copy {
    id: i64,
    price: i64,
    version: i64,
}

fn fresh() -> (Db, Conn) {
    let columns = "(id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)";
    let db = Db::fresh(&format!(
        "CREATE TABLE tickets {columns}; CREATE TABLE copies {columns}"
    ));
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    conn.batch_execute("SET sql_safe_updates = 1").unwrap();
    (db, conn)
}

#[derive(Default)]
struct Broker(Mutex<Vec<Event<Copy>>>);

impl Publisher for Broker {
    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        let mut sent = self.0.lock().unwrap();
        let take = |row: &OutboxRow| {
            sent.push(serde_json::from_str(&row.payload).unwrap());
            Ok(())
        };
        batch.iter().map(take).collect()
    }
}

fn published(ordered: bool, conn: &mut Conn) -> Vec<Event<Copy>> {
    let broker = Broker::default();
    let mut relay = Relay::new(&broker);
    if ordered {
        relay = relay.ordered();
    }
    while relay.run_once(conn).unwrap().taken() > 0 {}
    broker.0.into_inner().unwrap()
}

/// From owner to replica, and all that empties tables.
#[test]
fn everything_goes_on() {
    for ordered in [false, true] {
        for records in [1, 3, 60] {
            let (_db, mut conn) = fresh();
            let conn = &mut conn;
            let mut all: Vec<_> = (1..=records)
                .map(|id| Ticket {
                    id,
                    price: 10,
                    version: 0,
                })
                .collect();
            Ticket::insert_all(&mut all, conn).unwrap();
            Ticket::save_all(&mut all, conn).unwrap();
            for ticket in &mut all {
                ticket.price += 1;
            }
            Ticket::save_all(&mut all, conn).unwrap();
            let mut one = all.pop().unwrap();
            one.save(conn).unwrap();
            one.touch(conn).unwrap();
            Ticket::at(one.id, one.version)
                .update(tickets::price.eq(7), conn)
                .unwrap();
            Ticket::find(&one.id, conn).unwrap().delete(conn).unwrap();
            Ticket::delete_all(&mut all, conn).unwrap();

            let events = published(ordered, conn);
            assert_eq!(events.len(), usize::try_from(records * 4 + 3).unwrap());
            assert!(
                published(ordered, conn).is_empty(),
                "they are gone from the outbox"
            );
            for event in events.iter().rev() {
                assert!(Copy::apply(event, conn).unwrap().should_ack());
            }
            for event in &events {
                assert!(matches!(
                    Copy::apply(event, conn).unwrap(),
                    Outcome::Duplicate { .. }
                ));
            }
            let mut again = Ticket {
                id: 1,
                price: 10,
                version: 0,
            };
            again.insert(conn).unwrap();
            let events = published(ordered, conn);
            assert_eq!(Copy::apply_all(&events, conn).unwrap(), [Outcome::Applied]);

            let deleted = usize::try_from(records - 1).unwrap();
            let purged = positions::purge_tombstones::<Copy, _>(Duration::ZERO, conn);
            assert_eq!(purged.unwrap(), deleted);
            let purged = positions::purge_tombstones::<Ticket, _>(Duration::ZERO, conn);
            assert_eq!(purged.unwrap(), deleted);
            positions::rebuild::<Copy, _>(conn).unwrap();
            assert_eq!(copies::table.count().get_result::<i64>(conn).unwrap(), 0);
            assert_eq!(Copy::apply(&events[0], conn).unwrap(), Outcome::Parked);
        }
    }
}
