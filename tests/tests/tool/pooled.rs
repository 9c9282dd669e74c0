//! Every command behind `PgBouncer` in transaction mode, with fewer connections than tools.

use std::thread;

use diesel::connection::SimpleConnection as _;
use serde_json::json;
use versioned_core::requests::{self, Resender};
use versioned_tests::pgbouncer;

use super::backend::Db;
use super::redrive::{Copy, Service, Ticket, keep, replica};
use super::scenarios::{event, letter, letter_ids, park, position};
use crate::tool::{READING, run};

use versioned_core::prelude::*;

fn database() -> Db {
    let (db, mut conn) = replica();
    let conn = &mut conn;
    conn.batch_execute(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)",
    )
    .unwrap();
    let mut ticket = Ticket {
        id: 7,
        price: 1,
        version: 0,
    };
    ticket.insert(conn).unwrap();
    keep(conn, "copies", 7, 1, false);
    letter(conn, "copies", "8", 5, "not now", 1_000_000);
    position(conn, "copies", "8", 3);
    park(conn, "copies", "8", 7..=8);
    event(conn, "tickets", "9", 1);
    db
}

#[test]
fn tools_share_the_connections_of_a_pooler() {
    let db = database();
    let url = &pgbouncer::url(&db);
    let turns = |_: &str| {
        for args in READING {
            run(url, &[*args, &["--json"]].concat()).json(0);
        }
    };
    thread::scope(|scope| {
        for name in ["a", "b", "c", "d", "e", "f"] {
            scope.spawn(move || turns(name));
        }
    });
    // A limit of time is not left behind for the next one.
    let late = ["status", "--timeout", "1ms", "--json"];
    for _ in 0..5 {
        let code = run(url, &late).code;
        assert!(matches!(code, Some(0 | 4)), "{code:?}");
        run(url, &["status", "--json"]).json(0);
    }
}

#[test]
fn each_command_works_behind_a_pooler() {
    let db = database();
    let url = &pgbouncer::url(&db);
    let first = &letter_ids(&mut db.connect())[1].to_string();
    let shown = run(url, &["dead", "show", first, "--json"]).json(0);
    assert_eq!(shown["item"]["record"], "8");
    assert_eq!(
        run(url, &["outbox", "retry", "--all", "--yes", "--json"]).json(0)["results"]["retried"],
        1
    );
    assert_eq!(
        run(url, &["check", "--role", "operator", "--json"]).json(0)["ok"],
        true
    );

    let resender = Resender::new().model::<Ticket>();
    let service = Service::start(db.connect(), move |conn| {
        requests::execute::<Copy, _>(conn)?;
        resender.run_once(conn).map(drop)
    });
    let of = ["--replica", "copies", "--entity", "tickets"];
    let redriven = run(
        url,
        &["dead", "redrive", "--record", "7", "--yes", "--json"],
    )
    .json(0);
    assert_eq!(redriven["results"]["applied"], 1);
    let waited = run(url, &[&["wait", "7", "1", "--json"], &of[..]].concat()).json(0);
    assert_eq!(waited["outcome"], "reached");
    let compared = run(
        url,
        &[&["compare", "--settle", "0s", "--json"], &of[..]].concat(),
    )
    .json(3);
    let results = &compared["results"];
    assert_eq!(
        (&results["equal"], &results["extra"]),
        (&json!(1), &json!(1))
    );
    let sent = run(
        url,
        &["resend", "--entity", "tickets", "7", "--yes", "--json"],
    )
    .json(0);
    assert_eq!(sent["results"]["queued"], 1);
    let forgotten = run(
        url,
        &[&["forget", "7", "--confirm", "7", "--json"], &of[..]].concat(),
    )
    .json(0);
    assert_eq!(forgotten["results"]["forgotten"], 1);
    drop(service);
    let open = run(
        url,
        &[
            "dead",
            "redrive",
            "--all",
            "--yes",
            "--max-time",
            "0s",
            "--json",
        ],
    )
    .json(0);
    let id = open["request"].as_str().unwrap();
    assert_eq!(
        run(url, &["requests", "show", id, "--json"]).json(0)["item"]["state"],
        "open"
    );
    assert_eq!(
        run(url, &["requests", "cancel", id, "--yes", "--json"]).json(0)["results"]["canceled"],
        1
    );
    let listed = run(url, &["requests", "list", "--json"]).json(0);
    assert_eq!(listed["items"].as_array().unwrap().len(), 4);

    let discarded = run(
        url,
        &["dead", "discard", first, "--leave-gap", "--yes", "--json"],
    )
    .json(0);
    assert_eq!(discarded["results"]["discarded"], 1);
    let ages = [
        "purge",
        "--parked",
        "1h",
        "--tombstones",
        "1h",
        "--yes",
        "--batch",
        "1",
        "--json",
    ];
    let purged = run(url, &[&ages, &of[..]].concat()).json(0);
    assert_eq!(
        purged["results"],
        json!({"tombstones": 0, "dead_letters": 0, "parked": 2, "requests": 0})
    );
}
