//! The plan of a command that writes: what it would do, whether it may, and what came of it.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::time::SystemTime;

use serde_json::{Value, json};
use versioned_core::inspect::{Filter, Letter};
use versioned_core::status::Count;

use crate::args::{LetterChoice, WriteArgs};
use crate::database::Database;
use crate::failure::{Exit, Failure, Outcome};
use crate::json;
use crate::output::{Output, note};
use crate::text;

pub(super) struct Plan {
    /// `Discard`.
    pub(super) verb: &'static str,
    /// `dead letter`.
    pub(super) one: &'static str,
    /// The rows, as they are now. Later ones are not touched.
    pub(super) ids: Vec<i64>,
    /// How many there are without the limit.
    pub(super) found: Count,
    /// The records of the rows.
    pub(super) records: BTreeSet<String>,
    pub(super) oldest: Option<SystemTime>,
    pub(super) newest: Option<SystemTime>,
    pub(super) filter: Value,
    /// What the reader should know before.
    pub(super) warnings: Vec<String>,
}

impl Plan {
    /// The plan for chosen dead letters.
    pub(super) fn of_letters(
        verb: &'static str,
        choice: &LetterChoice,
        args: &WriteArgs,
        letters: &[Letter],
        found: Count,
    ) -> Self {
        let (which, more) = (&choice.which, &choice.which.more);
        let records = letters.iter().filter_map(|letter| {
            let (key, _) = letter.record.as_ref()?;
            Some(format!("{} {key}", letter.replica))
        });
        Self {
            verb,
            one: "dead letter",
            ids: letters.iter().map(|letter| letter.id).collect(),
            found,
            records: records.collect(),
            oldest: letters.iter().map(|letter| letter.first_at).min(),
            newest: letters.iter().map(|letter| letter.first_at).max(),
            filter: json!({
                "ids": choice.ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "failed": choice.failed,
                "replica": which.replica,
                "entity": which.entity,
                "record": more.record,
                "reason": more.reason,
                "since": more.since.map(text::time),
                "until": more.until.map(text::time),
                "all": args.all,
            }),
            warnings: Vec::new(),
        }
    }

    /// Refuses a plan that is larger than the caller allows.
    pub(super) fn allowed(&self, args: &WriteArgs) -> Outcome<()> {
        let Some(max) = args.max else { return Ok(()) };
        if self.found.value <= max && !self.found.at_least {
            return Ok(());
        }
        let message = format!("there are {} rows, and --max allows {max}", self.found);
        Err(Failure::new(Exit::Refused, "too_many", message).into())
    }

    /// The rows that the limit leaves.
    fn left(&self) -> u64 {
        self.found.value.saturating_sub(self.ids.len() as u64)
    }

    pub(super) fn json(&self, args: &WriteArgs) -> Value {
        json!({
            "filter": self.filter,
            "selected": self.ids.len(),
            "ids": self.ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "found": json::count(self.found),
            "records": self.records.len(),
            "oldest": self.oldest.map(text::time),
            "newest": self.newest.map(text::time),
            "warnings": self.warnings,
            "dry_run": args.dry_run,
        })
    }

    pub(super) fn question(&self, database: &Database) -> String {
        let rows = text::many(self.ids.len() as u64, self.one);
        let records = text::many(self.records.len() as u64, "record");
        format!("{} {rows} of {records} on {}?", self.verb, database.place())
    }

    /// Shows the plan to a person. In JSON it is part of the document.
    pub(super) fn note(&self, out: &Output) {
        if out.is_json() && !io::stdin().is_terminal() {
            return;
        }
        let rows = text::many(self.ids.len() as u64, self.one);
        let records = text::many(self.records.len() as u64, "record");
        let mut line = format!("{rows} of {records}");
        if let (Some(oldest), Some(newest)) = (self.oldest, self.newest) {
            let (oldest, newest) = (text::time(oldest), text::time(newest));
            line = format!("{line}, {oldest} to {newest}");
        }
        if self.left() > 0 {
            let more = if self.found.at_least { " or more" } else { "" };
            line = format!("{line}; {}{more} are left for a later run", self.left());
        }
        note(&line);
        for warning in &self.warnings {
            note(&format!("warning: {warning}"));
        }
    }

    /// Prints the plan of a dry run, or the results. `done` are numbers by their names.
    pub(super) fn print(
        &self,
        name: &str,
        done: Option<&[(&str, u64)]>,
        args: &WriteArgs,
        database: &Database,
        out: &mut Output,
    ) -> Outcome<Exit> {
        if out.is_json() {
            let mut members = json!({"plan": self.json(args), "failures": []});
            if let (Some(done), Value::Object(members)) = (done, &mut members) {
                let results = done
                    .iter()
                    .map(|(name, number)| ((*name).to_owned(), json!(number)));
                members.insert("results".to_owned(), Value::Object(results.collect()));
            }
            out.document(&json::document(name, database, members))?;
        } else if let Some(done) = done {
            let done: Vec<_> = done
                .iter()
                .map(|(name, number)| format!("{number} {name}"))
                .collect();
            out.line(&done.join(", ").replace('_', " "))?;
        } else {
            out.line("dry run: nothing was changed")?;
        }
        Ok(Exit::Done)
    }
}

/// Refuses a command without any condition, which would mean all rows.
pub(super) fn needs_condition(filter: &Filter, args: &WriteArgs) -> Outcome<()> {
    if !filter.is_empty() || args.all {
        return Ok(());
    }
    let message = "name ids or conditions, or say --all";
    Err(Failure::new(Exit::Usage, "no_condition", message).into())
}
