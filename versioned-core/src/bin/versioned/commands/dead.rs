//! `versioned dead`: the messages that could not be applied.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use versioned_core::inspect::{Letter, LetterMessage};

use crate::args::{DeadListArgs, DeadShowArgs, DiscardArgs};
use crate::confirm;
use crate::database::Database;
use crate::failure::{Exit, Failure, Outcome};
use crate::json;
use crate::output::Output;
use crate::table::{Style, Table, number, text};
use crate::text::{many, shown, since, time};

use super::list::{Page, cut, wrong_place};
use super::plan::{Plan, needs_condition};

/// What is shown for a letter that only waits.
const WAITS: &str = "waits for an older letter of its record";

pub(super) fn list(
    args: &DeadListArgs,
    database: &mut Database,
    out: &mut Output,
) -> Outcome<Exit> {
    let mut filter = args.which.filter();
    if args.failed {
        filter = filter.failed();
    }
    let after = match args.page.after.as_deref() {
        Some(place) => place.parse().map_err(|_| wrong_place())?,
        None => 0,
    };
    let most = args.page.limit as usize + 1;
    let (rows, count) = database.letters(&filter, after, most)?;
    let (rows, has_more) = cut(rows, args.page.limit);
    let page = Page {
        name: "dead_list",
        one: "dead letter",
        items: rows.iter().map(json::letter).collect(),
        table: table(&rows),
        count: Some(count),
        next: rows
            .last()
            .filter(|_| has_more)
            .map(|last| last.id.to_string()),
    };
    page.print(&args.page, database, out)
}

fn table(rows: &[Letter]) -> Table {
    let header = [
        "ID", "REPLICA", "RECORD", "VERSION", "AGE", "ATTEMPTS", "BLOCKS", "ERROR",
    ];
    let mut table = Table::new(&header);
    for row in rows {
        let (key, version) = match &row.record {
            Some((key, version)) => (key.clone(), version.to_string()),
            None => ("-".to_owned(), "-".to_owned()),
        };
        table.row([
            number(row.id),
            text(&row.replica),
            text(key),
            number(version),
            number(since(row.first_at)),
            number(row.attempts),
            number(row.blocks_parked + row.blocks_letters),
            text(row.reason.as_deref().unwrap_or(WAITS)),
        ]);
    }
    table
}

pub(super) fn show(
    args: &DeadShowArgs,
    database: &mut Database,
    out: &mut Output,
) -> Outcome<Exit> {
    let Some((letter, message)) = database.letter(args.id)? else {
        let message = format!("there is no dead letter {}", args.id);
        return Err(Failure::new(Exit::Failed, "not_found", message)
            .hint("`versioned dead list` has the ids")
            .into());
    };
    if args.raw {
        out.bytes(message.body.as_deref().unwrap_or_default())?;
    } else if out.is_json() {
        let mut item = json::letter(&letter);
        if let (true, Value::Object(item)) = (args.payload, &mut item) {
            item.extend(payload(&message));
        }
        let members = json!({ "item": item });
        out.document(&json::document("dead_show", database, members))?;
    } else {
        print(&letter, &message, args.payload, out)?;
    }
    Ok(Exit::Done)
}

fn payload(message: &LetterMessage) -> serde_json::Map<String, Value> {
    let headers = message.headers.iter().map(|(name, value)| {
        json!({"name": name, "value": String::from_utf8_lossy(value), "raw_base64": STANDARD.encode(value)})
    });
    let mut members = serde_json::Map::new();
    members.insert("headers".to_owned(), headers.collect());
    let key = message.key.as_ref().map(|key| STANDARD.encode(key));
    members.insert("key_base64".to_owned(), json!(key));
    let body = message.body.as_ref();
    let text = body.and_then(|body| std::str::from_utf8(body).ok());
    members.insert("text".to_owned(), json!(text));
    members.insert(
        "raw_base64".to_owned(),
        json!(body.map(|body| STANDARD.encode(body))),
    );
    members
}

fn print(letter: &Letter, message: &LetterMessage, payload: bool, out: &mut Output) -> Outcome<()> {
    let record = match &letter.record {
        Some((key, version)) => format!("{key}, version {version}"),
        None => "unknown".to_owned(),
    };
    let blocks = letter.blocks_parked + letter.blocks_letters;
    let mut lines = vec![
        ("letter", letter.id.to_string()),
        ("replica", letter.replica.clone()),
        ("entity", letter.entity.clone()),
        ("record", record),
        ("message", letter.source.clone()),
        ("subject", letter.subject.clone()),
        (
            "error",
            letter.reason.clone().unwrap_or_else(|| WAITS.to_owned()),
        ),
        ("attempts", letter.attempts.to_string()),
        (
            "first",
            format!("{} ({} ago)", time(letter.first_at), since(letter.first_at)),
        ),
        (
            "last",
            format!("{} ({} ago)", time(letter.last_at), since(letter.last_at)),
        ),
        ("blocks", many(blocks, "later event")),
    ];
    let body = message.body.as_ref();
    lines.push((
        "body",
        match body {
            Some(body) => many(body.len() as u64, "byte"),
            None => "none".to_owned(),
        },
    ));
    for (name, value) in lines {
        out.line(&format!("{name:<9} {}", shown(&value)))?;
    }
    if !payload {
        return Ok(());
    }
    out.line("")?;
    for (name, value) in &message.headers {
        let value = String::from_utf8_lossy(value);
        out.line(&format!("{}: {}", shown(name), shown(&value)))?;
    }
    let Some(body) = body else { return Ok(()) };
    out.line("")?;
    match std::str::from_utf8(body) {
        Ok(body) => body.lines().try_for_each(|line| out.line(&shown(line))),
        Err(_) => out.styled("the body is no text: --raw writes its bytes", Style::Yellow),
    }
}

pub(super) fn discard(
    args: &DiscardArgs,
    database: &mut Database,
    out: &mut Output,
) -> Outcome<Exit> {
    let filter = args.letters.filter();
    needs_condition(&filter, &args.write)?;
    let (rows, found) = database.letters(&filter, 0, args.write.limit as usize)?;
    let plan = Plan {
        warnings: warnings(&rows),
        ..Plan::of_letters("Discard", &args.letters, &args.write, &rows, found)
    };
    plan.note(out);
    plan.allowed(&args.write)?;
    if args.write.dry_run {
        return plan.print("dead_discard", None, &args.write, database, out);
    }
    let mut discarded = 0;
    if !plan.ids.is_empty() {
        if !plan.warnings.is_empty() && !args.leave_gap {
            return Err(gap(&plan));
        }
        let number = plan.ids.len().to_string();
        if args.write.all {
            confirm::ask_for(&number, &plan.question(database), args.confirm.as_deref())?;
        } else {
            confirm::ask(&plan.question(database), args.write.yes)?;
        }
        discarded = database.discard(&plan.ids)? as u64;
    }
    let gone = (plan.ids.len() as u64).saturating_sub(discarded);
    let done = [("discarded", discarded), ("gone_already", gone)];
    plan.print("dead_discard", Some(&done), &args.write, database, out)
}

/// The letters for which later events wait.
fn warnings(rows: &[Letter]) -> Vec<String> {
    let blocking = rows
        .iter()
        .filter(|row| row.blocks_parked + row.blocks_letters > 0);
    let warnings = blocking.filter_map(|row| {
        let (key, version) = row.record.as_ref()?;
        let waiting = many(row.blocks_parked + row.blocks_letters, "later event");
        Some(format!(
            "letter {}: {waiting} of record {key} wait for version {version}",
            row.id
        ))
    });
    warnings.collect()
}

/// Later events would wait for ever, so this needs a decision.
fn gap(plan: &Plan) -> crate::failure::Stop {
    let blocking = plan.warnings.len();
    let message =
        format!("say --leave-gap, because later events wait for {blocking} of these letters");
    Failure::new(Exit::Refused, "leaves_gap", message)
        .hint("only a snapshot of the record closes the gap: `versioned resend` at the owner")
        .into()
}
