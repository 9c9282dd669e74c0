//! The questions of the commands that write, in a terminal that `script` makes.

use std::io::Write as _;
use std::process::{Command, Stdio};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use versioned_tests::sqlite::Db;

fn db() -> Db {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(versioned_core::MIGRATIONS)
        .unwrap();
    conn.batch_execute(
        "INSERT INTO versioned_dead_letters (replica, entity, \"key\", version, source, subject, message_key,
            headers, body, reason, attempts, first_at, last_at)
         VALUES ('copies', 'tickets', '7', 1, 'a', 's', 'none:', '', '{}', 'not now', 1, 1, 1),
            ('copies', 'tickets', '8', 1, 'b', 's', 'none:', '', '{}', 'not now', 1, 1, 1)",
    )
    .unwrap();
    db
}

fn letters(db: &Db) -> i64 {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
        "(SELECT count(*) FROM versioned_dead_letters)",
    ))
    .get_result(&mut db.connect())
    .unwrap()
}

/// Runs the tool in a terminal, types the answer, and returns the exit code and the screen.
fn answered(db: &Db, args: &str, answer: &str) -> (Option<i32>, String) {
    let tool = env!("CARGO_BIN_EXE_versioned_tool");
    let mut command = Command::new("script");
    command.args(["-qec", &format!("{tool} {args}"), "/dev/null"]);
    command
        .env("VERSIONED_DATABASE_URL", db.url())
        .env("TERM", "xterm")
        .env_remove("NO_COLOR");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(answer.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn a_question_is_answered_in_a_terminal() {
    let db = db();
    for answer in ["n\n", "\n", "maybe\n"] {
        let (code, screen) = answered(&db, "dead discard 1", answer);
        assert_eq!(code, Some(5), "{screen}");
        assert!(
            screen.contains("Discard 1 dead letter of 1 record on "),
            "{screen}"
        );
        assert!(screen.contains("[y/N]"), "{screen}");
        assert_eq!(letters(&db), 2);
    }
    let (code, screen) = answered(&db, "dead discard 1", "y\n");
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(letters(&db), 1);
    // The number itself is asked for.
    for (answer, code, left) in [("y\n", 5, 1), ("2\n", 5, 1), ("1\n", 0, 0)] {
        let (ended, screen) = answered(&db, "dead discard --all --yes", answer);
        assert_eq!((ended, letters(&db)), (Some(code), left), "{screen}");
    }
}

#[test]
fn a_terminal_gets_colors_and_a_pipe_none() {
    let db = db();
    let (_, screen) = answered(&db, "status", "");
    assert!(screen.contains("\u{1b}[31m"), "{screen:?}");
    let (_, screen) = answered(&db, "status --json", "");
    assert!(!screen.contains('\u{1b}'), "{screen:?}");
    let ran = crate::tool::run(db.url(), &["status"]);
    assert!(!ran.text().contains('\u{1b}'), "{ran:?}");
}
