//! `versioned parked`: the records that wait for an event.

use versioned_core::inspect::{Parked, ParkedPlace};

use crate::args::ParkedArgs;
use crate::database::Database;
use crate::failure::{Exit, Outcome};
use crate::json;
use crate::output::Output;
use crate::table::{Table, number, text};
use crate::text::since;

use super::list::{Page, cut, wrong_place};

pub(super) fn run(args: &ParkedArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let after = match args.page.after.as_deref() {
        Some(place) => Some(place_of(place).ok_or_else(wrong_place)?),
        None => None,
    };
    let filter = args.which.filter();
    let most = args.page.limit as usize + 1;
    let (rows, count) = database.parked(&filter, after.as_ref(), most)?;
    let (rows, has_more) = cut(rows, args.page.limit);
    let next = rows.last().filter(|_| has_more).map(place_after);
    let page = Page {
        name: "parked",
        one: "parked event",
        items: rows.iter().map(json::parked).collect(),
        table: table(&rows),
        count: Some(count),
        next,
    };
    page.print(&args.page, database, out)
}

/// The names and the key may have any character, so the place is a JSON array.
fn place_after(last: &Parked) -> String {
    serde_json::json!([last.replica, last.entity, last.key]).to_string()
}

fn place_of(place: &str) -> Option<ParkedPlace> {
    let (replica, entity, key): (String, String, String) = serde_json::from_str(place).ok()?;
    Some(ParkedPlace::after(replica, entity, key))
}

fn table(rows: &[Parked]) -> Table {
    let header = [
        "REPLICA",
        "ENTITY",
        "RECORD",
        "AT",
        "WAITS FOR",
        "EVENTS",
        "SINCE",
        "LETTER",
        "ERROR",
    ];
    let mut table = Table::new(&header);
    for row in rows {
        let is_next = row.current.map(|current| current + 1) == Some(row.received);
        let waits_for = match row.current {
            // The database has rejected the next one.
            Some(_) if is_next => "-".to_owned(),
            Some(current) => current.saturating_add(1).to_string(),
            None => "its first".to_owned(),
        };
        table.row([
            text(&row.replica),
            text(&row.entity),
            text(&row.key),
            number(
                row.current
                    .map_or_else(|| "-".to_owned(), |current| current.to_string()),
            ),
            number(waits_for),
            number(row.events),
            number(since(row.since)),
            number(
                row.letter
                    .map_or_else(|| "-".to_owned(), |id| id.to_string()),
            ),
            text(row.reason.as_deref().unwrap_or_default()),
        ]);
    }
    table
}
