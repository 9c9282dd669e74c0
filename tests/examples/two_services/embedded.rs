//! One process, two `SQLite` files, no broker.

use std::path::Path;

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
use diesel_migrations::MigrationHarness as _;
use versioned_core::MIGRATIONS;
use versioned_core::direct::DirectPublisher;

use super::{COPIES, Result, TICKETS, TicketCopy, tickets_service, watch};

type Sqlite = SyncConnectionWrapper<SqliteConnection>;

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

pub(crate) async fn run() -> Result<()> {
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
