//! The commands on each database.

use std::collections::BTreeSet;

use backend::{Conn, Db};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_migrations::MigrationHarness as _;
use serde_json::{Value, json};

use super::backend;
use crate::tool::{READING, WRITING, run};

/// The tables, without rows.
pub(super) fn empty() -> (Db, Conn) {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(versioned_core::MIGRATIONS)
        .unwrap();
    (db, conn)
}

/// The column `key`, as the database quotes it.
pub(super) fn key() -> &'static str {
    if backend::NAME == "mysql" {
        "`key`"
    } else {
        "\"key\""
    }
}

pub(super) fn letter(
    conn: &mut Conn,
    replica: &str,
    record: &str,
    version: i64,
    reason: &str,
    at: i64,
) {
    let key = key();
    let sql = format!(
        "INSERT INTO versioned_dead_letters (replica, entity, {key}, version, source, subject, message_key,
            headers, body, reason, attempts, first_at, last_at)
        VALUES ('{replica}', 'tickets', '{record}', {version}, 'EVENTS:{record}@{version}@{at}', 'events.tickets',
            'none:', 'Cause: one\nCause: two', 'hex:00ff0a', '{reason}', 3, {at}, {at})"
    );
    conn.batch_execute(&sql).unwrap();
}

pub(super) fn park(
    conn: &mut Conn,
    replica: &str,
    record: &str,
    versions: std::ops::RangeInclusive<i64>,
) {
    let key = key();
    for version in versions {
        conn.batch_execute(&format!(
            "INSERT INTO versioned_parked (replica, entity, {key}, version, event, at)
             VALUES ('{replica}', 'tickets', '{record}', {version}, 'not shown', {version}000000)"
        ))
        .unwrap();
    }
}

pub(super) fn position(conn: &mut Conn, replica: &str, record: &str, version: i64) {
    let key = key();
    conn.batch_execute(&format!(
        "INSERT INTO versioned_positions (replica, entity, {key}, version)
         VALUES ('{replica}', 'tickets', '{record}', {version})"
    ))
    .unwrap();
}

/// An event of the outbox. With attempts, it is to be tried again in the far future.
pub(super) fn event(conn: &mut Conn, entity: &str, record: &str, attempts: i64) {
    let key = key();
    let (due, error) = match attempts {
        0 => (0, "NULL"),
        _ => (9_000_000_000_000_000_i64, "'too large'"),
    };
    conn.batch_execute(&format!(
        "INSERT INTO versioned_outbox (entity, {key}, version, op, payload, at, attempts, due, error)
         VALUES ('{entity}', '{record}', 1, 'updated', 'not shown', 1000000, {attempts}, {due}, {error})"
    ))
    .unwrap();
}

#[derive(Debug, PartialEq, Eq, QueryableByName)]
pub(super) struct Row {
    #[diesel(sql_type = Text)]
    pub(super) kind: String,
    #[diesel(sql_type = BigInt)]
    pub(super) id: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) due: i64,
}

/// What the commands that write could change.
pub(super) fn rows(conn: &mut Conn) -> Vec<Row> {
    let mut all = Vec::new();
    for sql in [
        "SELECT 'outbox' AS kind, id, due FROM versioned_outbox ORDER BY id",
        "SELECT 'letter' AS kind, id, attempts AS due FROM versioned_dead_letters ORDER BY id",
        "SELECT 'parked' AS kind, version AS id, at AS due FROM versioned_parked ORDER BY version, at",
    ] {
        all.extend(diesel::sql_query(sql).load::<Row>(conn).unwrap());
    }
    all
}

pub(super) fn letter_ids(conn: &mut Conn) -> Vec<i64> {
    let letters = rows(conn).into_iter().filter(|row| row.kind == "letter");
    letters.map(|row| row.id).collect()
}

/// 3 replicas, 250 letters, parked events, 30 events of which 12 are rejected.
pub(super) fn full() -> (Db, Conn) {
    let (db, mut conn) = empty();
    let conn_ref = &mut conn;
    conn_ref
        .transaction(|conn| {
            for number in 0..250 {
                let replica = ["copies", "other", "third"][number % 3];
                let reason = if number % 5 == 0 { "" } else { "not now" };
                letter(
                    conn,
                    replica,
                    &format!("r{}", number % 10),
                    5,
                    reason,
                    1_000_000 + number as i64,
                );
            }
            for record in 0..40 {
                position(conn, "copies", &format!("r{record}"), 3);
                park(conn, "copies", &format!("r{record}"), 7..=8);
            }
            for number in 0..30 {
                event(
                    conn,
                    ["tickets", "orders"][number % 2],
                    &format!("r{number}"),
                    (number % 5 / 3) as i64,
                );
            }
            QueryResult::Ok(())
        })
        .unwrap();
    (db, conn)
}

pub(super) fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

#[test]
fn a_command_without_rows_is_one_document() {
    let (db, _conn) = empty();
    for args in READING {
        let ran = run(db.url(), &with(args, &["--json"]));
        let document = ran.json(0);
        assert_eq!(ran.stderr, "", "{args:?}");
        assert_eq!(document["items"], json!([]), "{args:?}");
        let schema = document["schema"].as_str().unwrap();
        assert!(
            schema.starts_with("versioned.") && schema.ends_with("/1"),
            "{schema}"
        );
        assert_eq!(document["target"]["read_only"], true);
        let backend = match backend::NAME {
            "postgres" => "postgresql",
            name => name,
        };
        assert_eq!(document["target"]["backend"], backend);
    }
    for args in WRITING {
        let document = run(db.url(), &with(args, &["--json", "--yes"])).json(0);
        assert_eq!(document["plan"]["selected"], 0, "{args:?}");
        assert_eq!(document["failures"], json!([]));
    }
    for args in [&["outbox"][..], &["parked"], &["dead", "list"]] {
        let ran = run(db.url(), &with(args, &["--jsonl", "--exit-code"]));
        assert_eq!((ran.code, ran.text().as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn lists_are_read_page_by_page() {
    let (db, _conn) = full();
    for (args, rows, count) in [
        (&["dead", "list"][..], 250, 250),
        (&["dead", "list", "--failed"], 200, 200),
        (&["parked"], 40, 80),
        (&["outbox"], 30, 30),
        (&["outbox", "--rejected"], 12, 12),
    ] {
        let mut seen = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut page = with(args, &["--json", "--limit", "7"]);
            if let Some(after) = &after {
                page.extend(["--after", after]);
            }
            let document = run(db.url(), &page).json(0);
            assert_eq!(
                document["count"],
                json!({"value": count, "at_least": false}),
                "{args:?}"
            );
            seen.extend(document["items"].as_array().unwrap().clone());
            match document["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!(seen.len(), rows, "{args:?}");
        let different: BTreeSet<String> = seen
            .iter()
            .map(|item| format!("{} {} {}", item["id"], item["replica"], item["record"]))
            .collect();
        assert_eq!(different.len(), rows, "{args:?}");
        // The same as lines, on one page.
        let ran = run(
            db.url(),
            &with(args, &["--jsonl", "--limit", "1000", "--exit-code"]),
        );
        assert_eq!(ran.code, Some(3));
        let lines: Vec<Value> = ran
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines, seen, "{args:?}");
    }
}

#[test]
fn without_tables_each_command_ends_with_6() {
    let db = Db::fresh("");
    for args in READING
        .iter()
        .chain(WRITING)
        .filter(|args| **args != ["check"])
    {
        let error = run(db.url(), &with(args, &["--json"])).error(6);
        assert_eq!(error["code"], "tables_missing", "{args:?}");
        let ran = run(db.url(), args);
        assert_eq!((ran.code, ran.text().as_str()), (Some(6), ""), "{args:?}");
        assert!(
            ran.stderr.contains("error: run the migrations"),
            "{}",
            ran.stderr
        );
    }
    let document = run(db.url(), &["check", "--json"]).json(6);
    assert_eq!(document["ok"], false);
    let causes: Vec<_> = document["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["cause"])
        .collect();
    assert_eq!(causes, [&json!("missing"); 4]);
}

#[test]
fn a_column_that_is_missing_is_found() {
    let (db, mut conn) = empty();
    for role in ["viewer", "operator"] {
        assert_eq!(run(db.url(), &["check", "--role", role]).code, Some(0));
    }
    conn.batch_execute("ALTER TABLE versioned_outbox RENAME COLUMN error TO problem")
        .unwrap();
    let document = run(db.url(), &["check", "--json", "--role", "operator"]).json(6);
    let items = document["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!(
        (&items[0]["table"], &items[0]["cause"]),
        (&json!("versioned_outbox"), &json!("missing"))
    );
}

#[test]
fn the_status_has_figures_and_says_what_needs_attention() {
    let (db, mut conn) = empty();
    assert_eq!(run(db.url(), &["status", "--exit-code"]).code, Some(0));
    event(&mut conn, "tickets", "7", 0);
    event(&mut conn, "tickets", "8", 2);
    letter(&mut conn, "copies", "7", 2, "not now", 1_000_000);
    park(&mut conn, "copies", "7", 4..=6);
    let document = run(db.url(), &["status", "--json"]).json(0);
    assert_eq!(
        document["outbox"]["pending"],
        json!({"value": 2, "at_least": false})
    );
    assert_eq!(
        document["outbox"]["rejected"],
        json!({"value": 1, "at_least": false})
    );
    let year = 365.0 * 86_400.0;
    assert!(
        document["outbox"]["oldest_pending_seconds"]
            .as_f64()
            .unwrap()
            > 50.0 * year
    );
    let replica = &document["items"][0];
    assert_eq!(
        (&replica["replica"], &replica["entity"]),
        (&json!("copies"), &json!("tickets"))
    );
    assert_eq!(replica["parked"]["value"], 3);
    assert_eq!(replica["dead_letters"]["value"], 1);
    assert!(replica["oldest_parked_seconds"].as_f64().unwrap() > 50.0 * year);
    // Two are late, one is rejected, one is dead.
    assert_eq!(
        document["attention"].as_array().unwrap().len(),
        4,
        "{document}"
    );
    let ran = run(db.url(), &["status", "--exit-code"]);
    assert_eq!(ran.code, Some(3));
    let text = ran.text();
    for part in [
        "pending        2",
        "rejected       1",
        "copies",
        "versioned dead list --replica 'copies'",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let ran = run(db.url(), &["watch", "--count", "1"]);
    let line = ran.text();
    assert!(
        line.trim_end()
            .ends_with("pending=2 rejected=1 parked=3 dead_letters=1 attention=4"),
        "{line}"
    );
}

#[test]
fn a_record_that_waits_is_shown_with_its_letter() {
    let (db, mut conn) = empty();
    position(&mut conn, "copies", "7", 2);
    park(&mut conn, "copies", "7", 4..=6);
    park(&mut conn, "copies", "8", 2..=2);
    letter(&mut conn, "copies", "7", 3, "not now", 1_000_000);
    letter(&mut conn, "copies", "7", 7, "", 1_000_000);
    // Another replica of the same record.
    letter(&mut conn, "other", "7", 3, "not now", 1_000_000);
    park(&mut conn, "other", "7", 9..=9);
    let ids = letter_ids(&mut conn);
    let document = run(db.url(), &["parked", "--json", "--replica", "copies"]).json(0);
    let expected = json!([
        {"replica": "copies", "entity": "tickets", "record": "7", "version": 2, "first_parked_version": 4,
            "events": 3, "since": "1970-01-01T00:00:04Z", "error": null, "dead_letter": ids[0].to_string()},
        {"replica": "copies", "entity": "tickets", "record": "8", "version": null, "first_parked_version": 2,
            "events": 1, "since": "1970-01-01T00:00:02Z", "error": null, "dead_letter": null},
    ]);
    assert_eq!(document["items"], expected);
    let document = run(
        db.url(),
        &["dead", "list", "--json", "--replica", "copies", "--failed"],
    )
    .json(0);
    let expected = json!([
        {"id": ids[0].to_string(), "replica": "copies", "entity": "tickets", "record": "7", "version": 3,
            "message": "EVENTS:7@3@1000000", "subject": "events.tickets", "error": "not now", "attempts": 3,
            "first_at": "1970-01-01T00:00:01Z", "last_at": "1970-01-01T00:00:01Z",
            "blocks_parked": 3, "blocks_letters": 1},
    ]);
    assert_eq!(document["items"], expected);
    let ran = run(db.url(), &["parked"]);
    assert!(
        ran.text()
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("copies   tickets  7        2          3       3"),
        "{}",
        ran.text()
    );
}

#[test]
fn a_letter_is_shown_byte_by_byte() {
    let (db, mut conn) = empty();
    letter(&mut conn, "copies", "7", 3, "not now", 1_000_000);
    let id = letter_ids(&mut conn)[0].to_string();
    let raw = run(db.url(), &["dead", "show", &id, "--raw"]);
    assert_eq!(
        (raw.code, raw.stdout.as_slice()),
        (Some(0), &[0, 255, 10][..])
    );
    let plain = run(db.url(), &["dead", "show", &id, "--json"]).json(0);
    assert_eq!(plain["item"]["raw_base64"], Value::Null);
    let whole = run(db.url(), &["dead", "show", &id, "--json", "--payload"]).json(0);
    assert_eq!(whole["item"]["raw_base64"], "AP8K");
    let headers = json!([
        {"name": "Cause", "value": "one", "raw_base64": "b25l"},
        {"name": "Cause", "value": "two", "raw_base64": "dHdv"},
    ]);
    assert_eq!(whole["item"]["headers"], headers);
    let text = run(db.url(), &["dead", "show", &id, "--payload"]).text();
    assert!(
        text.contains("Cause: two") && text.contains("not now"),
        "{text}"
    );
    let error = run(db.url(), &["dead", "show", "999", "--json"]).error(1);
    assert_eq!(error["code"], "not_found");
}

/// A condition as arguments, and whether it holds for a letter.
type Condition = (&'static [&'static str], fn(&Value) -> bool);

#[test]
fn conditions_apply_together() {
    let (db, mut conn) = empty();
    for (number, replica) in ["copies", "other"].repeat(8).into_iter().enumerate() {
        let record = ["7", "8"][number / 2 % 2];
        let reason = ["not now", ""][number / 4 % 2];
        let at = [1_000_000, 5_000_000][number / 8];
        letter(&mut conn, replica, record, number as i64, reason, at);
    }
    let conditions: &[Condition] = &[
        (&["--replica", "copies"], |letter| {
            letter["replica"] == "copies"
        }),
        (&["--entity", "tickets"], |letter| {
            letter["entity"] == "tickets"
        }),
        (&["--record", "8"], |letter| letter["record"] == "8"),
        (&["--reason", "t no"], |letter| letter["error"] == "not now"),
        (&["--failed"], |letter| letter["error"] == "not now"),
        (&["--since", "1970-01-01T00:00:05Z"], |letter| {
            letter["first_at"] == "1970-01-01T00:00:05Z"
        }),
        (&["--until", "1970-01-01T00:00:05Z"], |letter| {
            letter["first_at"] == "1970-01-01T00:00:01Z"
        }),
    ];
    let list = |args: &[&str]| {
        let args = with(&["dead", "list", "--json"], args);
        run(db.url(), &args).json(0)["items"]
            .as_array()
            .unwrap()
            .clone()
    };
    let all = list(&[]);
    assert_eq!(all.len(), 16);
    for (place, (first, holds)) in conditions.iter().enumerate() {
        for (second, also) in &conditions[place + 1..] {
            let found = list(&[*first, *second].concat());
            let expected: Vec<_> = all
                .iter()
                .filter(|row| holds(row) && also(row))
                .cloned()
                .collect();
            assert_eq!(found, expected, "{first:?} {second:?}");
        }
    }
}
