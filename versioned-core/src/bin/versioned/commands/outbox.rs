//! `versioned outbox`: the events that wait to be published, and rejected ones again.

use serde_json::json;
use versioned_core::inspect::PendingEvent;

use crate::args::{OutboxListArgs, RetryArgs};
use crate::confirm;
use crate::database::Database;
use crate::failure::{Exit, Outcome};
use crate::json;
use crate::output::Output;
use crate::table::{Table, number, text};
use crate::text::{since, time, until};

use super::list::{Page, cut, wrong_place};
use super::plan::{Plan, needs_condition};

pub(super) fn list(
    args: &OutboxListArgs,
    database: &mut Database,
    out: &mut Output,
) -> Outcome<Exit> {
    let mut filter = args.which.filter();
    if args.rejected {
        filter = filter.failed();
    }
    let after = match args.page.after.as_deref() {
        Some(place) => place_of(place, args.rejected).ok_or_else(wrong_place)?,
        None => (0, 0),
    };
    let most = args.page.limit as usize + 1;
    let (rows, count) = database.pending(&filter, after, most)?;
    let (rows, has_more) = cut(rows, args.page.limit);
    let next = rows.last().filter(|_| has_more).map(|last| {
        if args.rejected {
            format!("{}:{}", last.attempts, last.id)
        } else {
            last.id.to_string()
        }
    });
    let page = Page {
        name: "outbox",
        one: "event",
        items: rows.iter().map(json::pending).collect(),
        table: table(&rows),
        count: Some(count),
        next,
    };
    page.print(&args.page, database, out)
}

fn place_of(place: &str, rejected: bool) -> Option<(u32, i64)> {
    if rejected {
        let (attempts, id) = place.split_once(':')?;
        return Some((attempts.parse().ok()?, id.parse().ok()?));
    }
    Some((0, place.parse().ok()?))
}

fn table(rows: &[PendingEvent]) -> Table {
    let header = [
        "ID",
        "ENTITY",
        "RECORD",
        "VERSION",
        "OPERATION",
        "AGE",
        "ATTEMPTS",
        "NEXT TRY",
        "ERROR",
    ];
    let mut table = Table::new(&header);
    for row in rows {
        table.row([
            number(row.id),
            text(&row.entity),
            text(&row.key),
            number(row.version),
            text(&row.op),
            number(since(row.at)),
            number(row.attempts),
            text(row.retry_at.map_or_else(|| "due".to_owned(), until)),
            text(row.reason.as_deref().unwrap_or_default()),
        ]);
    }
    table
}

pub(super) fn retry(args: &RetryArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let which = &args.which;
    let more = &which.more;
    let mut filter = which.filter();
    if !args.ids.is_empty() {
        filter = filter.ids(args.ids.iter().copied());
    }
    needs_condition(&filter, &args.write)?;
    let filter = filter.failed();
    let (rows, found) = database.pending(&filter, (0, 0), args.write.limit as usize)?;
    let plan = Plan {
        verb: "Retry",
        one: "rejected event",
        ids: rows.iter().map(|row| row.id).collect(),
        found,
        records: rows
            .iter()
            .map(|row| format!("{}/{}", row.entity, row.key))
            .collect(),
        oldest: rows.iter().map(|row| row.at).min(),
        newest: rows.iter().map(|row| row.at).max(),
        filter: json!({
            "ids": args.ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "entity": which.entity,
            "record": more.record,
            "reason": more.reason,
            "since": more.since.map(time),
            "until": more.until.map(time),
            "all": args.write.all,
        }),
        warnings: Vec::new(),
    };
    plan.note(out);
    plan.allowed(&args.write)?;
    if args.write.dry_run {
        return plan.print("outbox_retry", None, &args.write, database, out);
    }
    let mut retried = 0;
    if !plan.ids.is_empty() {
        confirm::ask(&plan.question(database), args.write.yes)?;
        retried = database.retry(&plan.ids)? as u64;
    }
    let due_already = (plan.ids.len() as u64).saturating_sub(retried);
    let done = [("retried", retried), ("due_already", due_already)];
    plan.print("outbox_retry", Some(&done), &args.write, database, out)
}
