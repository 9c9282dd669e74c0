//! The application's own consumer, on a broker in memory that is as bad as a real one.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::AsyncConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use serde::de::DeserializeOwned;
use versioned_core::consumer::Connect;
use versioned_core::format::{Binding, Message};
use versioned_core::outbox::Relay;
use versioned_core::prelude::{Dependent, OwnerDsl as _};
use versioned_core::testing::MemoryBroker;
use versioned_core::{Event, Outcome};
use versioned_tests::sqlite;

use crate::{Copy, Latest, Parking, TABLES, Ticket, tickets};

type Sqlite = SyncConnectionWrapper<SqliteConnection>;

/// A time that is never reached.
const LATE: Duration = Duration::from_mins(1);

macro_rules! database {
    ($backend:ident) => {{
        use diesel_migrations::MigrationHarness as _;

        let db = versioned_tests::$backend::Db::fresh(TABLES);
        let mut conn = db.connect();
        conn.run_pending_migrations(versioned_core::MIGRATIONS)
            .unwrap();
        (db, conn)
    }};
}

fn database() -> (sqlite::Db, sqlite::Conn) {
    database!(sqlite)
}

fn rows(conn: &mut sqlite::Conn) -> Vec<(i64, i64, i64)> {
    tickets::table.order(tickets::id).load(conn).unwrap()
}

/// Eight versions of each of four records.
fn send(broker: &MemoryBroker) {
    for version in 1..=8 {
        for id in 1..=4 {
            let row = Copy::new(id, 10 * version, version);
            broker.send(&Event::updated(row)).unwrap();
        }
    }
}

const LAST: [(i64, i64, i64); 4] = [(1, 80, 8), (2, 80, 8), (3, 80, 8), (4, 80, 8)];

/// Consumes what the broker has. One batch at a time: SQLite has one writer.
async fn replicate<M, C>(broker: &MemoryBroker, connect: C) -> versioned_core::consumer::Consumed
where
    C: Connect,
    M: Dependent<<C::Connection as diesel_async::AsyncConnectionCore>::Backend> + DeserializeOwned,
{
    let consumer = broker.consumer().concurrency(1);
    let consumed = consumer.replicate::<M, _>(connect, broker.drained());
    tokio::time::timeout(LATE, consumed).await.unwrap().unwrap()
}

/// Each kind of replica, with several seeds.
macro_rules! converges {
    ($backend:ident, $connection:ty) => {
        for seed in 0..3 {
            for model in ["nack", "park", "latest"] {
                let (db, mut conn) = database!($backend);
                let connect = || <$connection>::establish(db.url());
                let broker = MemoryBroker::unreliable(seed);
                send(&broker);
                let consumed = match model {
                    "nack" => replicate::<Copy, _>(&broker, connect).await,
                    "park" => replicate::<Parking, _>(&broker, connect).await,
                    _ => replicate::<Latest, _>(&broker, connect).await,
                };
                let rows: Vec<(i64, i64, i64)> =
                    tickets::table.order(tickets::id).load(&mut conn).unwrap();
                assert_eq!(rows, LAST, "{model}, seed {seed}: {consumed:?}");
                assert!(
                    consumed.duplicates > 0,
                    "{model}, seed {seed}: {consumed:?}"
                );
            }
        }
    };
}

#[tokio::test]
async fn the_replica_converges_on_sqlite() {
    converges!(sqlite, Sqlite);
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn the_replica_converges_on_postgres() {
    converges!(postgres, diesel_async::AsyncPgConnection);
}

#[cfg(feature = "mysql")]
#[tokio::test]
async fn the_replica_converges_on_mysql() {
    converges!(mysql, diesel_async::AsyncMysqlConnection);
}

/// The events of each record that a handler received, in order.
async fn received(broker: &MemoryBroker) -> Vec<String> {
    let received = Arc::new(Mutex::new(Vec::new()));
    send(broker);
    let log = Arc::clone(&received);
    let handle = move |event: Event<Latest>| {
        log.lock().unwrap().push(event.id());
        async { Ok(Outcome::Applied) }
    };
    let consumer = broker.consumer().concurrency(1);
    let consumed = consumer.run(handle, broker.drained()).await.unwrap();
    let received = received.lock().unwrap().clone();
    assert_eq!(usize::try_from(consumed.applied).unwrap(), received.len());
    received
}

#[tokio::test]
async fn a_broker_that_is_not_unreliable_keeps_the_order() {
    let mut sent = Vec::new();
    for version in 1..=8 {
        sent.extend((1..=4).map(|id| format!("tickets/{id}/{version}")));
    }
    // The consumer takes records in turn, and those of one record in order.
    let mut of_record: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let received = received(&MemoryBroker::new()).await;
    assert_eq!(received.len(), sent.len());
    for id in received {
        let record = id.rsplit_once('/').unwrap().0.to_owned();
        of_record.entry(record).or_default().push(id);
    }
    for (record, ids) in of_record {
        let expected: Vec<String> = (1..=8).map(|v| format!("{record}/{v}")).collect();
        assert_eq!(ids, expected);
    }
}

/// How often each message comes is the seed's, and no message is lost.
#[tokio::test]
async fn the_seed_says_how_often_a_message_comes() {
    let mut all = Vec::new();
    for seed in [1, 1, 2] {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for id in received(&MemoryBroker::unreliable(seed)).await {
            *times.entry(id).or_default() += 1;
        }
        assert_eq!(times.len(), 32, "{times:?}");
        assert!(times.values().all(|times| (1..=3).contains(times)));
        assert!(times.values().any(|times| *times > 1));
        all.push(times);
    }
    assert_eq!(all[0], all[1]);
    assert_ne!(all[0], all[2]);
}

/// The first consumer is dropped in the middle of an event.
#[tokio::test]
async fn a_message_in_hand_comes_again_after_a_crash() {
    let (db, _conn) = database();
    let broker = MemoryBroker::new();
    send(&broker);
    let stuck = Arc::new(tokio::sync::Notify::new());
    let begun = Arc::clone(&stuck);
    let handle = move |_: Event<Copy>| {
        begun.notify_one();
        pending::<versioned_core::Result<Outcome>>()
    };
    {
        let consumer = broker.consumer();
        tokio::select! {
            _ = consumer.run(handle, pending::<()>()) => panic!("it has no end"),
            () = stuck.notified() => {}
        }
    }
    assert!(
        format!("{broker:?}").contains("unsettled: 32"),
        "{broker:?}"
    );
    let consumed = replicate::<Copy, _>(&broker, || Sqlite::establish(db.url())).await;
    assert_eq!((consumed.applied, consumed.duplicates), (32, 0));
}

#[tokio::test]
async fn a_relay_publishes_to_it() {
    let (db, mut conn) = database();
    let (copies, _conn) = database();
    let mut ticket = Ticket::new(7, 20, 0);
    ticket.insert(&mut conn).unwrap();
    ticket.price = 25;
    ticket.save(&mut conn).unwrap();
    let broker = MemoryBroker::new();
    let mut conn = Sqlite::establish(db.url()).await.unwrap();
    let pass = Relay::new(broker.clone()).run_once_async(&mut conn).await;
    assert_eq!(pass.unwrap().published, 2);
    let connect = || Sqlite::establish(copies.url());
    let consumed = replicate::<Copy, _>(&broker, connect).await;
    assert_eq!(consumed.applied, 2);
    assert_eq!(rows(&mut copies.connect()), [(7, 25, 2)]);
}

/// Runs `test` beside a consumer of the replica.
async fn beside<M>(broker: &MemoryBroker, db: &sqlite::Db, test: impl Future<Output = ()>)
where
    M: Dependent<sqlite::Backend> + DeserializeOwned,
{
    let consumer = broker.consumer().concurrency(1);
    let connect = || Sqlite::establish(db.url());
    tokio::select! {
        ended = consumer.replicate::<M, _>(connect, pending::<()>()) => panic!("{ended:?}"),
        () = test => {}
    }
}

#[tokio::test]
async fn settle_waits_until_everything_is_applied() {
    let (db, mut conn) = database();
    let broker = MemoryBroker::unreliable(5);
    send(&broker);
    beside::<Parking>(&broker, &db, async {
        let conn = &mut Sqlite::establish(db.url()).await.unwrap();
        broker.settle::<Parking, _>(LATE, conn).await.unwrap();
    })
    .await;
    assert_eq!(rows(&mut conn), LAST);
}

/// Waits until this is what is missing. A slow machine needs more than one attempt.
async fn misses<M>(broker: &MemoryBroker, db: &sqlite::Db, missing: &str)
where
    M: Dependent<sqlite::Backend> + DeserializeOwned,
{
    let first = "wait longer, or find out what is missing: `tickets` is not settled after 50ms\n";
    let expected = format!("{first}{missing}");
    beside::<M>(broker, db, async {
        let conn = &mut Sqlite::establish(db.url()).await.unwrap();
        let end = Instant::now() + LATE;
        loop {
            let settled = broker.settle::<M, _>(Duration::from_millis(50), conn).await;
            let failure = settled.unwrap_err().to_string();
            if failure == expected {
                break;
            }
            assert!(Instant::now() < end, "{failure}");
        }
    })
    .await;
}

#[tokio::test]
async fn settle_says_what_is_missing() {
    let (db, _conn) = database();
    let broker = MemoryBroker::new();
    broker.send(&Event::created(Copy::new(7, 20, 1))).unwrap();
    broker.send(&Event::updated(Copy::new(7, 30, 3))).unwrap();
    broker.send(&Event::updated(Copy::new(8, 30, 2))).unwrap();
    let missing = "not acknowledged: tickets/7/3 updated, the replica is at version 1
not acknowledged: tickets/8/2 updated, the replica does not have the record
";
    misses::<Copy>(&broker, &db, missing).await;

    let (db, _conn) = database();
    let broker = MemoryBroker::new();
    broker.send(&Event::created(Copy::new(7, 20, 1))).unwrap();
    broker.send(&Event::updated(Copy::new(7, 30, 3))).unwrap();
    broker.send_message(&Message::new(Binding::Nats, "tickets", Some(b"no event")));
    let missing = "parked: record 7 is at version 1, and 1 events from version 3 on wait
dead letter: 1 memory:3: expected ident at line 1 column 2
";
    misses::<Parking>(&broker, &db, missing).await;
}

/// `run` has no place for it: waiting would not help.
#[tokio::test]
async fn settle_does_not_wait_after_a_rejection() {
    let (db, _conn) = database();
    let broker = MemoryBroker::new();
    broker.send_message(&Message::new(Binding::Nats, "tickets", Some(b"no event")));
    broker.send(&Event::updated(Copy::new(7, 30, 3))).unwrap();
    let mut conn = Sqlite::establish(db.url()).await.unwrap();
    let consumer = broker.consumer();
    let handle = async |_: Event<Copy>| {
        Ok(Outcome::Gap {
            current: 0,
            received: 3,
        })
    };
    let failure = tokio::select! {
        ended = consumer.run(handle, pending::<()>()) => panic!("{ended:?}"),
        settled = broker.settle::<Copy, _>(LATE, &mut conn) => settled.unwrap_err(),
    };
    assert_eq!(
        failure.to_string(),
        "wait longer, or find out what is missing: `tickets` is not settled after 60s
not acknowledged: tickets/7/3 updated, the replica does not have the record
rejected: message 1: no event
"
    );
}
