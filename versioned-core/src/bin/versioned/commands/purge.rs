//! `versioned purge`: deletes what need not be remembered any more, in short transactions.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use versioned_core::retention::{Old, Retention};
use versioned_core::status::Count;

use crate::args::PurgeArgs;
use crate::confirm;
use crate::database::Database;
use crate::failure::{Exit, Failure, Outcome};
use crate::json;
use crate::output::{Output, note};
use crate::text::{many, shown};

/// The pause between two transactions.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn run(args: &PurgeArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let retention = retention(args);
    let old = database.old(&retention, &args.replica, &args.entity)?;
    let of = match args.replica.as_str() {
        "" => format!("the owner of {}", args.entity),
        replica => format!("{replica} of {}", args.entity),
    };
    let what = format!("{} of {}", kinds(&old, args), shown(&of));
    if !out.is_json() {
        note(&what);
    }
    allowed(&old, args)?;
    if args.dry_run {
        if out.is_json() {
            print_json(args, &old, None, database, out)?;
        } else {
            out.line("dry run: nothing was changed")?;
        }
        return Ok(Exit::Done);
    }
    let mut done = Done::default();
    if all(&old).iter().any(|(_, count)| count.value > 0) {
        confirm::ask(&format!("Purge {what} on {}?", database.place()), args.yes)?;
        done.purge(&retention, args, database)?;
    }
    if out.is_json() {
        print_json(args, &old, Some(&done), database, out)?;
    } else {
        let parts = done.parts();
        let parts: Vec<_> = parts
            .iter()
            .map(|(name, rows)| format!("{rows} {name}"))
            .collect();
        let more = if done.has_more {
            ", and there are more"
        } else {
            ""
        };
        out.line(&format!(
            "{} purged{more}",
            parts.join(", ").replace('_', " ")
        ))?;
    }
    if done.is_other_running {
        let message = "try again later: another purge is running";
        return Err(Failure::new(Exit::Failed, "purge_running", message).into());
    }
    Ok(Exit::Done)
}

fn retention(args: &PurgeArgs) -> Retention {
    let mut retention = Retention::new().pause(Duration::ZERO);
    if let Some(age) = args.tombstones {
        retention = retention.tombstones(age);
    }
    if let Some(age) = args.dead_letters {
        retention = retention.dead_letters(age);
    }
    if let Some(age) = args.parked {
        retention = retention.parked(age);
    }
    if let Some(age) = args.requests {
        retention = retention.requests(age);
    }
    retention
}

/// What a purge has deleted.
#[derive(Default)]
struct Done {
    tombstones: u64,
    dead_letters: u64,
    parked: u64,
    requests: u64,
    has_more: bool,
    is_other_running: bool,
}

impl Done {
    /// Deletes batch after batch. Each is a transaction.
    fn purge(
        &mut self,
        retention: &Retention,
        args: &PurgeArgs,
        database: &mut Database,
    ) -> Outcome<()> {
        let mut left = args.limit;
        loop {
            let batch =
                usize::try_from(left).map_or(usize::MAX, |left| left.min(args.batch as usize));
            let step = retention.clone().batch(batch).at_most(batch);
            let purged = database.purge(&step, &args.replica, &args.entity)?;
            self.tombstones += purged.tombstones as u64;
            self.dead_letters += purged.dead_letters as u64;
            self.parked += purged.parked as u64;
            self.requests += purged.requests as u64;
            self.has_more = purged.has_more;
            self.is_other_running = purged.is_other_running;
            left = left.saturating_sub(purged.rows() as u64);
            if !purged.has_more || left == 0 {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
    }

    fn parts(&self) -> [(&'static str, u64); 4] {
        [
            ("tombstones", self.tombstones),
            ("dead_letters", self.dead_letters),
            ("parked", self.parked),
            ("requests", self.requests),
        ]
    }
}

fn all(old: &Old) -> [(&'static str, Count); 4] {
    [
        ("tombstones", old.tombstones),
        ("dead_letters", old.dead_letters),
        ("parked", old.parked),
        ("requests", old.requests),
    ]
}

/// The kinds that are purged, with their numbers.
fn kinds(old: &Old, args: &PurgeArgs) -> String {
    let asked = [
        (args.tombstones, old.tombstones, "tombstone"),
        (args.dead_letters, old.dead_letters, "dead letter"),
        (args.parked, old.parked, "parked event"),
        (args.requests, old.requests, "request"),
    ];
    let parts = asked.iter().filter(|(age, ..)| age.is_some());
    let parts: Vec<_> = parts
        .map(|(_, count, one)| {
            if count.at_least {
                format!("more than {}", many(count.value - 1, one))
            } else {
                many(count.value, one)
            }
        })
        .collect();
    parts.join(", ")
}

fn allowed(old: &Old, args: &PurgeArgs) -> Outcome<()> {
    let Some(max) = args.max else { return Ok(()) };
    let rows: u64 = all(old).iter().map(|(_, count)| count.value).sum();
    if rows <= max {
        return Ok(());
    }
    let message = format!("there are {rows} rows or more, and --max allows {max}");
    Err(Failure::new(Exit::Refused, "too_many", message).into())
}

fn print_json(
    args: &PurgeArgs,
    old: &Old,
    done: Option<&Done>,
    database: &Database,
    out: &mut Output,
) -> Outcome<()> {
    let seconds = |age: Option<Duration>| age.map(|age| age.as_secs_f64());
    let found = all(old).map(|(name, count)| (name.to_owned(), json::count(count)));
    let mut members = json!({
        "plan": {
            "replica": args.replica,
            "entity": args.entity,
            "tombstones_seconds": seconds(args.tombstones),
            "dead_letters_seconds": seconds(args.dead_letters),
            "parked_seconds": seconds(args.parked),
            "requests_seconds": seconds(args.requests),
            "limit": args.limit,
            "found": Value::Object(found.into_iter().collect()),
            "dry_run": args.dry_run,
        },
        "failures": [],
    });
    if let (Some(done), Value::Object(members)) = (done, &mut members) {
        let parts = done
            .parts()
            .map(|(name, rows)| (name.to_owned(), json!(rows)));
        let results = Value::Object(parts.into_iter().collect());
        members.insert("results".to_owned(), results);
        members.insert("has_more".to_owned(), json!(done.has_more));
    }
    out.document(&json::document("purge", database, members))
}
