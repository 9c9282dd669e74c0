//! Why a command ended, and its exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::json;

/// The exit codes. Scripts depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; or asked, and the answer is fine.
    Done = 0,
    /// Could not do it or find out.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// Asked, and the answer is no.
    No = 3,
    /// A limit of time ran out before an answer.
    OutOfTime = 4,
    /// Not confirmed, or more than the caller has allowed.
    Refused = 5,
    /// The tables and the tool do not fit.
    Unfit = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The reader of the output has closed the pipe.
    Closed,
    Failed(Box<Failure>),
}

/// An error, as the caller reads it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// For scripts.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

pub(crate) type Outcome<T = Exit> = Result<T, Stop>;

impl Failure {
    pub(crate) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit,
            code,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        let hint = Some(hint.into());
        Self { hint, ..self }
    }

    /// Whether the same may work a little later.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self.code, "connect_failed" | "connection_lost" | "timeout")
    }

    /// Writes the error in one line, and the hint in the next one.
    pub(crate) fn report(&self, is_json: bool, out: &mut impl Write) -> io::Result<()> {
        if is_json {
            let hint = self.hint.as_deref();
            let error = json!({"code": self.code, "message": self.message, "hint": hint});
            return writeln!(out, "{}", json!({ "error": error }));
        }
        writeln!(out, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => writeln!(out, "hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        let message = format!("cannot write the output: {error}");
        Failure::new(Exit::Failed, "output_failed", message).into()
    }
}
