//! `compare`, on each database.

use std::sync::atomic::{AtomicBool, Ordering};

use backend::{Conn, Db};
use diesel::connection::SimpleConnection as _;
use diesel_migrations::MigrationHarness as _;
use serde_json::{Value, json};
use versioned_core::{Event, MIGRATIONS, prelude::*};

use super::backend;
use super::redrive::{Copy, Ticket, replica};
use super::scenarios::key;
use crate::tool::{Ran, on, ran};

fn owner() -> (Db, Conn) {
    let db = Db::fresh(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)",
    );
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

fn compare(owner: &Db, replica: &Db, more: &[&str]) -> Ran {
    let args = [
        "compare",
        "--replica",
        "copies",
        "--entity",
        "tickets",
        "--settle",
        "100ms",
    ];
    let mut command = on(replica.url());
    command.env("VERSIONED_OWNER_DATABASE_URL", owner.url());
    ran(command.args(args).args(more).output().unwrap())
}

/// A ticket, and its event at the replica.
fn insert(id: i64, owner: &mut Conn, replica: &mut Conn) {
    let mut ticket = Ticket {
        id,
        price: 20,
        version: 0,
    };
    ticket.insert(owner).unwrap();
    apply(&ticket, replica);
}

fn apply(ticket: &Ticket, replica: &mut Conn) {
    let Ticket { id, price, version } = *ticket;
    let copy = Copy { id, price, version };
    let event = if version == 1 {
        Event::created(copy)
    } else {
        Event::updated(copy)
    };
    assert!(Copy::apply(&event, replica).unwrap().should_ack());
}

fn found(document: &Value) -> Vec<(String, String)> {
    let items = document["items"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut items: Vec<_> = items
        .map(|item| (text(&item["record"]), text(&item["outcome"])))
        .collect();
    items.sort();
    items
}

#[test]
fn each_difference_of_versions_is_named() {
    let (owner_db, mut owner) = owner();
    let (replica_db, mut replica) = replica();
    let empty = compare(&owner_db, &replica_db, &["--json"]).json(3);
    assert_eq!(empty["items"], json!([]));
    assert_eq!(
        compare(&owner_db, &replica_db, &["--allow-empty"]).code,
        Some(0)
    );
    for id in 1..=30 {
        insert(id, &mut owner, &mut replica);
    }
    let equal = compare(&owner_db, &replica_db, &["--json", "--page", "7"]).json(0);
    assert_eq!(equal["results"]["equal"], 30, "{equal}");
    assert_eq!(equal["complete"], true);

    let mut behind = Ticket::find(&3, &mut owner).unwrap();
    behind.save(&mut owner).unwrap();
    let mut deleted = Ticket::find(&4, &mut owner).unwrap();
    deleted.delete(&mut owner).unwrap();
    let key = key();
    for sql in [
        format!("DELETE FROM versioned_positions WHERE {key} = '5'"),
        format!("UPDATE versioned_positions SET version = 9 WHERE {key} = '6'"),
        format!("UPDATE versioned_positions SET deleted_at = 1 WHERE {key} = '7'"),
    ] {
        replica.batch_execute(&sql).unwrap();
    }
    // The owner has no trace of it.
    owner
        .batch_execute("DELETE FROM tickets WHERE id = 8")
        .unwrap();
    versioned_core::positions::forget::<Copy, _>(&9, &mut replica).unwrap();
    let document = compare(&owner_db, &replica_db, &["--json", "--page", "7"]).json(3);
    let expected = [
        ("3", "behind"),
        ("4", "behind"),
        ("5", "missing"),
        ("6", "ahead"),
        ("7", "different"),
        ("8", "extra"),
    ];
    assert_eq!(
        found(&document),
        expected.map(|(key, name)| (key.to_owned(), name.to_owned())),
        "{document}"
    );
    assert_eq!(
        document["results"],
        json!({"equal": 23, "behind": 2, "ahead": 1, "different": 1, "missing": 1, "extra": 1, "forgotten": 1})
    );
    let behind = document["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["record"] == "3")
        .unwrap();
    assert_eq!(
        (&behind["owner_version"], &behind["replica_version"]),
        (&json!(2), &json!(1))
    );
    let text = compare(&owner_db, &replica_db, &["--limit", "1"]);
    assert_eq!(text.code, Some(3));
    assert!(
        text.text().ends_with(
            "23 equal, 2 behind, 1 ahead, 1 different, 1 missing, 1 extra, 1 forgotten by version\n"
        ),
        "{}",
        text.text()
    );
    let late = compare(
        &owner_db,
        &replica_db,
        &["--max-time", "0s", "--page", "1", "--json"],
    )
    .json(4);
    assert_eq!(late["complete"], false);
}

/// Keys of another type than the table has are wrong usage or an error, and never a verdict.
#[test]
fn a_table_that_is_not_there_is_an_error() {
    let (owner_db, mut owner) = owner();
    let (replica_db, mut replica) = replica();
    insert(1, &mut owner, &mut replica);
    for wrong in [
        &["--table", "nothing"][..],
        &["--key", "nothing"],
        &["--version-column", "a\"b`c"],
    ] {
        let error = compare(&owner_db, &replica_db, &[wrong, &["--json"]].concat()).error(6);
        assert_eq!(error["code"], "tables_missing", "{wrong:?}");
    }
}

/// Events in flight are no differences.
#[test]
fn a_replica_that_follows_is_equal() {
    let (owner_db, mut owner) = owner();
    let (replica_db, mut replica) = replica();
    for id in 1..=20 {
        insert(id, &mut owner, &mut replica);
    }
    let end = AtomicBool::new(false);
    let documents = std::thread::scope(|scope| {
        scope.spawn(|| {
            for id in (1..=20).cycle() {
                let mut ticket = Ticket::find(&id, &mut owner).unwrap();
                ticket.save(&mut owner).unwrap();
                std::thread::yield_now();
                apply(&ticket, &mut replica);
                if end.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let documents =
            [(); 5].map(|()| compare(&owner_db, &replica_db, &["--json", "--page", "3"]));
        end.store(true, Ordering::Relaxed);
        documents
    });
    for document in documents {
        let document = document.json(0);
        assert_eq!(document["results"]["equal"], 20, "{document}");
    }
}
