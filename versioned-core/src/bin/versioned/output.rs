//! The result on the standard output, and what goes with it on the standard error.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};

use serde_json::Value;

use crate::args::{Color, OutputArgs};
use crate::failure::Outcome;
use crate::table::{Style, Table};

/// The form of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
    JsonLines,
}

impl Form {
    fn of(args: &OutputArgs) -> Self {
        match args {
            args if args.jsonl => Self::JsonLines,
            args if args.json => Self::Json,
            _ => Self::Text,
        }
    }
}

/// Where results go.
pub(crate) struct Output {
    stdout: io::BufWriter<io::Stdout>,
    pub(crate) form: Form,
    pub(crate) is_terminal: bool,
    has_colors: bool,
    width: Option<usize>,
}

impl Output {
    pub(crate) fn new(args: &OutputArgs) -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let has_colors = match args.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && !is_set("NO_COLOR") && !is_dumb,
        };
        let size = terminal_size::terminal_size().filter(|_| is_terminal);
        Self {
            stdout: io::BufWriter::new(stdout),
            form: Form::of(args),
            is_terminal,
            has_colors: has_colors && !args.is_json(),
            width: size.map(|(width, _)| width.0.into()),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.form != Form::Text
    }

    pub(crate) fn line(&mut self, text: &str) -> Outcome<()> {
        Ok(writeln!(self.stdout, "{text}")?)
    }

    pub(crate) fn styled(&mut self, text: &str, style: Style) -> Outcome<()> {
        let text = style.paint(text, self.has_colors);
        self.line(&text)
    }

    pub(crate) fn table(&mut self, table: &Table) -> Outcome<()> {
        for line in table.lines(self.width, self.has_colors) {
            self.line(&line)?;
        }
        Ok(())
    }

    /// One JSON document in one line.
    pub(crate) fn document(&mut self, document: &Value) -> Outcome<()> {
        self.line(&document.to_string())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.stdout.write_all(bytes)?)
    }

    /// Clears the terminal.
    pub(crate) fn clear(&mut self) -> Outcome<()> {
        Ok(write!(self.stdout, "\u{1b}[H\u{1b}[2J\u{1b}[3J")?)
    }

    pub(crate) fn flush(&mut self) -> Outcome<()> {
        Ok(self.stdout.flush()?)
    }
}

/// Writes a line to the standard error. There is no place to report that this fails.
pub(crate) fn note(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}
