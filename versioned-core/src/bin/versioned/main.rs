//! The command-line tool of `versioned-core`: shows what waits in a database, and does what an
//! operator decides. The guide has a chapter about it, `how_to::command_line`.

#[cfg(not(any(
    feature = "cli-sqlite",
    feature = "cli-postgres",
    feature = "cli-mysql"
)))]
compile_error!("enable `cli-sqlite`, `cli-postgres` or `cli-mysql` instead of `cli`");

mod args;
mod commands;
mod confirm;
mod connection;
mod database;
mod failure;
mod json;
mod output;
mod secrets;
mod table;
mod target;
mod text;
mod versions;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use self::args::Args;
use self::failure::Stop;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let is_json = args.output.is_json();
    match commands::run(args) {
        Ok(exit) => exit.into(),
        // The reader has what it wanted.
        Err(Stop::Closed) => ExitCode::SUCCESS,
        Err(Stop::Failed(failure)) => {
            // There is no better place to report that this fails.
            drop(failure.report(is_json, &mut std::io::stderr()));
            failure.exit.into()
        }
    }
}

/// Prints the help, or what is wrong with the arguments. `clap` would write it with a panic if the
/// reader has closed the pipe.
fn usage(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    drop(if error.use_stderr() {
        std::io::stderr().write_all(text.as_bytes())
    } else {
        std::io::stdout().write_all(text.as_bytes())
    });
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}
