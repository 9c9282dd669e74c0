//! The commands that write, on each database.

use backend::Conn;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::backend;
use super::scenarios::{empty, full, letter, letter_ids, park, rows, with};
use crate::tool::{WRITING, run};

#[test]
fn nothing_is_written_without_a_confirmation() {
    let (db, mut conn) = full();
    let before = rows(&mut conn);
    for args in WRITING {
        // Neither a terminal nor --yes. An answer in a pipe is none.
        let ran = crate::tool::run_with(db.url(), args, "y\n250\n100\n");
        // The first event was not rejected, so there is nothing to ask.
        let is_asked = *args != ["outbox", "retry", "1"];
        assert_eq!(
            ran.code,
            Some(if is_asked { 5 } else { 0 }),
            "{args:?} {ran:?}"
        );
        let dry = run(db.url(), &with(args, &["--dry-run", "--json"])).json(0);
        assert_eq!(dry["plan"]["dry_run"], true);
        assert_eq!(dry.get("results"), None, "{args:?}");
        assert_eq!(dry["target"]["read_only"], true);
        let dry = run(db.url(), &with(args, &["--dry-run", "--yes"]));
        assert_eq!(dry.text(), "dry run: nothing was changed\n");
    }
    // Not all of them by --yes alone, and not with another number.
    for confirm in [&["--yes"][..], &["--confirm", "99"], &["--confirm", "250"]] {
        let args = with(
            &["dead", "discard", "--all", "--leave-gap", "--json"],
            confirm,
        );
        assert_eq!(run(db.url(), &args).code, Some(5), "{confirm:?}");
    }
    assert_eq!(rows(&mut conn), before);
}

#[test]
fn rejected_events_are_tried_again() {
    let (db, mut conn) = full();
    let rejected = |conn: &mut Conn| {
        let later = rows(conn)
            .into_iter()
            .filter(|row| row.kind == "outbox" && row.due > 0);
        later.map(|row| row.id).collect::<Vec<_>>()
    };
    let before = rejected(&mut conn);
    assert_eq!(before.len(), 12);
    let (first, second) = (before[0].to_string(), before[1].to_string());
    let document = run(
        db.url(),
        &["outbox", "retry", &first, &second, "1", "--yes", "--json"],
    )
    .json(0);
    assert_eq!(document["results"], json!({"retried": 2, "due_already": 0}));
    assert_eq!(document["plan"]["ids"], json!([first, second]));
    assert_eq!(document["target"]["read_only"], false);
    assert_eq!(rejected(&mut conn), before[2..]);
    let again = run(db.url(), &["outbox", "retry", &first, "--yes"]);
    assert_eq!(
        (again.code, again.text().as_str()),
        (Some(0), "0 retried, 1 due already\n")
    );
    // The limit and the conditions.
    let document = run(
        db.url(),
        &[
            "outbox", "retry", "--entity", "orders", "--limit", "3", "--yes", "--json",
        ],
    )
    .json(0);
    assert_eq!(document["plan"]["selected"], 3);
    assert_eq!(
        document["plan"]["found"],
        json!({"value": 6, "at_least": false})
    );
    let all = run(db.url(), &["outbox", "retry", "--all", "--yes"]);
    assert_eq!(all.code, Some(0));
    assert_eq!(rejected(&mut conn), Vec::<i64>::new());
    let list = run(db.url(), &["outbox", "--rejected", "--json"]).json(0);
    assert_eq!(list["items"][0]["retry_at"], Value::Null);
    assert_eq!(list["items"][0]["error"], "too large");
}

#[test]
fn a_letter_that_others_wait_for_is_discarded_on_demand() {
    let (db, mut conn) = empty();
    letter(&mut conn, "copies", "7", 4, "not now", 1_000_000);
    letter(&mut conn, "copies", "8", 4, "not now", 1_000_000);
    park(&mut conn, "copies", "7", 5..=9);
    let ids = letter_ids(&mut conn);
    let first = ids[0].to_string();
    let error = run(db.url(), &["dead", "discard", &first, "--yes", "--json"]).error(5);
    assert_eq!(error["code"], "leaves_gap");
    let ran = run(db.url(), &["dead", "discard", &first, "--dry-run"]);
    let warning = format!("letter {first}: 5 later events of record 7 wait for version 4");
    assert!(ran.stderr.contains(&warning), "{}", ran.stderr);
    assert_eq!(letter_ids(&mut conn), ids);
    let ran = run(
        db.url(),
        &["dead", "discard", &first, "--yes", "--leave-gap"],
    );
    assert_eq!(
        (ran.code, ran.text().as_str()),
        (Some(0), "1 discarded, 0 gone already\n")
    );
    assert_eq!(letter_ids(&mut conn), ids[1..]);
    // Its events still wait, in sight.
    let parked = run(db.url(), &["parked", "--json"]).json(0);
    assert_eq!(parked["items"][0]["events"], 5);
    // The other one leaves nobody behind; a second run is harmless.
    let second = ids[1].to_string();
    for discarded in [1, 0] {
        let document = run(db.url(), &["dead", "discard", &second, "--yes", "--json"]).json(0);
        assert_eq!(document["results"]["discarded"], discarded);
    }
}

#[test]
fn a_plan_has_limits() {
    let (db, mut conn) = full();
    for args in [
        &["dead", "discard", "--yes"][..],
        &["outbox", "retry", "--yes"],
    ] {
        let ran = run(db.url(), args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.stderr.contains("--all"), "{}", ran.stderr);
    }
    let most = [
        "dead",
        "discard",
        "--replica",
        "other",
        "--leave-gap",
        "--yes",
        "--json",
    ];
    let error = run(db.url(), &with(&most, &["--max", "82"])).error(5);
    assert_eq!(error["code"], "too_many");
    assert_eq!(letter_ids(&mut conn).len(), 250);
    let document = run(db.url(), &with(&most, &["--max", "83", "--limit", "10"])).json(0);
    assert_eq!(document["results"]["discarded"], 10);
    assert_eq!(document["plan"]["found"]["value"], 83);
    let document = run(
        db.url(),
        &[
            "dead",
            "discard",
            "--all",
            "--leave-gap",
            "--confirm",
            "100",
            "--json",
        ],
    )
    .json(0);
    assert_eq!(document["results"]["discarded"], 100);
    assert_eq!(letter_ids(&mut conn).len(), 140);
}

#[test]
fn a_lock_ends_the_wait_with_4() {
    let (db, mut conn) = empty();
    letter(&mut conn, "copies", "7", 4, "not now", 1_000_000);
    let id = letter_ids(&mut conn)[0].to_string();
    conn.transaction(|conn| {
        conn.batch_execute(&format!(
            "UPDATE versioned_dead_letters SET attempts = 9 WHERE id = {id}"
        ))?;
        let args = ["dead", "discard", &id, "--yes", "--json", "--timeout", "1s"];
        assert_eq!(run(db.url(), &args).error(4)["code"], "timeout");
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(letter_ids(&mut conn).len(), 1);
}
