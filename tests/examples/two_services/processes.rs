//! Two processes, two `PostgreSQL` databases, a broker.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use diesel_async::{
    AsyncConnection as _, AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection as _,
};
use diesel_migrations::MigrationHarness as _;
use versioned_core::MIGRATIONS;
use versioned_core::consumer::{Consumer, Source};
use versioned_core::outbox::{Publisher, Shutdown};

use super::{COPIES, Result, TICKETS, TicketCopy, tickets_service, watch};

/// Everything that differs from broker to broker.
pub(crate) trait Broker {
    const NAME: &str;

    /// Creates what both services need, if it does not exist.
    async fn create(url: &str) -> Result<()>;

    /// For the relay of the tickets service.
    async fn publisher(url: &str) -> Result<impl Publisher>;

    /// For the replica of the orders service.
    async fn consumer(url: &str) -> Result<Consumer<impl Source>>;
}

/// Starts both services, or is one of them.
pub(crate) async fn run<B: Broker>(option: &str, arguments: &[String]) -> Result<()> {
    let value = |option: &str| {
        let mut values = arguments.iter().skip_while(|argument| *argument != option);
        let value = values.nth(1);
        value.ok_or_else(|| format!("{option} URL is missing"))
    };
    let broker = value(option)?;
    let (tickets_db, orders_db) = (value("--tickets-db")?, value("--orders-db")?);
    match arguments.first().map(String::as_str) {
        Some("tickets") => tickets::<B>(broker, tickets_db).await,
        Some("orders") => orders::<B>(broker, orders_db).await,
        Some(service) if !service.starts_with("--") => {
            Err(format!("unknown service `{service}`, expected `tickets` or `orders`").into())
        }
        _ => {
            B::create(broker).await?;
            let start = |service: &str| start(service, arguments);
            both(B::NAME, tickets_db, orders_db, start).await
        }
    }
}

async fn tickets<B: Broker>(broker: &str, database: &str) -> Result<()> {
    let publisher = B::publisher(broker).await?;
    tickets_service(publisher, || AsyncPgConnection::establish(database)).await
}

/// Until its stdin is closed.
async fn orders<B: Broker>(broker: &str, database: &str) -> Result<()> {
    let consumer = B::consumer(broker)
        .await?
        .on_problem(|problem| println!("  orders       {problem}"));
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    std::thread::spawn(move || {
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        stop.stop();
    });
    let connect = || AsyncPgConnection::establish(database);
    let figures = consumer
        .replicate::<TicketCopy, _>(connect, shutdown)
        .await?;
    println!(
        "  orders       {} applied, {} parked before, {} duplicates",
        figures.applied, figures.parked, figures.duplicates
    );
    Ok(())
}

async fn both(
    broker: &str,
    tickets_db: &str,
    orders_db: &str,
    start: impl Fn(&str) -> Result<Child>,
) -> Result<()> {
    let mut owner = create(tickets_db, TICKETS).await?;
    let mut replica = create(orders_db, COPIES).await?;
    println!("Two services as two processes, on PostgreSQL and {broker}:");
    let mut orders = start("orders")?;
    let mut tickets = start("tickets")?;
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

/// Starts this program again, as one of the services.
fn start(service: &str, arguments: &[String]) -> Result<Child> {
    let child = Command::new(std::env::current_exe()?)
        .arg(service)
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()?;
    Ok(child)
}

async fn create(url: &str, ddl: &str) -> Result<AsyncPgConnection> {
    let mut conn = AsyncPgConnection::establish(url).await?;
    conn.batch_execute(ddl).await?;
    let mut harness = AsyncMigrationHarness::new(conn);
    harness.run_pending_migrations(MIGRATIONS)?;
    Ok(harness.into_inner())
}
