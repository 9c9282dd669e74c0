//! Asks before something is written.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::failure::{Exit, Failure, Outcome, Stop};

fn refused(message: impl Into<String>) -> Stop {
    Failure::new(Exit::Refused, "not_confirmed", message).into()
}

/// Asks a question, unless `--yes` has answered it. An answer is never read from a pipe.
pub(crate) fn ask(question: &str, yes: bool) -> Outcome<()> {
    if yes {
        return Ok(());
    }
    let answer = answer(&format!("{question} [y/N] "), "--yes")?;
    if matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(refused("not confirmed, and nothing was changed"))
}

/// Asks for a text, which `--confirm` may have given.
pub(crate) fn ask_for(text: &str, question: &str, confirm: Option<&str>) -> Outcome<()> {
    let answer = match confirm {
        Some(given) => given.to_owned(),
        None => answer(&format!("{question} Type {text} to confirm: "), "--confirm")?,
    };
    if answer == text {
        return Ok(());
    }
    Err(refused(format!(
        "{text} was not confirmed, and nothing was changed"
    )))
}

fn answer(question: &str, option: &str) -> Outcome<String> {
    if !io::stdin().is_terminal() {
        let message = format!("use {option}: there is no terminal to ask, and nothing was changed");
        return Err(refused(message));
    }
    let mut stderr = io::stderr();
    write!(stderr, "{question}")?;
    stderr.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
