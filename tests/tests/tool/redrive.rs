//! Requests are stored by the tool, and executed by a service.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use backend::{Conn, Db};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use versioned_core::requests::{self, Resender};
use versioned_core::{MIGRATIONS, prelude::*};

use super::backend;
use crate::tool::run;

diesel::table! {
    copies { id -> BigInt, price -> BigInt, version -> BigInt, }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Deserialize, Versioned)]
#[diesel(table_name = copies)]
#[versioned(dependent, entity = "tickets")]
pub(super) struct Copy {
    pub(super) id: i64,
    pub(super) price: i64,
    pub(super) version: i64,
}

diesel::table! {
    tickets { id -> BigInt, price -> BigInt, version -> BigInt, }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox, tombstones)]
pub(super) struct Ticket {
    pub(super) id: i64,
    pub(super) price: i64,
    pub(super) version: i64,
}

pub(super) fn replica() -> (Db, Conn) {
    let db = Db::fresh(
        "CREATE TABLE copies (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)",
    );
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS.with_requests())
        .unwrap();
    (db, conn)
}

/// A letter with this event, or one that cannot be applied.
pub(super) fn keep(conn: &mut Conn, replica: &str, id: i64, version: i64, is_broken: bool) {
    let key = if backend::NAME == "mysql" {
        "`key`"
    } else {
        "\"key\""
    };
    let op = if version == 1 { "created" } else { "updated" };
    let column = if is_broken { "cost" } else { "price" };
    let body = format!(
        r#"{{"entity":"tickets","key":"{id}","version":{version},"op":"{op}","data":{{"id":{id},"{column}":{version},"version":{version}}}}}"#
    );
    conn.batch_execute(&format!(
        "INSERT INTO versioned_dead_letters (replica, entity, {key}, version, source, subject, message_key,
            headers, body, reason, attempts, first_at, last_at)
         VALUES ('{replica}', 'tickets', '{id}', {version}, 'EVENTS:{id}@{version}', 'events', 'none:', '', '{body}',
            'not now', 1, {version}, 1)"
    ))
    .unwrap();
}

/// A service that executes requests, until it is dropped.
pub(super) struct Service {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    pub(super) fn start(
        mut conn: Conn,
        work: impl Fn(&mut Conn) -> versioned_core::Result<()> + Send + 'static,
    ) -> Self {
        let (end, ended) = mpsc::channel();
        let thread = thread::spawn(move || {
            while ended.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
                work(&mut conn).unwrap();
            }
        });
        Self {
            end: Some(end),
            thread: Some(thread),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.end.take());
        let ended = self.thread.take().unwrap().join();
        if !thread::panicking() {
            ended.unwrap();
        }
    }
}

#[test]
fn the_service_applies_what_the_tool_asks_for() {
    let (db, mut conn) = replica();
    for (id, version, is_broken) in [(7, 1, false), (7, 2, false), (8, 1, true), (9, 1, false)] {
        keep(&mut conn, "copies", id, version, is_broken);
    }
    let service = Service::start(db.connect(), |conn| {
        requests::execute::<Copy, _>(conn).map(drop)
    });
    let args = [
        "dead",
        "redrive",
        "--replica",
        "copies",
        "--yes",
        "--json",
        "--why",
        "a test",
        "--by",
        "anna",
    ];
    let document = run(db.url(), &args).json(1);
    assert_eq!(document["state"], "done");
    let results = &document["results"];
    assert_eq!(
        (&results["applied"], &results["failed"]),
        (&json!(3), &json!(1)),
        "{document}"
    );
    let failures = document["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1);
    assert_eq!(
        (&failures[0]["record"], &failures[0]["version"]),
        (&json!("8"), &json!(1))
    );
    assert!(
        failures[0]["error"].as_str().unwrap().contains("price"),
        "{failures:?}"
    );
    assert_eq!(Copy::find(&7, &mut conn).unwrap().version, 2);
    assert_eq!(Copy::find(&9, &mut conn).unwrap().version, 1);
    let left = run(db.url(), &["dead", "list", "--json"]).json(0);
    assert_eq!(left["count"]["value"], 1);
    let list = run(db.url(), &["requests", "list", "--json"]).json(0);
    let request = &list["items"][0];
    assert_eq!(
        (&request["by"], &request["why"], &request["left"]),
        (&json!("anna"), &json!("a test"), &json!(0))
    );
    let id = request["id"].as_str().unwrap();
    let shown = run(db.url(), &["requests", "show", id, "--json"]).json(0);
    assert_eq!(shown["failures"], document["failures"]);

    // The first letter fails again, so the request stops. The rest is not tried.
    keep(&mut conn, "copies", 10, 1, false);
    let document = run(db.url(), &["dead", "redrive", "--all", "--yes", "--json"]).json(1);
    assert_eq!(document["state"], "stopped", "{document}");
    assert_eq!(document["left"], 1);
    let text = run(db.url(), &["dead", "redrive", "--record", "10", "--yes"]);
    assert_eq!(text.code, Some(0), "{text:?}");
    assert!(text.text().contains("done: 1 applied"), "{}", text.text());
    drop(service);
}

#[test]
fn a_request_waits_for_its_service_and_can_be_canceled() {
    let (db, mut conn) = replica();
    keep(&mut conn, "copies", 7, 1, false);
    let dry = run(
        db.url(),
        &["dead", "redrive", "--all", "--dry-run", "--json"],
    )
    .json(0);
    assert_eq!(dry["plan"]["selected"], 1);
    let refused = run(db.url(), &["dead", "redrive", "--all", "--json"]).error(5);
    assert_eq!(refused["code"], "not_confirmed");
    let none = run(db.url(), &["requests", "list", "--json"]).json(0);
    assert_eq!((&none["items"], &none["count"]), (&json!([]), &json!(null)));
    // Nobody executes it.
    let late = run(
        db.url(),
        &[
            "dead",
            "redrive",
            "--all",
            "--yes",
            "--json",
            "--max-time",
            "100ms",
        ],
    )
    .json(4);
    assert_eq!(late["state"], "open");
    let id = late["request"].as_str().unwrap();
    assert_eq!(
        run(db.url(), &["requests", "cancel", id, "--json"]).error(5)["code"],
        "not_confirmed"
    );
    for (canceled, state) in [(1, "canceled"), (0, "canceled")] {
        let document = run(db.url(), &["requests", "cancel", id, "--yes", "--json"]).json(0);
        assert_eq!(document["results"]["canceled"], canceled);
        let document = run(db.url(), &["requests", "show", id, "--json"]).json(0);
        assert_eq!(document["item"]["state"], state);
    }
    let missing = run(db.url(), &["requests", "show", "999", "--json"]).error(1);
    assert_eq!(missing["code"], "not_found");
}

#[test]
fn a_redrive_is_of_one_replica() {
    let (db, mut conn) = replica();
    keep(&mut conn, "copies", 7, 1, false);
    keep(&mut conn, "others", 7, 1, false);
    let error = run(db.url(), &["dead", "redrive", "--all", "--yes", "--json"]).error(2);
    assert_eq!(error["code"], "several_replicas");
    assert_eq!(error["hint"], "copies of tickets, others of tickets");
    let none = run(db.url(), &["requests", "list", "--json"]).json(0);
    assert_eq!(none["items"], json!([]));
}

#[test]
fn without_the_tables_of_requests_a_redrive_ends_with_6() {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    keep(&mut conn, "copies", 7, 1, false);
    let error = run(db.url(), &["dead", "redrive", "--all", "--yes", "--json"]).error(6);
    assert!(
        error["hint"].as_str().unwrap().contains("with_requests"),
        "{error}"
    );
}

#[test]
fn the_owner_sends_what_the_tool_asks_for() {
    let db = Db::fresh(
        "CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)",
    );
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS.with_requests())
        .unwrap();
    for id in [7, 8, 9] {
        Ticket {
            id,
            price: 20,
            version: 0,
        }
        .insert(&mut conn)
        .unwrap();
    }
    conn.batch_execute("DELETE FROM versioned_outbox WHERE 1 = 1")
        .unwrap();
    let resender = Resender::new().model::<Ticket>();
    let service = Service::start(db.connect(), move |conn| resender.run_once(conn).map(drop));
    let refused = run(
        db.url(),
        &["resend", "--entity", "tickets", "--all", "--json"],
    )
    .error(5);
    assert_eq!(refused["code"], "not_confirmed");
    let dry = run(
        db.url(),
        &["resend", "--entity", "tickets", "8", "--dry-run", "--json"],
    )
    .json(0);
    assert_eq!(dry["plan"]["records"], json!(["8"]));
    for wrong in [
        &["resend", "8", "--yes"][..],
        &["resend", "--entity", "tickets"],
        &["resend", "--entity", "tickets", "8", "--all"],
    ] {
        assert_eq!(run(db.url(), wrong).code, Some(2), "{wrong:?}");
    }
    let nothing = run(db.url(), &["outbox", "--json"]).json(0);
    assert_eq!(nothing["items"], json!([]));

    let document = run(
        db.url(),
        &[
            "resend", "--entity", "tickets", "8", "10", "--yes", "--json",
        ],
    )
    .json(0);
    assert_eq!(document["state"], "done");
    assert_eq!(
        (
            &document["results"]["queued"],
            &document["results"]["unknown"]
        ),
        (&json!(1), &json!(1))
    );
    let sent = run(db.url(), &["outbox", "--json"]).json(0);
    assert_eq!(sent["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&sent["items"][0]["record"], &sent["items"][0]["operation"]),
        (&json!("8"), &json!("snapshot"))
    );
    let document = run(
        db.url(),
        &["resend", "--entity", "tickets", "--all", "--yes", "--json"],
    )
    .json(0);
    assert_eq!(
        (&document["results"]["queued"], &document["left"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(run(db.url(), &["requests", "list"]).code, Some(0));
    drop(service);
}
