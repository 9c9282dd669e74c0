//! `versioned compare`: the versions of a replica and of its owner, in two databases.
//!
//! The tool has no models, so it reads the versions of the owner's table and of the replica's
//! positions. A replica that is at each version of its owner may still have other data.
//!
//! A record that is not equal is a suspect, and is looked at again later, the replica first. It is
//! behind if the replica still does not have the version that the owner had at the look before.

use std::collections::HashMap;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::args::CompareArgs;
use crate::database::Database;
use crate::failure::{Exit, Failure, Outcome, Stop};
use crate::json;
use crate::output::{Output, note};
use crate::table::{Style, Table, number, text};
use crate::target;
use crate::versions::{OwnerTable, Positions, Seen};

/// The number of suspects after which no further page is read.
const SUSPECTS: usize = 10_000;
/// The keys in one query.
const KEYS: usize = 500;

pub(super) fn run(args: &CompareArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let target = target::find_owner(args.owner_url_file.as_deref())?;
    let target = target.unwrap_or_else(|| database.target.clone());
    let mut owner = Database::open(target, database.mode, database.limit())?;
    if !out.is_json() {
        note(&format!("owner: {}", owner.describe()));
    }
    let mut run = Run {
        args,
        table: OwnerTable {
            kind: owner.target.kind,
            table: args.table.as_deref().unwrap_or(&args.entity),
            key: &args.key,
            key_type: args.key_type,
            version: &args.version_column,
        },
        positions: Positions {
            kind: database.target.kind,
            replica: &args.replica,
            entity: &args.entity,
        },
        tombstones: Some(Positions {
            kind: owner.target.kind,
            replica: "",
            entity: &args.entity,
        }),
        owner: &mut owner,
        replica: database,
        suspects: Vec::new(),
        found: Found::default(),
        start: Instant::now(),
    };
    let complete = run.records()? && run.rows()?;
    run.settle()?;
    let found = run.found;
    if out.is_json() {
        let members = json!({
            "replica": args.replica,
            "entity": args.entity,
            "compared": "versions",
            "complete": complete,
            "results": found.results(),
            "items": found.items.iter().map(Difference::json).collect::<Vec<_>>(),
        });
        out.document(&json::document("compare", database, members))?;
    } else {
        print(&found, complete, out)?;
    }
    Ok(if found.differences() > 0 {
        Exit::No
    } else if !complete {
        Exit::OutOfTime
    } else if found.checked() == 0 && !args.allow_empty {
        Exit::No
    } else {
        Exit::Done
    })
}

/// How a replica has a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Equal,
    Behind,
    Ahead,
    /// One has the record as deleted at the version of the other.
    Different,
    Missing,
    Extra,
    /// The replica was told to forget it.
    Forgotten,
}

const VERDICTS: [(Verdict, &str); 7] = [
    (Verdict::Equal, "equal"),
    (Verdict::Behind, "behind"),
    (Verdict::Ahead, "ahead"),
    (Verdict::Different, "different"),
    (Verdict::Missing, "missing"),
    (Verdict::Extra, "extra"),
    (Verdict::Forgotten, "forgotten"),
];

impl Verdict {
    fn of(owner: Option<&Seen>, replica: Option<&Seen>) -> Self {
        let live = |seen: &Seen| seen.deleted == 0;
        match (owner, replica) {
            (_, Some(replica)) if replica.version == i64::MAX && !live(replica) => Self::Forgotten,
            (None, Some(replica)) if live(replica) => Self::Extra,
            (Some(owner), None) if live(owner) => Self::Missing,
            (Some(owner), Some(replica)) if live(owner) || live(replica) => {
                match replica.version.cmp(&owner.version) {
                    std::cmp::Ordering::Less => Self::Behind,
                    std::cmp::Ordering::Greater => Self::Ahead,
                    std::cmp::Ordering::Equal if live(owner) == live(replica) => Self::Equal,
                    std::cmp::Ordering::Equal => Self::Different,
                }
            }
            _ => Self::Equal,
        }
    }

    fn name(self) -> &'static str {
        let found = VERDICTS.iter().find(|(verdict, _)| *verdict == self);
        found.map_or("", |(_, name)| name)
    }

    fn is_difference(self) -> bool {
        !matches!(self, Self::Equal | Self::Forgotten)
    }
}

struct Difference {
    key: String,
    verdict: Verdict,
    owner: Option<i64>,
    replica: Option<i64>,
}

impl Difference {
    fn json(&self) -> Value {
        json!({
            "record": self.key,
            "outcome": self.verdict.name(),
            "owner_version": self.owner,
            "replica_version": self.replica,
        })
    }
}

#[derive(Default)]
struct Found {
    counts: [u64; VERDICTS.len()],
    items: Vec<Difference>,
}

impl Found {
    fn count(&mut self, verdict: Verdict) {
        for ((one, _), count) in VERDICTS.iter().zip(&mut self.counts) {
            *count += u64::from(*one == verdict);
        }
    }

    fn checked(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn differences(&self) -> u64 {
        let all = VERDICTS.iter().zip(&self.counts);
        let differences = all.filter(|((verdict, _), _)| verdict.is_difference());
        differences.map(|(_, count)| count).sum()
    }

    fn results(&self) -> Value {
        let all = VERDICTS.iter().zip(&self.counts);
        let all = all.map(|((_, name), count)| ((*name).to_owned(), json!(count)));
        Value::Object(all.collect())
    }
}

/// A record that was not equal.
struct Suspect {
    key: String,
    /// The owner's version at the look before.
    owner: Option<i64>,
    due: Instant,
}

/// A comparison that runs.
struct Run<'a> {
    args: &'a CompareArgs,
    table: OwnerTable<'a>,
    positions: Positions<'a>,
    /// `None` if the owner's database has no table for them.
    tombstones: Option<Positions<'a>>,
    owner: &'a mut Database,
    replica: &'a mut Database,
    suspects: Vec<Suspect>,
    found: Found,
    start: Instant,
}

impl Run<'_> {
    fn is_over(&self) -> bool {
        self.start.elapsed() >= self.args.max_time
    }

    /// Compares the owner's records, page by page. Returns `false` if the time is over.
    fn records(&mut self) -> Outcome<bool> {
        let mut after: Option<String> = None;
        loop {
            let page = self.table.page(after.as_deref(), self.args.page);
            let page = self
                .owner
                .versions(&page.ok_or_else(|| wrong_key(after.as_deref()))?)?;
            let Some(last) = page.last() else {
                return Ok(true);
            };
            after = Some(last.key.clone());
            let replica = self.at_replica(page.iter().map(|seen| seen.key.as_str()))?;
            for seen in &page {
                match Verdict::of(Some(seen), replica.get(&seen.key)) {
                    verdict if verdict.is_difference() => {
                        self.suspect(seen.key.clone(), Some(seen.version));
                    }
                    verdict => self.found.count(verdict),
                }
            }
            if self.suspects.len() >= SUSPECTS {
                self.settle()?;
            }
            if self.is_over() {
                return Ok(false);
            }
        }
    }

    /// Looks up the replica's records at the owner, page by page. Those that the owner has were
    /// compared before.
    fn rows(&mut self) -> Outcome<bool> {
        let mut after: Option<String> = None;
        loop {
            let page = self.positions.page(after.as_deref(), self.args.page);
            let page = self.replica.versions(&page)?;
            let Some(last) = page.last() else {
                return Ok(true);
            };
            after = Some(last.key.clone());
            let owner = self.at_owner(page.iter().map(|seen| seen.key.as_str()))?;
            for seen in page {
                let at_owner = owner.get(&seen.key);
                if at_owner.is_none_or(|at_owner| at_owner.deleted != 0) {
                    self.suspect(seen.key, at_owner.map(|at_owner| at_owner.version));
                }
            }
            if self.suspects.len() >= SUSPECTS {
                self.settle()?;
            }
            if self.is_over() {
                return Ok(false);
            }
        }
    }

    fn suspect(&mut self, key: String, owner: Option<i64>) {
        let due = Instant::now() + self.args.settle;
        self.suspects.push(Suspect { key, owner, due });
    }

    /// Looks at the suspects again, after the time to settle.
    fn settle(&mut self) -> Outcome<()> {
        let suspects = std::mem::take(&mut self.suspects);
        for chunk in suspects.chunks(KEYS) {
            if let Some(last) = chunk.last() {
                thread::sleep(last.due.saturating_duration_since(Instant::now()));
            }
            let keys = || chunk.iter().map(|suspect| suspect.key.as_str());
            let replica = self.at_replica(keys())?;
            let owner = self.at_owner(keys())?;
            for suspect in chunk {
                let (owner, replica) = (owner.get(&suspect.key), replica.get(&suspect.key));
                let mut verdict = Verdict::of(owner, replica);
                let at = replica.map(|seen| seen.version);
                if verdict == Verdict::Behind && at >= suspect.owner && suspect.owner.is_some() {
                    // It follows.
                    verdict = Verdict::Equal;
                }
                self.found.count(verdict);
                if verdict.is_difference() && self.found.items.len() < self.args.limit as usize {
                    self.found.items.push(Difference {
                        key: suspect.key.clone(),
                        verdict,
                        owner: owner.map(|seen| seen.version),
                        replica: at,
                    });
                }
            }
        }
        Ok(())
    }

    fn at_replica<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k str>,
    ) -> Outcome<HashMap<String, Seen>> {
        let keys: Vec<&str> = keys.collect();
        let mut all = HashMap::new();
        for keys in keys.chunks(KEYS) {
            if let Some(sql) = self.positions.records(keys.iter().copied()) {
                all.extend(by_key(self.replica.versions(&sql)?));
            }
        }
        Ok(all)
    }

    /// Returns the rows and the remembered deletions. A row counts more.
    fn at_owner<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k str>,
    ) -> Outcome<HashMap<String, Seen>> {
        let keys: Vec<&str> = keys.collect();
        let mut all = HashMap::new();
        for keys in keys.chunks(KEYS) {
            if let Some(sql) = self
                .tombstones
                .and_then(|all| all.records(keys.iter().copied()))
            {
                match self.owner.versions(&sql) {
                    Ok(found) => all.extend(by_key(found)),
                    Err(Stop::Failed(failure)) if failure.exit == Exit::Unfit => {
                        self.tombstones = None;
                    }
                    Err(stop) => return Err(stop),
                }
            }
            if let Some(sql) = self.table.records(keys.iter().copied()) {
                all.extend(by_key(self.owner.versions(&sql)?));
            }
        }
        Ok(all)
    }
}

fn by_key(found: Vec<Seen>) -> impl Iterator<Item = (String, Seen)> {
    found.into_iter().map(|seen| (seen.key.clone(), seen))
}

fn wrong_key(key: Option<&str>) -> Stop {
    let key = crate::text::shown(key.unwrap_or_default());
    let message = format!("give the type of the key with --key-type: {key} is no such key");
    Failure::new(Exit::Usage, "wrong_key_type", message).into()
}

fn print(found: &Found, complete: bool, out: &mut Output) -> Outcome<()> {
    if !found.items.is_empty() {
        let mut table = Table::new(&["RECORD", "OUTCOME", "OWNER", "REPLICA"]);
        let version =
            |version: Option<i64>| version.map_or_else(|| "-".to_owned(), |v| v.to_string());
        for one in &found.items {
            table.row([
                text(&one.key),
                text(one.verdict.name()).style(Style::Yellow),
                number(version(one.owner)),
                number(version(one.replica)),
            ]);
        }
        out.table(&table)?;
        out.line("")?;
    }
    let all = VERDICTS.iter().zip(&found.counts);
    let counts: Vec<_> = all
        .filter(|((verdict, _), count)| *verdict == Verdict::Equal || **count > 0)
        .map(|((_, name), count)| format!("{count} {name}"))
        .collect();
    let end = if complete {
        ""
    } else {
        ", and the time is over"
    };
    out.line(&format!("{} by version{end}", counts.join(", ")))
}
