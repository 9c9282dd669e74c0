//! A tickets service writes, an orders service keeps copies, each with a database of its own: outbox, relay, broker, replica.
//!
//! ```sh
//! cargo run --example two_services --features async
//! ```
//!
//! runs both in one process, on temporary `SQLite` files. The relay writes to the replica itself, without a broker: nothing to
//! install, nothing left behind.
//!
//! ```sh
//! cargo run --example two_services --features nats,postgres -- --nats nats://localhost \
//!     --tickets-db postgres://localhost/tickets --orders-db postgres://localhost/orders
//! ```
//!
//! runs the same code as two processes, on PostgreSQL and JetStream. The tables are made if they are not there; another run
//! goes on from the versions of the last one.

#![allow(missing_docs, clippy::print_stdout, reason = "an example that talks")]

use std::error::Error as StdError;
use std::fmt::Display;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, SimpleAsyncConnection as _};
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use versioned_core::MIGRATIONS;
use versioned_core::async_prelude::*;
use versioned_core::direct::DirectPublisher;
use versioned_core::outbox::{self, Publisher, Relay, Shutdown};

type Result<T, E = Box<dyn StdError + Send + Sync>> = std::result::Result<T, E>;
type Sqlite = SyncConnectionWrapper<SqliteConnection>;

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

/// The orders service keeps copies of them, with what it needs.
#[derive(Debug, Clone, Queryable, Selectable, Deserialize, Versioned)]
#[diesel(table_name = ticket_copies)]
#[versioned(dependent, entity = "tickets")]
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

// One process, two SQLite files, no broker.

async fn open(file: &Path) -> Result<Sqlite> {
    let file = file
        .to_str()
        .ok_or("the path of the temporary directory is not UTF-8")?;
    let mut conn = Sqlite::establish(file).await?;
    conn.batch_execute("PRAGMA busy_timeout = 5000").await?;
    Ok(conn)
}

fn create(file: &Path, ddl: &str) -> Result<()> {
    let file = file
        .to_str()
        .ok_or("the path of the temporary directory is not UTF-8")?;
    let mut conn = SqliteConnection::establish(file)?;
    // The file remembers it: who reads does not wait for who writes.
    diesel::sql_query("PRAGMA journal_mode = WAL").execute(&mut conn)?;
    diesel::sql_query(ddl).execute(&mut conn)?;
    conn.run_pending_migrations(MIGRATIONS)?;
    Ok(())
}

async fn in_one_process() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (tickets, orders) = (
        directory.path().join("tickets.db"),
        directory.path().join("orders.db"),
    );
    create(&tickets, TICKETS)?;
    create(&orders, COPIES)?;
    println!("Two services in one process, on SQLite, without a broker:");
    let file = orders.clone();
    let connect = move || {
        let file = file.clone();
        async move { open(&file).await }
    };
    let publisher = DirectPublisher::new().replica_async::<TicketCopy, _, _, _>(connect);
    let file = tickets.clone();
    let tickets_service =
        tokio::spawn(async move { tickets_service(publisher, || open(&file)).await });
    let is_done = || Ok(tickets_service.is_finished());
    watch(
        &mut open(&tickets).await?,
        &mut open(&orders).await?,
        is_done,
    )
    .await?;
    tickets_service.await?
}

// Two processes, PostgreSQL, JetStream.

#[cfg(all(feature = "nats", feature = "postgres"))]
mod processes {
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    use async_nats::jetstream::{self, stream};
    use diesel_async::{AsyncMigrationHarness, AsyncPgConnection};
    use versioned_core::nats::{JetStreamConsumer, JetStreamPublisher};

    use super::*;

    /// What the command line says.
    pub(crate) struct Options {
        pub(crate) nats: String,
        pub(crate) tickets_db: String,
        pub(crate) orders_db: String,
    }

    impl Options {
        /// Starts this program again, as one of the services.
        fn start(&self, service: &str) -> Result<std::process::Child> {
            let child = Command::new(std::env::current_exe()?)
                .args([service, "--nats", &self.nats])
                .args(["--tickets-db", &self.tickets_db])
                .args(["--orders-db", &self.orders_db])
                .stdin(Stdio::piped())
                .spawn()?;
            Ok(child)
        }

        async fn events(&self) -> Result<(jetstream::Context, stream::Stream)> {
            let context = jetstream::new(async_nats::connect(&self.nats).await?);
            let stream = context
                .get_or_create_stream(stream::Config {
                    name: "EVENTS".to_owned(),
                    subjects: vec!["events.>".to_owned()],
                    ..stream::Config::default()
                })
                .await?;
            Ok((context, stream))
        }
    }

    pub(crate) async fn tickets(options: Options) -> Result<()> {
        let (context, _) = options.events().await?;
        let publisher = JetStreamPublisher::new(context, "events");
        tickets_service(publisher, || {
            AsyncPgConnection::establish(&options.tickets_db)
        })
        .await
    }

    /// Until its stdin is closed.
    pub(crate) async fn orders(options: Options) -> Result<()> {
        let (_, stream) = options.events().await?;
        let consumer = JetStreamConsumer::durable(&stream, "orders", "events.tickets.*")
            .await?
            .on_problem(|problem| println!("  orders       {problem}"));
        let shutdown = Shutdown::new();
        let stop = shutdown.clone();
        std::thread::spawn(move || {
            std::io::stdin().read_to_end(&mut Vec::new()).ok();
            stop.stop();
        });
        let connect = || AsyncPgConnection::establish(&options.orders_db);
        let figures = consumer
            .replicate::<TicketCopy, _>(connect, shutdown)
            .await?;
        println!(
            "  orders       {} applied, {} duplicates, {} redelivered because of a gap",
            figures.applied, figures.duplicates, figures.gaps
        );
        Ok(())
    }

    async fn create(url: &str, ddl: &str) -> Result<AsyncPgConnection> {
        let mut conn = AsyncPgConnection::establish(url).await?;
        conn.batch_execute(ddl).await?;
        let mut harness = AsyncMigrationHarness::new(conn);
        harness.run_pending_migrations(MIGRATIONS)?;
        Ok(harness.into_inner())
    }

    pub(crate) async fn both(options: Options) -> Result<()> {
        let mut owner = create(&options.tickets_db, TICKETS).await?;
        let mut replica = create(&options.orders_db, COPIES).await?;
        // Made by one of them, used by both.
        options.events().await?;
        println!("Two services as two processes, on PostgreSQL and JetStream:");
        let mut orders = options.start("orders")?;
        let mut tickets = options.start("tickets")?;
        let is_done = || match tickets.try_wait()? {
            None => Ok(false),
            Some(status) if status.success() => Ok(true),
            Some(status) => Err(format!("the tickets service failed: {status}").into()),
        };
        let watched = watch(&mut owner, &mut replica, is_done).await;
        tickets.kill().ok();
        tickets.wait()?;
        drop(orders.stdin.take());
        orders.wait()?;
        watched
    }
}

/// `two_services [tickets | orders] --nats URL --tickets-db URL --orders-db URL`, or nothing.
#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.peek().is_none() {
        return in_one_process().await;
    }
    with_arguments(arguments).await
}

#[cfg(all(feature = "nats", feature = "postgres"))]
async fn with_arguments(arguments: impl Iterator<Item = String>) -> Result<()> {
    let (mut service, mut nats, mut tickets_db, mut orders_db) = (None, None, None, None);
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let place = match argument.as_str() {
            "--nats" => &mut nats,
            "--tickets-db" => &mut tickets_db,
            "--orders-db" => &mut orders_db,
            _ => {
                service = Some(argument);
                continue;
            }
        };
        *place = Some(arguments.next().ok_or("the last option has no URL")?);
    }
    let options = processes::Options {
        nats: nats.ok_or("--nats URL is missing")?,
        tickets_db: tickets_db.ok_or("--tickets-db URL is missing")?,
        orders_db: orders_db.ok_or("--orders-db URL is missing")?,
    };
    match service.as_deref() {
        None => processes::both(options).await,
        Some("tickets") => processes::tickets(options).await,
        Some("orders") => processes::orders(options).await,
        Some(other) => {
            Err(format!("unknown service `{other}`, expected `tickets` or `orders`").into())
        }
    }
}

#[cfg(not(all(feature = "nats", feature = "postgres")))]
#[allow(clippy::unused_async, reason = "as the one with the features")]
async fn with_arguments(_: impl Iterator<Item = String>) -> Result<()> {
    Err("arguments require `--features nats,postgres`".into())
}
