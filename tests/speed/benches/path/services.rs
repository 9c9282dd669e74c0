//! The owner and the replica: their models, their databases, and the stream between them.

use std::future::Future;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context, stream};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, NoTls};
use versioned_core::prelude::{OwnerDsl as _, Versioned};
use versioned_core::{Event, MIGRATIONS, Op};
use versioned_tests::nats::Broker;
use versioned_tests::postgres::Db;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        price -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    ticket_copies {
        id -> BigInt,
        title -> Text,
        price -> BigInt,
        version -> BigInt,
    }
}

const TICKETS: &str = "CREATE TABLE tickets (
    id BIGINT PRIMARY KEY, title TEXT NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL
)";
const COPIES: &str = "CREATE TABLE ticket_copies (
    id BIGINT PRIMARY KEY, title TEXT NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL
)";

#[derive(Debug, Clone, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
pub(crate) struct Ticket {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) price: i64,
    pub(crate) version: i64,
}

impl Ticket {
    /// A ticket that is not in a database yet. Its price equals its version, also later.
    pub(crate) fn new(id: i64) -> Self {
        Self {
            id,
            title: format!("concert {id}"),
            price: 1,
            version: 0,
        }
    }
}

macro_rules! replicas {
    ($($(#[$attribute:meta])* $name:ident;)*) => {$(
        #[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = ticket_copies)]
        $(#[$attribute])*
        pub(crate) struct $name {
            pub(crate) id: i64,
            pub(crate) title: String,
            pub(crate) price: i64,
            pub(crate) version: i64,
        }

        impl From<Ticket> for $name {
            fn from(ticket: Ticket) -> Self {
                let Ticket { id, title, price, version } = ticket;
                Self { id, title, price, version }
            }
        }
    )*};
}

replicas! {
    #[versioned(dependent, entity = "tickets")]
    Sequential;
    #[versioned(dependent, entity = "tickets", gap = "park")]
    Parking;
    #[versioned(dependent, entity = "tickets", policy = "latest")]
    Latest;
}

/// The event that gives a ticket this version.
pub(crate) fn event<T>(id: i64, version: i64, data: impl FnOnce(Ticket) -> T) -> Event<T> {
    let ticket = Ticket {
        price: version,
        version,
        ..Ticket::new(id)
    };
    Event {
        entity: "tickets".into(),
        key: id.to_string(),
        version,
        op: if version == 1 {
            Op::Created
        } else {
            Op::Updated
        },
        at: "2026-11-23T05:10:00.000Z".to_owned(),
        data: Some(data(ticket)),
        trace: None,
        metadata: None,
    }
}

/// The same as JSON, as the owner sends it.
pub(crate) fn json(id: i64, version: i64) -> String {
    serde_json::to_string(&event(id, version, |ticket| ticket)).unwrap()
}

/// An owner's database, without rows.
pub(crate) fn owner() -> Db {
    migrated(TICKETS)
}

/// Inserts tickets, with their events.
pub(crate) fn insert(tickets: &mut [Ticket], owner: &Db) {
    Ticket::insert_all(tickets, &mut owner.connect()).unwrap();
}

/// A replica's database, without rows.
pub(crate) fn replica() -> Db {
    migrated(COPIES)
}

fn migrated(ddl: &str) -> Db {
    let db = Db::fresh(ddl);
    db.connect().run_pending_migrations(MIGRATIONS).unwrap();
    db
}

/// What opens connections to this database, for a relay or a consumer.
pub(crate) fn connect(
    db: &Db,
) -> impl Fn() -> futures_util::future::BoxFuture<'static, ConnectionResult<AsyncPgConnection>>
+ Send
+ Sync
+ 'static {
    let url = db.url().to_owned();
    move || {
        let url = url.clone();
        Box::pin(async move { AsyncPgConnection::establish(&url).await })
    }
}

/// A connection of tokio-postgres.
pub(crate) async fn client(db: &Db) -> Client {
    let (client, connection) = tokio_postgres::connect(db.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A connection to the broker.
pub(crate) async fn jetstream(broker: &Broker) -> Context {
    jetstream::new(async_nats::connect(broker.url()).await.unwrap())
}

/// A new stream of everything below `name`.
pub(crate) async fn stream(context: &Context, name: &str) -> stream::Stream {
    let config = stream::Config {
        name: name.to_owned(),
        subjects: vec![format!("{name}.>")],
        ..stream::Config::default()
    };
    context.create_stream(config).await.unwrap()
}

/// How long something may take that is bound to happen.
const STUCK: Duration = Duration::from_mins(1);

/// Waits until `done` answers, and fails if that takes too long.
pub(crate) async fn until<T>(what: &str, mut done: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + STUCK;
    loop {
        if let Some(value) = done().await {
            return value;
        }
        assert!(Instant::now() < end, "not within {STUCK:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Fails if a future takes too long.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(STUCK, future)
        .await
        .unwrap_or_else(|_| unreachable!("not within {STUCK:?}: {what}"))
}

/// The versions of the servers.
pub(crate) async fn versions(broker: &Broker) -> String {
    let db = Db::fresh("");
    let row = client(&db)
        .await
        .query_one("SELECT current_setting('server_version')", &[])
        .await
        .unwrap();
    let postgres: String = row.get(0);
    let nats = async_nats::connect(broker.url()).await.unwrap();
    format!(
        "PostgreSQL {}, nats-server {}",
        // What follows the number is the packager's.
        postgres.split(' ').next().unwrap_or_default(),
        nats.server_info().version
    )
}

/// Makes writes to the outbox of this database notify.
pub(crate) fn notify(db: &Db) {
    let mut conn = db.connect();
    for statement in versioned_core::notify_trigger().up {
        conn.batch_execute(&statement).unwrap();
    }
}
