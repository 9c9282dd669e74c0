//! A reader that does not read to the end.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use diesel::connection::SimpleConnection as _;
use diesel_migrations::MigrationHarness as _;
use versioned_tests::sqlite::Db;

use crate::tool::on;

/// More than fits into a pipe.
fn many() -> Db {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(versioned_core::MIGRATIONS)
        .unwrap();
    conn.batch_execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO versioned_dead_letters (replica, entity, \"key\", version, source, subject, message_key,
             headers, body, reason, attempts, first_at, last_at)
         SELECT 'copies', 'tickets', i, 1, 'EVENTS:' || i, 'events', 'none:', '', '{}', 'not now', 1, 1, 1 FROM n;
         CREATE TABLE tickets (id BIGINT PRIMARY KEY, version BIGINT NOT NULL);
         INSERT INTO versioned_positions (replica, entity, \"key\", version)
         SELECT 'copies', 'tickets', i, 1 FROM (SELECT id AS i FROM versioned_dead_letters)",
    )
    .unwrap();
    db
}

#[test]
fn a_reader_of_one_line_ends_the_tool_quietly() {
    let db = many();
    for args in [
        &["dead", "list", "--limit", "10000"][..],
        &["dead", "list", "--limit", "10000", "--json"],
        &["dead", "list", "--limit", "10000", "--jsonl"],
        &[
            "compare",
            "--replica",
            "copies",
            "--entity",
            "tickets",
            "--settle",
            "0s",
            "--limit",
            "3000",
        ],
        &["watch", "--interval", "1s"],
        &["watch", "--interval", "1s", "--jsonl"],
    ] {
        let mut command = on(db.url());
        command
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut reader = BufReader::with_capacity(64, child.stdout.take().unwrap());
        let mut line = String::new();
        // A document of one line is not read to its end.
        if !args.contains(&"--json") {
            reader.read_line(&mut line).unwrap();
            assert!(line.ends_with('\n'), "{args:?}");
        }
        drop(reader);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        let said: Vec<_> = stderr
            .lines()
            .filter(|line| !line.starts_with("sqlite ") && !line.starts_with("owner: sqlite "))
            .collect();
        assert_eq!(said, Vec::<&str>::new(), "{args:?}");
    }
}

#[test]
fn help_is_written_to_a_closed_pipe() {
    for args in [
        &["--help"][..],
        &["dead", "list", "--help"],
        &["--version"],
        &["nonsense"],
    ] {
        let mut command = crate::tool::command();
        command
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        let is_wrong = args == ["nonsense"];
        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(if is_wrong { 2 } else { 0 }), "{args:?}");
    }
}
