//! A tickets service writes, an orders service keeps copies. Each has a database of its own: outbox,
//! relay, broker, replica.
//!
//! ```sh
//! cargo run --example two_services --features async
//! ```
//!
//! runs both in one process, on temporary `SQLite` files. The relay writes to the replica itself,
//! without a broker: nothing to install, nothing left behind.
//!
//! ```sh
//! cargo run --example two_services --features nats -- --nats nats://localhost \
//!     --tickets-db postgres://localhost/tickets --orders-db postgres://localhost/orders
//! ```
//!
//! runs the same code as two processes, on `PostgreSQL` and JetStream. With `--features kafka` and
//! `--kafka localhost:9092`, or `--features rabbitmq` and `--rabbitmq amqp://localhost/%2f`, it runs
//! on another broker. All that differs is in `nats.rs`, `kafka.rs` and `rabbitmq.rs`. The tables,
//! and what the broker needs, are created if they do not exist. Another run continues from the
//! versions of the last one.

#![allow(missing_docs, clippy::print_stdout, reason = "an example that talks")]

use std::error::Error as StdError;
use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::AsyncConnection;
use serde::{Deserialize, Serialize};
use versioned_core::async_prelude::*;
use versioned_core::outbox::{self, Publisher, Relay, Shutdown};

mod embedded;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;
#[cfg(any(feature = "nats", feature = "kafka", feature = "rabbitmq"))]
mod processes;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;

type Result<T, E = Box<dyn StdError + Send + Sync>> = std::result::Result<T, E>;

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
        price -> BigInt,
        version -> BigInt,
    }
}

const TICKETS: &str = "CREATE TABLE IF NOT EXISTS tickets
    (id BIGINT PRIMARY KEY, title TEXT NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL)";
const COPIES: &str = "CREATE TABLE IF NOT EXISTS ticket_copies
    (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)";

/// The tickets service owns tickets. Each write writes its event, too; an id may be used again after a deletion.
#[derive(Debug, Clone, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox, tombstones)]
struct Ticket {
    id: i64,
    title: String,
    price: i64,
    version: i64,
}

/// The orders service keeps copies of them, with what it needs. `gap = "park"` suits every broker:
/// an early event waits in the database, because Kafka does not deliver it again.
#[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = ticket_copies)]
#[versioned(dependent, entity = "tickets", gap = "park")]
struct TicketCopy {
    id: i64,
    price: i64,
    version: i64,
}

const ON_SALE: i64 = 20;
const WRITES: u64 = 600;

/// The tickets service: it writes, its relay publishes, and it ends when all is published.
async fn tickets_service<C, E, F>(
    publisher: impl Publisher,
    connect: impl Fn() -> F + Send + Sync,
) -> Result<()>
where
    F: Future<Output = Result<C, E>> + Send,
    E: Display + Send + Into<Box<dyn StdError + Send + Sync>>,
    C: AsyncConnection,
    C::Backend: outbox::SupportedBackend,
    Ticket: Owner<C::Backend>,
{
    let relay = Relay::new(publisher)
        .poll(Duration::from_millis(50), Duration::from_millis(500))
        .on_problem(|problem| println!("  relay        {problem}"));
    let shutdown = Shutdown::new();
    let work = async {
        let mut conn = connect().await.map_err(Into::into)?;
        write(&mut conn).await?;
        while outbox::Lag::load_async(&mut conn).await?.pending > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        shutdown.stop();
        Ok(())
    };
    let (worked, totals) = tokio::join!(work, relay.run_async(&connect, shutdown.clone()));
    println!(
        "  relay        {} events published in {} batches",
        totals.published, totals.passes
    );
    worked
}

/// Puts tickets on sale, changes their prices, takes them off sale, and puts them on sale again.
async fn write<C>(conn: &mut C) -> Result<()>
where
    C: AsyncConnection,
    Ticket: Owner<C::Backend>,
{
    let mut dice = Dice(7);
    for _ in 0..WRITES {
        let id = 1 + dice.throw(ON_SALE);
        match Ticket::find(&id, conn).await.optional()? {
            None => {
                let mut ticket = Ticket {
                    id,
                    title: format!("show {id}"),
                    price: 10 * id,
                    version: 0,
                };
                ticket.insert(conn).await?;
            }
            Some(mut ticket) if dice.throw(8) == 0 => {
                ticket.delete(conn).await?;
            }
            Some(mut ticket) => {
                ticket.price += dice.throw(9) - 4;
                ticket.save(conn).await?;
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Compares both sides, again and again, until the writers are done and nothing differs.
async fn watch<O, R>(
    owner: &mut O,
    replica: &mut R,
    mut is_done: impl FnMut() -> Result<bool>,
) -> Result<()>
where
    O: AsyncConnection,
    O::Backend: outbox::SupportedBackend,
    Ticket: Owner<O::Backend>,
    R: AsyncConnection,
    TicketCopy: Dependent<R::Backend>,
{
    for _ in 0..600 {
        let done = is_done()?;
        let lag = outbox::Lag::load_async(owner).await?;
        let rows = compare(owner, replica).await?;
        let same = rows.iter().filter(|row| row.0 == row.1).count();
        println!(
            "  {same:>2} of {ON_SALE} tickets are the same on both sides, {:>3} pending in the outbox",
            lag.pending
        );
        if done && lag.pending == 0 && rows.iter().all(|(original, copy)| original == copy) {
            return show(&rows);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Err("the replicas did not converge to the originals".into())
}

type Facts = Option<(i64, i64)>;

/// `(price, version)` of each ticket, as the owner has it and as the replica has it.
async fn compare<O, R>(owner: &mut O, replica: &mut R) -> Result<Vec<(Facts, Facts)>>
where
    O: AsyncConnection,
    Ticket: Owner<O::Backend>,
    R: AsyncConnection,
    TicketCopy: Dependent<R::Backend>,
{
    let mut rows = Vec::new();
    for id in 1..=ON_SALE {
        let original = Ticket::find(&id, owner).await.optional()?;
        let copy = TicketCopy::find(&id, replica).await.optional()?;
        rows.push((
            original.map(|ticket| (ticket.price, ticket.version)),
            copy.map(|copy| (copy.price, copy.version)),
        ));
    }
    Ok(rows)
}

fn show(rows: &[(Facts, Facts)]) -> Result<()> {
    println!("\nBoth sides, row by row:");
    let text = |facts: &Facts| match facts {
        Some((price, version)) => format!("{price:>4} €   version {version:<4}"),
        None => "no row".to_owned(),
    };
    for (id, (original, copy)) in (1..).zip(rows) {
        let same = if original == copy {
            "the same"
        } else {
            "DIFFERENT"
        };
        println!(
            "  ticket {id:<3} {:<22} {:<22} {same}",
            text(original),
            text(copy)
        );
    }
    if rows.iter().any(|(original, copy)| original != copy) {
        return Err("the replicas differ from the originals".into());
    }
    Ok(())
}

/// Any numbers, but the same ones at each run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        i64::try_from(self.0 >> 33).unwrap_or(0) % sides
    }
}

/// `two_services [tickets | orders] BROKER --tickets-db URL --orders-db URL`, or nothing, where
/// `BROKER` is `--nats URL`, `--kafka HOST:PORT` or `--rabbitmq URL`.
#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        return embedded::run().await;
    }
    let is_broker = |argument: &&str| matches!(*argument, "--nats" | "--kafka" | "--rabbitmq");
    match arguments.iter().map(String::as_str).find(is_broker) {
        #[cfg(feature = "nats")]
        Some("--nats") => Box::pin(processes::run::<nats::Nats>("--nats", &arguments)).await,
        #[cfg(feature = "kafka")]
        Some("--kafka") => Box::pin(processes::run::<kafka::Kafka>("--kafka", &arguments)).await,
        #[cfg(feature = "rabbitmq")]
        Some("--rabbitmq") => {
            Box::pin(processes::run::<rabbitmq::RabbitMq>(
                "--rabbitmq",
                &arguments,
            ))
            .await
        }
        Some(option) => {
            let feature = option.trim_start_matches('-');
            Err(format!("{option} requires `--features {feature}`").into())
        }
        None => Err("--nats URL, --kafka HOST:PORT or --rabbitmq URL is missing".into()),
    }
}
