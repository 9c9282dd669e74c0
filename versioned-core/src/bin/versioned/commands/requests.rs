//! `versioned requests`: what was asked of the service, and what came of it.

use serde_json::{Value, json};
use versioned_core::requests::{ItemOutcome, Request, RequestItem, RequestState};

use crate::args::{CancelArgs, RequestArgs, RequestListArgs};
use crate::confirm;
use crate::database::Database;
use crate::failure::{Exit, Failure, Outcome, Stop};
use crate::json;
use crate::output::Output;
use crate::table::{Table, number, text};
use crate::text::{since, time};

use super::list::{Page, cut, wrong_place};

/// The number of results that one query returns.
const PAGE: usize = 500;

pub(super) fn list(
    args: &RequestListArgs,
    database: &mut Database,
    out: &mut Output,
) -> Outcome<Exit> {
    let after = match args.page.after.as_deref() {
        Some(place) => place.parse().map_err(|_| wrong_place())?,
        None => 0,
    };
    let rows = database.requests(after, args.page.limit as usize + 1)?;
    let (rows, has_more) = cut(rows, args.page.limit);
    let header = [
        "ID", "REQUEST", "REPLICA", "STATE", "AGE", "CHOSEN", "LEFT", "BY", "RESULTS",
    ];
    let mut table = Table::new(&header);
    for row in &rows {
        table.row([
            number(row.id),
            text(row.kind.name()),
            text(if row.replica.is_empty() {
                &row.entity
            } else {
                &row.replica
            }),
            text(row.state.name()),
            number(since(row.created_at)),
            number(chosen(row).map_or_else(|| "all".to_owned(), |chosen| chosen.to_string())),
            number(
                row.left()
                    .map_or_else(|| "-".to_owned(), |left| left.to_string()),
            ),
            text(row.requested_by.as_deref().unwrap_or("-")),
            text(row.counts.to_string()),
        ]);
    }
    let page = Page {
        name: "requests",
        one: "request",
        items: rows.iter().map(members).collect(),
        table,
        count: None,
        next: rows
            .last()
            .filter(|_| has_more)
            .map(|last| last.id.to_string()),
    };
    page.print(&args.page, database, out)
}

pub(super) fn show(args: &RequestArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let request = database
        .request(args.id)?
        .ok_or_else(|| not_found(args.id))?;
    let failed = failures(&request, database)?;
    if out.is_json() {
        let members = json!({"item": members(&request), "failures": failures_json(&failed)});
        out.document(&json::document("request", database, members))?;
    } else {
        print(&request, &failed, out)?;
    }
    Ok(Exit::Done)
}

pub(super) fn cancel(
    args: &CancelArgs,
    database: &mut Database,
    out: &mut Output,
) -> Outcome<Exit> {
    let request = database
        .request(args.id)?
        .ok_or_else(|| not_found(args.id))?;
    let mut is_canceled = false;
    if request.state == RequestState::Open {
        confirm::ask(&format!("Cancel request {}?", args.id), args.yes)?;
        is_canceled = database.cancel(args.id)?;
    }
    if out.is_json() {
        let members = json!({"results": {"canceled": u64::from(is_canceled)}, "failures": []});
        out.document(&json::document("request_cancel", database, members))?;
    } else if is_canceled {
        out.line("canceled")?;
    } else {
        out.line("it was not open")?;
    }
    Ok(Exit::Done)
}

fn not_found(id: i64) -> Stop {
    let message = format!("there is no request {id}");
    Failure::new(Exit::Failed, "not_found", message)
        .hint("`versioned requests list` has the ids")
        .into()
}

/// Loads the results that failed.
pub(super) fn failures(request: &Request, database: &mut Database) -> Outcome<Vec<RequestItem>> {
    let mut failed = Vec::new();
    if request.counts.failed == 0 {
        return Ok(failed);
    }
    let mut after = 0;
    loop {
        let page = database.results(request.id, after, PAGE)?;
        let Some(last) = page.last() else {
            return Ok(failed);
        };
        after = last.item;
        failed.extend(
            page.into_iter()
                .filter(|item| item.outcome == ItemOutcome::Failed),
        );
    }
}

pub(super) fn failures_json(failed: &[RequestItem]) -> Value {
    let failed = failed.iter().map(|item| {
        json!({
            "id": item.item.to_string(),
            "record": item.key,
            "version": item.version,
            "error": item.error,
        })
    });
    failed.collect()
}

pub(super) fn results(request: &Request) -> Value {
    let counts = &request.counts;
    json!({
        "applied": counts.applied,
        "superseded": counts.superseded,
        "waiting": counts.waiting,
        "failed": counts.failed,
        "forgotten": counts.forgotten,
        "queued": counts.queued,
        "deleted_sent": counts.deletions_queued,
        "unknown": counts.unknown,
    })
}

/// How many were chosen. `None` for all records of an entity.
fn chosen(request: &Request) -> Option<u64> {
    Some(request.chosen).filter(|chosen| *chosen != u64::MAX)
}

fn members(request: &Request) -> Value {
    json!({
        "id": request.id.to_string(),
        "request": request.kind.name(),
        "replica": request.replica,
        "entity": request.entity,
        "state": request.state.name(),
        "chosen": chosen(request),
        "left": request.left(),
        "results": results(request),
        "note": request.note,
        "by": request.requested_by,
        "why": request.reason,
        "created_at": time(request.created_at),
        "last_at": request.last_at.map(time),
    })
}

pub(super) fn print(request: &Request, failed: &[RequestItem], out: &mut Output) -> Outcome<()> {
    out.line(&crate::text::shown(&request.to_string()))?;
    if failed.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut table = Table::new(&["LETTER", "RECORD", "VERSION", "ERROR"]);
    for item in failed {
        table.row([
            number(item.item),
            text(item.key.as_deref().unwrap_or("-")),
            number(item.version),
            text(item.error.as_deref().unwrap_or_default()),
        ]);
    }
    out.table(&table)
}
