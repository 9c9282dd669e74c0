//! Runs the tool.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What a run of the tool printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// The tool, without a database.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_versioned_tool"));
    command
        .env_remove("DATABASE_URL")
        .env_remove("VERSIONED_DATABASE_URL")
        .stdin(Stdio::null());
    command
}

/// The tool on a database.
pub(crate) fn on(url: &str) -> Command {
    let mut command = command();
    command.env("VERSIONED_DATABASE_URL", url);
    command
}

pub(crate) fn run(url: &str, args: &[&str]) -> Ran {
    ran(on(url).args(args).output().unwrap())
}

/// As [`run`], with a standard input that is a pipe.
pub(crate) fn run_with(url: &str, args: &[&str], input: &str) -> Ran {
    let mut command = on(url);
    command.args(args).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may have ended without reading.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    ran(child.wait_with_output().unwrap())
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// The one JSON document, and nothing on the standard error.
    #[track_caller]
    pub(crate) fn json(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{self:?}");
        let document = serde_json::from_slice(&self.stdout);
        document.unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The error of a run with `--json`: one document on the standard error, and none on the other.
    #[track_caller]
    pub(crate) fn error(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.text(), "");
        let document: Value = serde_json::from_str(&self.stderr).unwrap();
        assert_eq!(self.stderr.lines().count(), 1);
        document["error"].clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// The commands that only read, each with its arguments.
pub(crate) const READING: &[&[&str]] = &[
    &["status"],
    &["watch", "--count", "1"],
    &["outbox"],
    &["outbox", "--rejected"],
    &["parked"],
    &["dead", "list"],
    &["check"],
];

/// Those that write.
pub(crate) const WRITING: &[&[&str]] = &[
    &["outbox", "retry", "--all"],
    &["outbox", "retry", "1"],
    &["dead", "discard", "--failed", "--leave-gap"],
    &["dead", "discard", "1", "--leave-gap"],
    &["dead", "discard", "--all", "--leave-gap"],
];
