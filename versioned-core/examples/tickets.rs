//! Two people edit the same ticket. `cargo run --example tickets`
//!
//! Everything happens in a temporary `SQLite` file: nothing to install, nothing left behind.

#![allow(missing_docs, clippy::print_stdout, reason = "an example that talks")]

use std::error::Error;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use versioned_core::ConflictKind;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        price -> BigInt,
        version -> BigInt,
    }
}

/// A Diesel model, and two lines more.
#[derive(Debug, Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    price: i64,
    version: i64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("tickets.db");
    let file = file
        .to_str()
        .ok_or("the temporary directory has an unusual name")?;
    let mut alice = SqliteConnection::establish(file)?;
    let mut bob = SqliteConnection::establish(file)?;
    alice.batch_execute(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL)",
    )?;

    println!("A ticket is put on sale.");
    let mut ticket = Ticket {
        id: 7,
        title: "concert".into(),
        price: 20,
        version: 0,
    };
    ticket.insert(&mut alice)?;
    show("the row", &ticket);

    println!("\nAlice and Bob open it at the same time.");
    let mut hers = Ticket::find(&7, &mut alice)?;
    let mut his = Ticket::find(&7, &mut bob)?;
    show("Alice sees", &hers);
    show("Bob sees", &his);

    println!("\nAlice raises the price and saves.");
    hers.price = 25;
    hers.save(&mut alice)?;
    show("the row", &Ticket::find(&7, &mut alice)?);

    println!("\nBob, who still sees version 1, renames it and saves.");
    his.title = "concert, front row".into();
    match his.save(&mut bob) {
        Ok(_) => return Err("Bob has just overwritten Alice".into()),
        Err(versioned_core::Error::Conflict(conflict))
            if conflict.kind() == ConflictKind::Stale =>
        {
            println!("  refused      {conflict}");
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
    show("Bob's copy", &his);
    show("the row", &Ticket::find(&7, &mut bob)?);

    println!(
        "\nBob says what he wants instead of what he has: `update_with` loads, changes and saves, again if need be."
    );
    let saved = Ticket::update_with(&7, &mut bob, |ticket| {
        ticket.title = "concert, front row".into();
        Ok(())
    })?;
    show("the row", &saved);

    println!("\nA transaction that fails leaves rows and copies as they were.");
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
        "\nThe ticket is taken off sale. The deletion is a version too, for those who keep copies of it."
    );
    let mut last = Ticket::find(&7, &mut alice)?;
    let change = last.delete(&mut alice)?;
    println!("  {}      version {}", change.op(), change.version());
    if let Err(error) = his.save(&mut bob) {
        println!("  Bob again    {error}");
    }
    Ok(())
}

fn show(who: &str, ticket: &Ticket) {
    println!(
        "  {who:<12} {:<20} {:>3} €   version {}",
        ticket.title, ticket.price, ticket.version
    );
}
