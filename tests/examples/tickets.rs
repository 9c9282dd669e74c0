//! Two people edit the same ticket, and another service keeps copies of all tickets. `cargo run --example tickets`
//!
//! Everything happens in temporary `SQLite` files: nothing to install, nothing left behind.

#![allow(missing_docs, clippy::print_stdout, reason = "an example that talks")]

use std::error::Error;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness;
use serde::{Deserialize, Serialize};
use versioned_core::prelude::*;
use versioned_core::{ConflictKind, Event, MIGRATIONS, Outcome};

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

/// The tickets service owns tickets: a Diesel model, and two lines more.
#[derive(Debug, Clone, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
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

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let directory = tempfile::tempdir()?;
    two_people(directory.path())?;
    two_services(directory.path())
}

fn open(directory: &Path, name: &str) -> Result<SqliteConnection, Box<dyn Error + Send + Sync>> {
    let file = directory.join(name);
    let file = file
        .to_str()
        .ok_or("the path of the temporary directory is not UTF-8")?;
    Ok(SqliteConnection::establish(file)?)
}

/// Two people, one ticket: the second to save is told, and nothing is lost.
fn two_people(directory: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut alice = open(directory, "tickets.db")?;
    let mut bob = open(directory, "tickets.db")?;
    alice.batch_execute(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL)",
    )?;

    println!("A ticket is inserted.");
    let mut ticket = Ticket {
        id: 7,
        title: "concert".into(),
        price: 20,
        version: 0,
    };
    ticket.insert(&mut alice)?;
    show("the row", &ticket);

    println!("\nAlice and Bob load it at the same time.");
    let mut hers = Ticket::find(&7, &mut alice)?;
    let mut his = Ticket::find(&7, &mut bob)?;
    show("Alice sees", &hers);
    show("Bob sees", &his);

    println!("\nAlice raises the price and saves.");
    hers.price = 25;
    hers.save(&mut alice)?;
    show("the row", &Ticket::find(&7, &mut alice)?);

    println!("\nBob changes the title of his version 1 and saves.");
    his.title = "concert, front row".into();
    match his.save(&mut bob) {
        Ok(_) => return Err("Bob overwrote Alice's change".into()),
        Err(versioned_core::Error::Conflict(conflict))
            if conflict.kind() == ConflictKind::Stale =>
        {
            println!("  rejected     {conflict}");
            for (name, version) in [
                ("expected", conflict.expected()),
                ("found", conflict.found()),
            ] {
                println!(
                    "    {name:<10} {}",
                    version.map_or("-".into(), |version| version.to_string())
                );
            }
        }
        Err(error) => return Err(error.into()),
    }
    show("Bob's model", &his);
    show("the row", &Ticket::find(&7, &mut bob)?);

    println!(
        "\nBob calls `update_with`, which loads, changes and saves, and retries after a conflict."
    );
    let saved = Ticket::update_with(&7, &mut bob, |ticket| {
        ticket.title = "concert, front row".into();
        Ok(())
    })?;
    show("the row", &saved);

    println!("\nA failed transaction rolls back the row and restores the model in memory.");
    let failed = transaction(&mut alice, &mut hers, |conn, ticket| {
        ticket.reload(conn)?;
        ticket.price = 1;
        ticket.save(conn)?;
        Err::<(), _>(versioned_core::Error::other("the price is too low"))
    });
    if let Err(error) = failed {
        println!("  rolled back  {error}");
    }
    show("the row", &Ticket::find(&7, &mut alice)?);

    println!(
        "\nThe ticket is deleted. A deletion has a version too, so replicas apply it in order."
    );
    let mut last = Ticket::find(&7, &mut alice)?;
    let change = last.delete(&mut alice)?;
    println!("  {}      version {}", change.op(), change.version());
    if let Err(error) = his.save(&mut bob) {
        println!("  rejected     {error}");
    }
    Ok(())
}

/// Two services, one broker that delivers in any order and more than once: the copies end as the originals.
fn two_services(directory: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut owner = open(directory, "tickets.db")?;
    let mut orders = open(directory, "orders.db")?;
    orders.batch_execute("CREATE TABLE ticket_copies (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)")?;
    orders.run_pending_migrations(MIGRATIONS)?;

    println!(
        "\nThe orders service keeps replicas. The tickets service publishes each change as a JSON event:"
    );
    let mut broker: Vec<String> = Vec::new();
    for id in 1..=12 {
        let mut ticket = Ticket {
            id,
            title: format!("show {id}"),
            price: 10 * id,
            version: 0,
        };
        broker.push(serde_json::to_string(&ticket.insert(&mut owner)?)?);
        for _ in 0..id % 4 {
            ticket.price += 1;
            broker.push(serde_json::to_string(&ticket.save(&mut owner)?)?);
        }
        if id % 5 == 0 {
            broker.push(serde_json::to_string(&ticket.delete(&mut owner)?)?);
        }
    }
    for event in broker.iter().take(2) {
        println!("  {event}");
    }
    println!("  .. {} events in total", broker.len());

    println!(
        "\nThe broker delivers each event twice, in random order, and redelivers those that are too early."
    );
    let mut queue = [&broker[..], &broker[..]].concat();
    let mut dice = Dice(7);
    let (mut applied, mut duplicates, mut gaps) = (0, 0, 0);
    while !queue.is_empty() {
        let next = dice.throw(queue.len());
        let json = queue.swap_remove(next);
        let event: Event<TicketCopy> = serde_json::from_str(&json)?;
        let outcome = TicketCopy::apply(&event, &mut orders)?;
        match outcome {
            Outcome::Applied => applied += 1,
            Outcome::Duplicate { .. } => duplicates += 1,
            _ => gaps += 1,
        }
        if !outcome.should_ack() {
            queue.push(json);
        }
    }
    println!("  {applied} applied, {duplicates} duplicates, {gaps} redelivered because of a gap");

    println!("\nBoth sides, row by row:");
    let originals: Vec<(i64, i64, i64)> = tickets::table
        .select((tickets::id, tickets::price, tickets::version))
        .order(tickets::id)
        .load(&mut owner)?;
    let copies: Vec<(i64, i64, i64)> = ticket_copies::table
        .order(ticket_copies::id)
        .load(&mut orders)?;
    for (original, copy) in originals.iter().zip(&copies) {
        let ((id, price, version), same) = (
            original,
            if original == copy {
                "the same"
            } else {
                "DIFFERENT"
            },
        );
        println!("  ticket {id:<3} {price:>4} €   version {version}   {same}");
    }
    if originals != copies {
        return Err("the replicas differ from the originals".into());
    }
    println!(
        "  {} tickets, the same on both sides; deleted tickets are gone from both",
        copies.len()
    );
    Ok(())
}

/// Any order, but the same one at each run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides
    }
}

fn show(who: &str, ticket: &Ticket) {
    println!(
        "  {who:<12} {:<20} {:>3} €   version {}",
        ticket.title, ticket.price, ticket.version
    );
}
