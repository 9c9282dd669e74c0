//! `versioned check`: whether the tables and the rights are there.

use serde_json::json;
use versioned_core::tables::{Cause, Use};

use crate::args::{CheckArgs, Role};
use crate::database::Database;
use crate::failure::{Exit, Outcome};
use crate::json;
use crate::output::Output;
use crate::table::{Style, Table, text};

pub(super) fn run(args: &CheckArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let of = match args.role {
        Role::Viewer => Use::View,
        Role::Operator => Use::Operate,
    };
    let missing = database.missing(of)?;
    let scrub = |reason: &str| database.target.secrets.scrub(reason);
    let is_unfit = missing
        .iter()
        .any(|missing| missing.cause == Cause::Missing);
    if out.is_json() {
        let items = missing.iter().map(|missing| {
            json!({
                "table": missing.table,
                "right": missing.right,
                "cause": cause(missing.cause),
                "error": scrub(&missing.reason),
            })
        });
        let members = json!({"ok": missing.is_empty(), "items": items.collect::<Vec<_>>()});
        out.document(&json::document("check", database, members))?;
    } else if missing.is_empty() {
        out.line(&format!(
            "{}: the tables and the rights are there",
            database.facts.server
        ))?;
    } else {
        let mut table = Table::new(&["TABLE", "RIGHT", "CAUSE", "ERROR"]);
        for missing in &missing {
            let style = Style::Red;
            table.row([
                text(missing.table),
                text(missing.right),
                text(cause(missing.cause)).style(style),
                text(scrub(&missing.reason)),
            ]);
        }
        out.table(&table)?;
        out.line("")?;
        out.line(if is_unfit {
            "run the migrations of versioned-core, of the same version as this tool"
        } else {
            "grant the rights: docs/roles-postgresql.sql and docs/roles-mysql.sql have them"
        })?;
    }
    Ok(if missing.is_empty() {
        Exit::Done
    } else if is_unfit {
        Exit::Unfit
    } else {
        Exit::No
    })
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Missing => "missing",
        Cause::Denied => "denied",
        Cause::OutOfTime => "timeout",
        _ => "other",
    }
}
