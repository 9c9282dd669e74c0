//! The processes of the soak: writers and relays of an owner, consumers of a dependent.

use std::collections::HashSet;
use std::error::Error as StdError;
use std::io::Read as _;
use std::thread;
use std::time::Duration;

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::Pool;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use versioned_core::async_prelude::AsyncConnection as _;
use versioned_core::consumer::{Consumer, Source};
use versioned_core::outbox::{Publisher, Relay};
use versioned_core::prelude::{Dependent, OwnerDsl as _, Versioned};
use versioned_core::{Error, Event, OptionalExt as _, Result};

use crate::applied::apply_and_note;

/// The owner's tables.
pub const TICKETS: &str =
    "CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL);";

/// The dependent's tables. `applied` has a row for each time that an event was applied.
pub const COPIES: &str = "
    CREATE TABLE copies (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL);
    CREATE TABLE applied (key TEXT NOT NULL, version BIGINT NOT NULL);
";

#[allow(missing_docs, reason = "`table!` has no docs")]
mod schema {
    diesel::table! {
        tickets {
            id -> BigInt,
            price -> BigInt,
            version -> BigInt,
        }
    }

    diesel::table! {
        copies {
            id -> BigInt,
            price -> BigInt,
            version -> BigInt,
        }
    }
}
use schema::{copies, tickets};

#[cfg(feature = "nats")]
pub mod jetstream;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
mod sides;

pub use self::sides::Sides;

#[derive(Debug, Clone, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox, tombstones)]
struct Ticket {
    id: i64,
    price: i64,
    version: i64,
}

#[derive(Debug, Clone, Queryable, Selectable, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "tickets")]
struct Copy {
    id: i64,
    price: i64,
    version: i64,
}

#[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "tickets", gap = "park")]
struct Parking {
    id: i64,
    price: i64,
    version: i64,
}

/// A deployment that is wrong: no event has this field.
#[derive(Debug, Clone, Queryable, Selectable, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "tickets")]
struct Wrong {
    id: i64,
    #[serde(rename = "amount")]
    price: i64,
    version: i64,
}

/// How a consumer applies events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// With a closure. Events that come too early are delivered again.
    Nack,
    /// With a closure. Events that come too early are parked.
    Park,
    /// In batches, with dead letters.
    Batches,
    /// The same, of a deployment that can read no event.
    Wrong,
}

impl Form {
    const ALL: [(Self, &str); 4] = [
        (Self::Nack, "nack"),
        (Self::Park, "park"),
        (Self::Batches, "batches"),
        (Self::Wrong, "wrong"),
    ];

    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(form, _)| *form == self);
        found.map_or("", |(_, name)| name)
    }

    fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, own)| *own == name);
        found.map(|(form, _)| *form)
    }
}

/// What must not happen.
pub type Failure = Box<dyn StdError + Send + Sync>;

/// What a process of the soak is.
#[derive(Debug, Clone)]
pub enum Role {
    /// Writes this many records, in any order, without end.
    Writer {
        /// The owner's database.
        tickets: String,
        /// How many.
        records: i64,
        /// Where its dice start.
        seed: u64,
    },
    /// Publishes the owner's events.
    Relay {
        /// The owner's database.
        tickets: String,
        /// The URL of the broker.
        broker: String,
    },
    /// Applies them to the replica.
    Consumer {
        /// The dependent's database.
        orders: String,
        /// The URL of the broker.
        broker: String,
        /// How.
        form: Form,
    },
}

impl Role {
    /// The arguments of its process.
    pub fn arguments(&self) -> Vec<String> {
        match self {
            Self::Writer {
                tickets,
                records,
                seed,
            } => vec![
                "writer".into(),
                tickets.clone(),
                records.to_string(),
                seed.to_string(),
            ],
            Self::Relay { tickets, broker } => {
                vec!["relay".into(), tickets.clone(), broker.clone()]
            }
            Self::Consumer {
                orders,
                broker,
                form,
            } => vec![
                "consumer".into(),
                orders.clone(),
                broker.clone(),
                form.name().into(),
            ],
        }
    }

    /// The role that the arguments of this process name.
    pub fn of_this_process() -> Option<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match arguments[..] {
            ["writer", tickets, records, seed] => Some(Self::Writer {
                tickets: tickets.into(),
                records: records.parse().ok()?,
                seed: seed.parse().ok()?,
            }),
            ["relay", tickets, broker] => Some(Self::Relay {
                tickets: tickets.into(),
                broker: broker.into(),
            }),
            ["consumer", orders, broker, form] => Some(Self::Consumer {
                orders: orders.into(),
                broker: broker.into(),
                form: Form::named(form)?,
            }),
            _ => None,
        }
    }

    /// Does what the role is, until the process is killed or its stdin is closed.
    ///
    /// # Errors
    ///
    /// What must not happen.
    pub fn play(self) -> Result<(), Failure> {
        thread::spawn(|| {
            // A test that is killed does not leave its processes behind.
            std::io::stdin().read_to_end(&mut Vec::new()).ok();
            std::process::exit(0);
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        match self {
            Self::Writer {
                tickets,
                records,
                seed,
            } => write(&tickets, records, Dice(seed)),
            Self::Relay { tickets, broker } => runtime.block_on(relay(&tickets, &broker)),
            Self::Consumer {
                orders,
                broker,
                form,
            } => runtime.block_on(consumer(form, &orders, &broker)),
        }
    }
}

/// A generator of its own for each seed.
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Creates, updates and deletes; those that it loses to the other writer it leaves to it.
fn write(url: &str, records: i64, mut dice: Dice) -> Result<(), Failure> {
    let mut conn = PgConnection::establish(url)?;
    let there: HashSet<i64> = tickets::table
        .select(tickets::id)
        .load(&mut conn)?
        .into_iter()
        .collect();
    for id in (1..=records).filter(|id| !there.contains(id)) {
        lost_to_the_other(one_write(id, &mut dice, &mut conn))?;
    }
    let bound = records.unsigned_abs();
    loop {
        let id = 1 + i64::try_from(dice.below(bound))?;
        lost_to_the_other(one_write(id, &mut dice, &mut conn))?;
        thread::sleep(Duration::from_micros(dice.below(14_000)));
    }
}

/// A conflict, or the other one was first to create it.
fn lost_to_the_other(written: Result<()>) -> Result<()> {
    match written {
        Err(error) if error.is_conflict() => Ok(()),
        Err(Error::Database(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))) => {
            Ok(())
        }
        written => written,
    }
}

fn find(id: i64, conn: &mut PgConnection) -> Result<Option<Ticket>> {
    <Ticket as versioned_core::prelude::OwnerDsl>::find(&id, conn).optional()
}

fn one_write(id: i64, dice: &mut Dice, conn: &mut PgConnection) -> Result<()> {
    let price = i64::try_from(dice.below(1_000_000)).map_err(Error::other)?;
    let Some(mut ticket) = find(id, conn)? else {
        let mut ticket = Ticket {
            id,
            price,
            version: 0,
        };
        return ticket.insert(conn).map(drop);
    };
    if dice.below(4) == 0 {
        return ticket.delete(conn).map(drop);
    }
    ticket.price = price;
    ticket.save(conn).map(drop)
}

fn unknown(broker: &str) -> Failure {
    format!("{broker} names no broker that is switched on").into()
}

async fn relay(tickets: &str, broker: &str) -> Result<(), Failure> {
    match broker.split("://").next() {
        #[cfg(feature = "nats")]
        Some("nats") => publish(tickets, jetstream::publisher(broker).await).await,
        #[cfg(feature = "kafka")]
        Some("kafka") => publish(tickets, kafka::publisher(broker)?).await,
        #[cfg(feature = "rabbitmq")]
        Some("amqp") => publish(tickets, rabbitmq::publisher(broker)?).await,
        _ => return Err(unknown(broker)),
    }
    Ok(())
}

async fn publish(tickets: &str, publisher: impl Publisher) {
    let relay = Relay::new(publisher)
        .batch(50)
        .timeout(Duration::from_secs(10))
        .backoff(Duration::from_millis(100), Duration::from_secs(1))
        .poll(Duration::from_millis(50), Duration::from_millis(500));
    let connect = || AsyncPgConnection::establish(tickets);
    relay.run_async(connect, std::future::pending::<()>()).await;
}

async fn consumer(form: Form, orders: &str, broker: &str) -> Result<(), Failure> {
    match broker.split("://").next() {
        #[cfg(feature = "nats")]
        Some("nats") => Box::pin(receive(form, orders, jetstream::consumer(broker).await)).await,
        #[cfg(feature = "kafka")]
        Some("kafka") => Box::pin(receive(form, orders, kafka::consumer(broker)?)).await,
        #[cfg(feature = "rabbitmq")]
        Some("amqp") => Box::pin(receive(form, orders, rabbitmq::consumer(broker)?)).await,
        _ => Err(unknown(broker)),
    }
}

async fn receive<S: Source>(
    form: Form,
    orders: &str,
    consumer: Consumer<S>,
) -> Result<(), Failure> {
    let consumer = consumer
        .concurrency(4)
        .redelivery(Duration::from_millis(50), Duration::from_secs(1))
        .redrive_every(Duration::from_secs(1));
    match form {
        Form::Nack => consume::<Copy, S>(orders, consumer).await,
        Form::Park => consume::<Parking, S>(orders, consumer).await,
        Form::Batches => replicate::<Copy, S>(orders, consumer).await,
        Form::Wrong => replicate::<Wrong, S>(orders, consumer).await,
    }
}

fn pool(orders: &str) -> Result<Pool<AsyncPgConnection>, Failure> {
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(orders);
    Ok(Pool::builder(manager).max_size(4).build()?)
}

async fn replicate<M, S>(orders: &str, consumer: Consumer<S>) -> Result<(), Failure>
where
    M: Dependent<diesel::pg::Pg> + DeserializeOwned + 'static,
    S: Source,
{
    let pool = pool(orders)?;
    let never = std::future::pending::<()>();
    consumer.replicate::<M, _>(|| pool.get(), never).await?;
    Ok(())
}

async fn consume<M, S>(orders: &str, consumer: Consumer<S>) -> Result<(), Failure>
where
    M: Dependent<diesel::pg::Pg> + DeserializeOwned + 'static,
    S: Source,
{
    let pool = pool(orders)?;
    let handle = async |event: Event<M>| {
        let mut conn = pool.get().await.map_err(Error::other)?;
        apply_and_note(&event, &mut conn).await
    };
    consumer.run(handle, std::future::pending::<()>()).await?;
    Ok(())
}
