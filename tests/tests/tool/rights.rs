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
fn check(url: &str, viewer: &str, operator: &str, nobody: Option<&str>) {
    let (viewer, operator) = (as_user(url, viewer), as_user(url, operator));
    for user in [&viewer, &operator] {
        for args in READING {
            run(user, &[*args, &["--json"]].concat()).json(0);
        }
    }
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
    for sql in [LETTER, EVENT] {
        conn.batch_execute(&sql.replace("{key}", "\"key\""))
            .unwrap();
    }
    conn.batch_execute(include_str!("../../../docs/roles-postgresql.sql"))
        .unwrap();
    let name = name(db.url());
    let users = ["v", "o", "n"].map(|user| format!("{name}_{user}"));
    let [viewer, operator, nobody] = &users;
    conn.batch_execute(&format!(
        "CREATE ROLE {viewer} LOGIN PASSWORD 'secret' IN ROLE versioned_viewer;
         CREATE ROLE {operator} LOGIN PASSWORD 'secret' IN ROLE versioned_operator;
         CREATE ROLE {nobody} LOGIN PASSWORD 'secret'"
    ))
    .unwrap();
    check(db.url(), viewer, operator, Some(nobody));
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
        "DROP ROLE {viewer}, {operator}, {nobody}; DROP OWNED BY versioned_viewer, versioned_operator;
         DROP ROLE versioned_operator, versioned_viewer"
    ))
    .unwrap();
}

#[test]
fn the_rights_of_mysql_are_those_that_the_tool_needs() {
    let db = mysql::Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(versioned_core::MIGRATIONS.with_requests())
        .unwrap();
    for sql in [LETTER, EVENT] {
        conn.batch_execute(&sql.replace("{key}", "`key`")).unwrap();
    }
    // MySQL's names of users end after 32 characters: without what all of these begin with.
    let name = name(db.url()).trim_start_matches("versioned_");
    let (viewer, operator) = (format!("v_{name}"), format!("o_{name}"));
    for user in [&viewer, &operator] {
        conn.batch_execute(&format!("CREATE USER {user} IDENTIFIED BY 'secret'"))
            .unwrap();
    }
    let grants = include_str!("../../../docs/roles-mysql.sql");
    conn.batch_execute(
        &grants
            .replace("versioned_viewer", &viewer)
            .replace("versioned_operator", &operator),
    )
    .unwrap();
    check(db.url(), &viewer, &operator, None);
    conn.batch_execute(&format!("DROP USER {viewer}, {operator}"))
        .unwrap();
}
