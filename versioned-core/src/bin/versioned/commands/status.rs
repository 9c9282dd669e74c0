//! `versioned status`: how much waits, and since when.

use std::time::Duration;

use versioned_core::status::{Count, Status};

use crate::args::StatusArgs;
use crate::database::Database;
use crate::failure::{Exit, Outcome};
use crate::json;
use crate::output::Output;
use crate::table::{Cell, Style, Table, number, text};
use crate::text::{age, many, shown};

pub(super) fn run(args: &StatusArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let status = database.status()?;
    let attention = attention(&status, args.late);
    if out.is_json() {
        let members = json::status(&status, &attention);
        out.document(&json::document("status", database, members))?;
    } else {
        print(&status, &attention, out)?;
    }
    let is_bad = args.exit_code && !attention.is_empty();
    Ok(if is_bad { Exit::No } else { Exit::Done })
}

/// What an operator should look at, each with the command that shows it.
pub(super) fn attention(status: &Status, late: Duration) -> Vec<String> {
    let mut all = Vec::new();
    let outbox = &status.outbox;
    let is_late = |oldest: Option<Duration>| oldest.filter(|oldest| *oldest > late);
    if let Some(oldest) = is_late(outbox.oldest_pending) {
        let oldest = age(oldest);
        all.push(format!(
            "an event has waited in the outbox for {oldest}: versioned outbox"
        ));
    }
    if outbox.rejected.value > 0 {
        let rejected = counted(outbox.rejected, "event");
        all.push(format!(
            "the broker has rejected {rejected}: versioned outbox --rejected"
        ));
    }
    for replica in &status.replicas {
        let name = shown(&replica.replica);
        if let Some(oldest) = is_late(replica.oldest_parked) {
            let oldest = age(oldest);
            all.push(format!(
                "{name} has waited for an event for {oldest}: versioned parked --replica '{name}'"
            ));
        }
        if replica.dead_letters.value > 0 {
            let letters = counted(replica.dead_letters, "dead letter");
            all.push(format!(
                "{name} has {letters}: versioned dead list --replica '{name}'"
            ));
        }
    }
    all
}

fn counted(count: Count, one: &str) -> String {
    if count.at_least {
        format!("{}+ {one}s", count.value.saturating_sub(1))
    } else {
        many(count.value, one)
    }
}

pub(super) fn print(status: &Status, attention: &[String], out: &mut Output) -> Outcome<()> {
    let outbox = &status.outbox;
    let mut table = Table::new(&["OUTBOX", "EVENTS", "OLDEST"]);
    table.row([
        text("pending"),
        amount(outbox.pending, Style::Plain),
        oldest(outbox.oldest_pending),
    ]);
    table.row([
        text("rejected"),
        amount(outbox.rejected, Style::Yellow),
        oldest(outbox.oldest_rejected),
    ]);
    out.table(&table)?;
    out.line("")?;
    if status.replicas.is_empty() {
        out.line("no replica has applied an event yet")?;
    } else {
        let header = [
            "REPLICA",
            "ENTITY",
            "PARKED",
            "OLDEST",
            "DEAD LETTERS",
            "OLDEST",
        ];
        let mut table = Table::new(&header);
        for replica in &status.replicas {
            table.row([
                text(&replica.replica),
                text(&replica.entity),
                amount(replica.parked, Style::Yellow),
                oldest(replica.oldest_parked),
                amount(replica.dead_letters, Style::Red),
                oldest(replica.oldest_dead_letter),
            ]);
        }
        out.table(&table)?;
    }
    out.line("")?;
    if attention.is_empty() {
        return out.line("nothing needs attention");
    }
    for line in attention {
        out.styled(line, Style::Yellow)?;
    }
    Ok(())
}

fn amount(count: Count, style: Style) -> Cell {
    let style = if count.value > 0 { style } else { Style::Plain };
    let cell = if count.at_least {
        number(format!("{}+", count.value.saturating_sub(1)))
    } else {
        number(count.value)
    };
    cell.style(style)
}

fn oldest(oldest: Option<Duration>) -> Cell {
    number(oldest.map_or_else(|| "-".to_owned(), age))
}
