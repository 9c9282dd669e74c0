//! The roles of the repository: one that may only look, and one for an operator.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use serde_json::json;
use versioned_tests::{mysql, postgres};

use crate::tool::{READING, WRITING, run};

const LETTER: &str = "INSERT INTO versioned_dead_letters (replica, entity, {key}, version, source, subject, message_key,
        headers, body, reason, attempts, first_at, last_at)
    VALUES ('copies', 'tickets', '7', 1, 'a', 's', 'none:', '', '{}', 'not now', 1, 1, 1)";
const OLD: [&str; 3] = [
    "INSERT INTO versioned_positions (replica, entity, {key}, version, deleted_at) VALUES ('copies', 'tickets', '1', 4, 1)",
    "INSERT INTO versioned_parked (replica, entity, {key}, version, event, at) VALUES ('copies', 'tickets', '2', 4, '{}', 1)",
    "INSERT INTO versioned_requests (kind, replica, entity, state, terms, progress, note, due, created_at, last_at)
        VALUES ('redrive', 'copies', 'tickets', 'done', '{}', '{}', '', 0, 1, 1)",
];
const POSITION: &str = "INSERT INTO versioned_positions (replica, entity, {key}, version) VALUES ('copies', 'tickets', '2', 2)";
const EVENT: &str =
    "INSERT INTO versioned_outbox (entity, {key}, version, op, payload, at, attempts, due, error)
    VALUES ('tickets', '7', 1, 'updated', '{}', 1, 1, 9000000000000000, 'too large')";

/// The URL for another user.
fn as_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    format!("{scheme}://{user}:secret@{place}")
}

/// The name of the database, which no other test has.
fn name(url: &str) -> &str {
    url.rsplit_once('/').unwrap().1
}

/// What the roles may and may not do.
fn check(url: &str, users: [&str; 3], nobody: Option<&str>) {
    let [viewer, operator, purger] = users.map(|user| as_user(url, user));
    for user in [&viewer, &operator, &purger] {
        for args in READING {
            run(user, &[*args, &["--json"]].concat()).json(0);
        }
        let wait = [
            "wait",
            "--replica",
            "copies",
            "--entity",
            "tickets",
            "7",
            "1",
            "--json",
        ];
        assert_eq!(run(user, &wait).json(3)["outcome"], "dead");
    }
    let forget = [
        "forget",
        "--replica",
        "copies",
        "--entity",
        "tickets",
        "7",
        "--confirm",
        "7",
        "--json",
        "--max-time",
        "0s",
    ];
    for user in [&viewer, &purger] {
        assert_eq!(run(user, &forget).error(1)["code"], "missing_right");
    }
    assert_eq!(run(&operator, &forget).json(0)["state"], "open");
    let missing = run(&viewer, &["check", "--role", "operator", "--json"]).json(3);
    let rights: Vec<_> = missing["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (&item["table"], &item["right"], &item["cause"]))
        .collect();
    let denied = json!("denied");
    assert_eq!(
        rights,
        [
            (&json!("versioned_outbox"), &json!("UPDATE"), &denied),
            (&json!("versioned_dead_letters"), &json!("DELETE"), &denied),
        ]
    );
    for args in WRITING {
        let args = [*args, &["--yes", "--confirm", "1", "--json"]].concat();
        let args: Vec<_> = if args[0] == "outbox" {
            args.into_iter()
                .filter(|arg| !matches!(*arg, "--confirm"))
                .filter(|arg| *arg != "1")
                .collect()
        } else {
            args
        };
        if args == ["outbox", "retry", "--yes", "--json"] {
            continue;
        }
        let error = run(&viewer, &args).error(1);
        assert_eq!(error["code"], "missing_right", "{args:?}");
        let hint = error["hint"].as_str().unwrap();
        let table = if args[0] == "outbox" {
            "versioned_outbox"
        } else {
            "versioned_dead_letters"
        };
        assert!(hint.contains(table), "{hint}");
    }
    run(&operator, &["check", "--role", "operator", "--json"]).json(0);
    let retried = run(&operator, &["outbox", "retry", "--all", "--yes", "--json"]).json(0);
    assert_eq!(retried["results"]["retried"], 1);
    let asked = run(
        &operator,
        &[
            "dead",
            "redrive",
            "1",
            "--yes",
            "--max-time",
            "0s",
            "--json",
        ],
    )
    .json(0);
    assert_eq!(asked["state"], "open");
    let error = run(&viewer, &["dead", "redrive", "1", "--yes", "--json"]).error(1);
    assert_eq!(error["code"], "missing_right");
    let request = asked["request"].as_str().unwrap();
    assert_eq!(run(&viewer, &["requests", "show", request]).code, Some(0));
    assert_eq!(
        run(&viewer, &["requests", "cancel", request, "--yes"]).code,
        Some(1)
    );
    assert_eq!(
        run(&operator, &["requests", "cancel", request, "--yes"]).code,
        Some(0)
    );
    let discarded = run(
        &operator,
        &["dead", "discard", "--failed", "--yes", "--json"],
    )
    .json(0);
    assert_eq!(discarded["results"]["discarded"], 1);
    // The letter is gone, and another one is old.
    let purge = [
        "purge",
        "--replica",
        "copies",
        "--entity",
        "tickets",
        "--tombstones",
        "3h",
        "--dead-letters",
        "3h",
        "--parked",
        "3h",
        "--requests",
        "3h",
        "--yes",
        "--json",
    ];
    for user in [&viewer, &operator] {
        assert_eq!(run(user, &purge).error(1)["code"], "missing_right");
    }
    let done = run(&purger, &purge).json(0);
    assert_eq!(
        done["results"],
        json!({"tombstones": 1, "dead_letters": 0, "parked": 1, "requests": 1})
    );
    if let Some(nobody) = nobody {
        let nobody = as_user(url, nobody);
        let error = run(&nobody, &["status", "--json"]).error(1);
        assert_eq!(error["code"], "missing_right");
        let document = run(&nobody, &["check", "--json"]).json(3);
        assert_eq!(document["items"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn the_roles_of_postgresql_have_the_rights_that_the_tool_needs() {
    let db = postgres::Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(versioned_core::MIGRATIONS.with_requests())
        .unwrap();
    for sql in [LETTER, EVENT, POSITION].into_iter().chain(OLD) {
        conn.batch_execute(&sql.replace("{key}", "\"key\""))
            .unwrap();
    }
    conn.batch_execute(include_str!("../../../docs/roles-postgresql.sql"))
        .unwrap();
    let name = name(db.url());
    let users = ["v", "o", "p", "n"].map(|user| format!("{name}_{user}"));
    let [viewer, operator, purger, nobody] = &users;
    conn.batch_execute(&format!(
        "CREATE ROLE {viewer} LOGIN PASSWORD 'secret' IN ROLE versioned_viewer;
         CREATE ROLE {operator} LOGIN PASSWORD 'secret' IN ROLE versioned_operator;
         CREATE ROLE {purger} LOGIN PASSWORD 'secret' IN ROLE versioned_purger;
         CREATE ROLE {nobody} LOGIN PASSWORD 'secret'"
    ))
    .unwrap();
    check(db.url(), [viewer, operator, purger], Some(nobody));
    // The rights end where the tool ends.
    for sql in [
        "DELETE FROM versioned_outbox",
        "DELETE FROM versioned_positions",
        "UPDATE versioned_outbox SET payload = ''",
    ] {
        let mut conn = PgConnection::establish(&as_user(db.url(), operator)).unwrap();
        let error = conn.batch_execute(sql).unwrap_err().to_string();
        assert!(error.contains("permission denied"), "{error}");
    }
    // A role that only reads by default stays so.
    conn.batch_execute(&format!(
        "ALTER ROLE {operator} SET default_transaction_read_only = on"
    ))
    .unwrap();
    let reader = as_user(db.url(), operator);
    assert_eq!(run(&reader, &["status"]).code, Some(0));
    let error = run(&reader, &["outbox", "retry", "--all", "--yes", "--json"]).error(1);
    assert_eq!(error["code"], "read_only_server");
    conn.batch_execute(&format!(
        "DROP ROLE {viewer}, {operator}, {purger}, {nobody};
         DROP OWNED BY versioned_viewer, versioned_operator, versioned_purger;
         DROP ROLE versioned_operator, versioned_purger, versioned_viewer"
    ))
    .unwrap();
}

#[test]
fn the_rights_of_mysql_are_those_that_the_tool_needs() {
    let db = mysql::Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(versioned_core::MIGRATIONS.with_requests())
        .unwrap();
    for sql in [LETTER, EVENT, POSITION].into_iter().chain(OLD) {
        conn.batch_execute(&sql.replace("{key}", "`key`")).unwrap();
    }
    // MySQL's names of users end after 32 characters: without what all of these begin with.
    let name = name(db.url()).trim_start_matches("versioned_");
    let [viewer, operator, purger] = ["v", "o", "p"].map(|user| format!("{user}_{name}"));
    for user in [&viewer, &operator, &purger] {
        conn.batch_execute(&format!("CREATE USER {user} IDENTIFIED BY 'secret'"))
            .unwrap();
    }
    let grants = include_str!("../../../docs/roles-mysql.sql");
    conn.batch_execute(
        &grants
            .replace("versioned_viewer", &viewer)
            .replace("versioned_operator", &operator)
            .replace("versioned_purger", &purger),
    )
    .unwrap();
    check(db.url(), [&viewer, &operator, &purger], None);
    conn.batch_execute(&format!("DROP USER {viewer}, {operator}, {purger}"))
        .unwrap();
}
