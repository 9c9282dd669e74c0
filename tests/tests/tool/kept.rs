//! `forget`, `purge` and `wait`, on each database.

use std::time::{Duration, Instant};

use backend::{Conn, Db};
use diesel::connection::SimpleConnection as _;
use diesel_migrations::MigrationHarness as _;
use serde_json::json;
use versioned_core::prelude::*;
use versioned_core::{Event, Outcome, requests};

use super::backend;
use super::redrive::{Copy, Service, keep, replica};
use super::scenarios::{empty, key, letter, letter_ids, park, position, rows};
use crate::tool::{run, run_with};

const HOUR: i64 = 3_600_000_000;

/// So many hours ago, in microseconds.
fn ago(hours: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_micros()).unwrap() - hours * HOUR
}

fn event(id: i64, version: i64) -> Event<Copy> {
    let price = version;
    Event::updated(Copy { id, price, version })
}

const FORGET: &[&str] = &["forget", "--replica", "copies", "--entity", "tickets", "7"];

fn forget<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [FORGET, more].concat()
}

#[test]
fn the_service_forgets_what_the_tool_asks_for() {
    let (db, mut conn) = replica();
    keep(&mut conn, "copies", 7, 1, false);
    requests::Redrive::all("copies", "tickets")
        .store(&mut conn)
        .unwrap();
    requests::execute::<Copy, _>(&mut conn).unwrap();
    assert_eq!(Copy::find(&7, &mut conn).unwrap().version, 1);
    keep(&mut conn, "copies", 7, 3, true);
    keep(&mut conn, "copies", 8, 1, false);
    park(&mut conn, "copies", "7", 4..=6);

    // Neither a terminal, nor a pipe, nor another key confirms it.
    for refused in [&[][..], &["--confirm", "8"]] {
        let ran = run_with(db.url(), &forget(&[refused, &["--json"]].concat()), "7\n");
        assert_eq!(ran.error(5)["code"], "not_confirmed", "{refused:?}");
    }
    let dry = run(db.url(), &forget(&["--dry-run", "--json"])).json(0);
    assert_eq!(dry["target"]["read_only"], true);
    assert_eq!(
        (
            &dry["plan"]["dead_letters"]["value"],
            &dry["plan"]["parked"]["value"]
        ),
        (&json!(1), &json!(3))
    );
    let late = run(
        db.url(),
        &forget(&["--confirm", "7", "--max-time", "100ms", "--json"]),
    )
    .json(4);
    assert_eq!((&late["state"], &late["left"]), (&json!("open"), &json!(1)));

    let service = Service::start(db.connect(), |conn| {
        requests::execute::<Copy, _>(conn).map(drop)
    });
    // A second request is harmless.
    let done = run(db.url(), &forget(&["--confirm", "7", "--json"])).json(0);
    assert_eq!(
        (&done["state"], &done["results"]["forgotten"]),
        (&json!("done"), &json!(1))
    );
    let gone = Copy::find(&7, &mut conn).unwrap_err();
    assert!(
        matches!(gone, versioned_core::Error::NotFound { .. }),
        "{gone}"
    );
    let left = rows(&mut conn);
    assert!(left.iter().all(|row| row.kind != "parked"), "{left:?}");
    assert_eq!(letter_ids(&mut conn).len(), 1, "of the other record");
    let outcome = Copy::apply(&event(7, 2), &mut conn).unwrap();
    assert_eq!(outcome, Outcome::Duplicate { current: i64::MAX });
    let text = run(db.url(), &forget(&["--confirm", "7"]));
    assert_eq!(text.code, Some(0), "{text:?}");
    assert!(text.text().contains("done: 1 forgotten"), "{}", text.text());

    // A key that the model cannot have.
    let wrong = [
        "forget",
        "--replica",
        "copies",
        "--entity",
        "tickets",
        "x",
        "--confirm",
        "x",
        "--json",
    ];
    let failed = run(db.url(), &wrong).json(1);
    assert_eq!(failed["failures"][0]["record"], "x");
    drop(service);
}

const WAIT: &[&str] = &[
    "wait",
    "--replica",
    "copies",
    "--entity",
    "tickets",
    "7",
    "3",
];

fn wait<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [WAIT, more].concat()
}

#[test]
fn the_tool_waits_for_a_version() {
    let (db, mut conn) = replica();
    let nothing = run(db.url(), &wait(&["--max-time", "0s", "--json"])).json(4);
    assert_eq!(
        (&nothing["outcome"], &nothing["at"]),
        (&json!("timed_out"), &json!(null))
    );
    let mut first = event(7, 1);
    first.op = versioned_core::Op::Created;
    assert_eq!(Copy::apply(&first, &mut conn).unwrap(), Outcome::Applied);
    assert_eq!(
        Copy::apply(&event(7, 2), &mut conn).unwrap(),
        Outcome::Applied
    );
    let start = Instant::now();
    let late = run(db.url(), &wait(&["--max-time", "300ms", "--json"])).json(4);
    assert_eq!(
        (&late["outcome"], &late["at"]),
        (&json!("timed_out"), &json!(2))
    );
    assert!(start.elapsed() >= Duration::from_millis(300));

    // It arrives while the tool waits.
    let url = db.url().to_owned();
    let waiting = std::thread::spawn(move || run(&url, &wait(&["--json"])));
    assert_eq!(
        Copy::apply(&event(7, 3), &mut conn).unwrap(),
        Outcome::Applied
    );
    let reached = waiting.join().unwrap().json(0);
    assert_eq!(
        (&reached["outcome"], &reached["at"]),
        (&json!("reached"), &json!(3))
    );
    let text = run(db.url(), &wait(&[]));
    assert_eq!(
        (text.code, text.text().as_str()),
        (Some(0), "the replica is at version 3\n")
    );

    let ahead = |version: &'static str| {
        [
            "wait",
            "--replica",
            "copies",
            "--entity",
            "tickets",
            "7",
            version,
            "--json",
        ]
    };
    keep(&mut conn, "copies", 7, 4, true);
    let dead = run(db.url(), &ahead("5")).json(3);
    let id = letter_ids(&mut conn)[0].to_string();
    assert_eq!(
        (&dead["outcome"], &dead["dead_letter"]),
        (&json!("dead"), &json!(id))
    );
    versioned_core::positions::forget::<Copy, _>(&7, &mut conn).unwrap();
    assert_eq!(run(db.url(), &ahead("5")).json(3)["outcome"], "forgotten");
}

fn deleted(conn: &mut Conn, replica: &str, record: &str, hours: i64) {
    let (key, at) = (key(), ago(hours));
    conn.batch_execute(&format!(
        "INSERT INTO versioned_positions (replica, entity, {key}, version, deleted_at)
         VALUES ('{replica}', 'tickets', '{record}', 4, {at})"
    ))
    .unwrap();
}

#[test]
fn old_rows_are_purged_by_the_name_of_the_replica() {
    let (db, mut conn) = empty();
    let conn = &mut conn;
    conn.run_pending_migrations(versioned_core::MIGRATIONS.with_requests())
        .unwrap();
    for replica in ["copies", "others", ""] {
        deleted(conn, replica, "1", 5);
        deleted(conn, replica, "2", 1);
    }
    position(conn, "copies", "3", 3);
    letter(conn, "copies", "4", 5, "bad", ago(5));
    letter(conn, "copies", "5", 5, "bad", ago(1));
    letter(conn, "others", "4", 5, "bad", ago(5));
    park(conn, "copies", "3", 7..=8);
    requests::Redrive::all("copies", "nothing")
        .store(conn)
        .unwrap();
    let open = requests::Redrive::all("copies", "tickets")
        .store(conn)
        .unwrap();
    let ended = requests::Redrive::all("copies", "tickets")
        .store(conn)
        .unwrap();
    assert!(requests::cancel(ended.id, conn).unwrap());
    conn.batch_execute("UPDATE versioned_requests SET created_at = 1, last_at = 1 WHERE 1 = 1")
        .unwrap();

    let of = ["purge", "--replica", "copies", "--entity", "tickets"];
    let ages = [
        "--tombstones",
        "3h",
        "--dead-letters",
        "3h",
        "--parked",
        "3h",
        "--requests",
        "3h",
    ];
    let purge = |more: &[&'static str]| [&of[..], &ages, more].concat();
    assert_eq!(run(db.url(), &of).code, Some(2), "without an age");
    let unsafe_ages = [
        &of[..],
        &["--tombstones", "1h", "--dead-letters", "2h", "--json"],
    ]
    .concat();
    assert_eq!(
        run(db.url(), &unsafe_ages).error(2)["code"],
        "unsafe_retention"
    );
    let before = (rows(conn), requests::list(0, 10, conn).unwrap());
    assert_eq!(run_with(db.url(), &purge(&[]), "y\n").code, Some(5));
    assert_eq!(
        run(db.url(), &purge(&["--yes", "--max", "4", "--json"])).error(5)["code"],
        "too_many"
    );
    let dry = run(db.url(), &purge(&["--dry-run", "--json"])).json(0);
    assert_eq!(dry["target"]["read_only"], true);
    let one = |value: u64| json!({"value": value, "at_least": false});
    assert_eq!(
        dry["plan"]["found"],
        json!({"tombstones": one(1), "dead_letters": one(1), "parked": one(2), "requests": one(1)})
    );
    assert_eq!(before, (rows(conn), requests::list(0, 10, conn).unwrap()));

    // In batches of one row.
    let done = run(db.url(), &purge(&["--yes", "--batch", "1", "--json"])).json(0);
    assert_eq!(
        done["results"],
        json!({"tombstones": 1, "dead_letters": 1, "parked": 2, "requests": 1})
    );
    assert_eq!(done["has_more"], false);
    let left: Vec<i64> = requests::list(0, 10, conn)
        .unwrap()
        .iter()
        .map(|request| request.id)
        .collect();
    assert_eq!(left, [open.id - 1, open.id], "of another entity, and open");
    assert_eq!(requests::results(ended.id, 0, 10, conn).unwrap(), []);
    assert_eq!(letter_ids(conn).len(), 2);
    let again = run(db.url(), &purge(&["--yes"]));
    assert_eq!(
        again.text(),
        "0 tombstones, 0 dead letters, 0 parked, 0 requests purged\n"
    );
    // The owner's deletions are kept apart.
    let owner = [
        "purge",
        "--entity",
        "tickets",
        "--tombstones",
        "3h",
        "--yes",
        "--json",
    ];
    assert_eq!(run(db.url(), &owner).json(0)["results"]["tombstones"], 1);
}

/// `versioned_requests` is not in every database.
#[test]
fn without_tables_each_of_these_ends_with_6() {
    let without = Db::fresh("");
    let purge = ["purge", "--entity", "tickets", "--requests", "3h", "--yes"];
    let all = [forget(&["--confirm", "7"]), wait(&[]), purge.to_vec()];
    for args in &all {
        let error = run(without.url(), &[args.as_slice(), &["--json"]].concat()).error(6);
        assert_eq!(error["code"], "tables_missing", "{args:?}");
    }
    let (db, _conn) = empty();
    for args in [&all[0], &all[2]] {
        let error = run(db.url(), &[args.as_slice(), &["--json"]].concat()).error(6);
        assert!(
            error["hint"].as_str().unwrap().contains("with_requests"),
            "{error}"
        );
    }
}
