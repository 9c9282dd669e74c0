//! The examples that run to their end, as processes: what they say, and what they leave behind. (`axum_tickets` is in
//! `tests/http`.)

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const TICKETS: &str = env!("CARGO_BIN_EXE_tickets");
const TWO_SERVICES: &str = env!("CARGO_BIN_EXE_two_services");
/// How many writes `two_services` does.
const WRITES: usize = 600;

fn run(program: &str, arguments: &[&str], directory: &Path) -> Output {
    Command::new(program)
        .args(arguments)
        .env("TMPDIR", directory)
        .output()
        .unwrap()
}

/// What it says, when nothing is wrong.
fn said(output: Output) -> String {
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{text}{errors}", output.status);
    assert_eq!(errors, "");
    text
}

/// The numbers of the only line that begins with these words.
#[track_caller]
fn numbers(text: &str, words: &str) -> Vec<usize> {
    let mut lines = text.lines().filter(|line| line.starts_with(words));
    let line = lines.next().unwrap_or_else(|| panic!("{words}\n{text}"));
    assert_eq!(lines.next(), None, "{text}");
    line.split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect()
}

/// As many records are shown, and each is the same on both sides.
#[track_caller]
fn assert_the_same(text: &str, records: usize) {
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("  ticket "))
        .collect();
    assert_eq!(rows.len(), records, "{text}");
    let same = |row: &&str| row.ends_with(" the same");
    assert!(rows.iter().all(same), "{text}");
}

fn is_empty(directory: &TempDir) -> bool {
    directory.path().read_dir().unwrap().next().is_none()
}

#[test]
fn tickets_says_what_the_readme_says() {
    let directory = TempDir::with_prefix("versioned-tests-").unwrap();
    let text = said(run(TICKETS, &[], directory.path()));
    let conflict = "tickets 7 is stale: expected version 1, found 2";
    assert!(
        text.contains(&format!("\n  rejected     {conflict}\n")),
        "{text}"
    );
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    assert!(readme.contains(&format!("// \"{conflict}\"")));
    assert!(readme.contains("cargo run --example tickets\n"));
    // 12 are made, 2 of them deleted; each event comes twice.
    assert_the_same(&text, 10);
    let events = numbers(&text, "  .. ")[0];
    let heard = numbers(&text, &format!("  {events} applied"));
    assert_eq!(heard[..2], [events, events], "{text}");
    assert!(is_empty(&directory));
}

#[test]
fn two_services_in_one_process() {
    let directory = TempDir::with_prefix("versioned-tests-").unwrap();
    let text = said(run(TWO_SERVICES, &[], directory.path()));
    assert!(
        text.starts_with("Two services in one process, on SQLite, without a broker:\n"),
        "{text}"
    );
    assert_the_same(&text, 20);
    assert_eq!(numbers(&text, "  relay ")[0], WRITES, "{text}");
    assert!(is_empty(&directory));
}

#[test]
fn two_services_asks_for_what_is_missing() {
    let brokers = [
        ("nats", cfg!(feature = "nats")),
        ("kafka", cfg!(feature = "kafka")),
        ("rabbitmq", cfg!(feature = "rabbitmq")),
    ];
    for (broker, is_on) in brokers {
        let option = format!("--{broker}");
        let missing = if is_on {
            "--tickets-db URL is missing".to_owned()
        } else {
            format!("{option} requires `--features {broker}`")
        };
        assert_refused(&[&option, "localhost"], &missing);
    }
    assert_refused(
        &["--tickets-db", "postgres://localhost/tickets"],
        "--nats URL, --kafka HOST:PORT or --rabbitmq URL is missing",
    );
}

#[track_caller]
fn assert_refused(arguments: &[&str], reason: &str) {
    let directory = TempDir::with_prefix("versioned-tests-").unwrap();
    let output = run(TWO_SERVICES, arguments, directory.path());
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.trim_end(), format!("Error: {reason:?}"));
}

#[cfg(any(feature = "nats", feature = "kafka", feature = "rabbitmq"))]
mod processes {
    use diesel::prelude::*;
    use versioned_tests::postgres::Db;

    use super::*;

    diesel::table! {
        tickets {
            id -> BigInt,
            price -> BigInt,
            version -> BigInt,
        }
    }

    diesel::table! {
        ticket_copies {
            id -> BigInt,
            price -> BigInt,
            version -> BigInt,
        }
    }

    diesel::table! {
        versioned_outbox {
            id -> BigInt,
        }
    }

    type Row = (i64, i64, i64);

    #[cfg(feature = "nats")]
    #[test]
    fn two_services_on_postgresql_and_jetstream() {
        let broker = versioned_tests::nats::Broker::start();
        two_services("JetStream", ["--nats", &broker.url()]);
    }

    #[cfg(feature = "kafka")]
    #[test]
    fn two_services_on_postgresql_and_kafka() {
        let broker = versioned_tests::kafka::Broker::start();
        two_services("Kafka", ["--kafka", &broker.client().url()]);
    }

    #[cfg(feature = "rabbitmq")]
    #[test]
    fn two_services_on_postgresql_and_rabbitmq() {
        let broker = versioned_tests::rabbitmq::Broker::start();
        two_services("RabbitMQ", ["--rabbitmq", &broker.url()]);
    }

    fn two_services(name: &str, broker: [&str; 2]) {
        let directory = TempDir::with_prefix("versioned-tests-").unwrap();
        let (owner, replica) = (Db::fresh(""), Db::fresh(""));
        let arguments = [
            broker,
            ["--tickets-db", owner.url()],
            ["--orders-db", replica.url()],
        ];
        let mut versions = 0;
        // The second run goes on from where the first one ended.
        for _ in 0..2 {
            let text = said(run(TWO_SERVICES, &arguments.concat(), directory.path()));
            let title = format!("Two services as two processes, on PostgreSQL and {name}:\n");
            assert!(text.starts_with(&title), "{text}");
            assert_the_same(&text, 20);
            assert_eq!(numbers(&text, "  relay ")[0], WRITES, "{text}");
            let figures = numbers(&text, "  orders       ");
            assert_eq!(figures[0] + figures[1], WRITES, "{text}");

            let (mut owner, mut replica) = (owner.connect(), replica.connect());
            let originals: Vec<Row> = tickets::table.order(tickets::id).load(&mut owner).unwrap();
            let copies: Vec<Row> = ticket_copies::table
                .order(ticket_copies::id)
                .load(&mut replica)
                .unwrap();
            assert_eq!(originals, copies);
            let waiting = versioned_outbox::table.count().get_result(&mut owner);
            assert_eq!(waiting, Ok(0));
            let written: i64 = originals.iter().map(|row| row.2).sum();
            assert!(written > versions, "{written}, after {versions}");
            versions = written;
        }
    }
}
