//! `versioned watch`: the status again and again.

use std::thread;
use std::time::{Duration, SystemTime};

use crate::args::WatchArgs;
use crate::database::Database;
use crate::failure::{Exit, Outcome, Stop};
use crate::json;
use crate::output::{Output, note};
use crate::text;

use super::status::{attention, print};

/// The longest pause before the next try to connect.
const LONGEST: Duration = Duration::from_secs(50);

pub(super) fn run(args: &WatchArgs, database: Database, out: &mut Output) -> Outcome<Exit> {
    let target = database.target.clone();
    let (mode, limit) = (database.mode, database.limit());
    let mut open = Some(database);
    let mut pause = args.interval;
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let looked = match &mut open {
            Some(database) => look(args, database, out),
            None => Database::open(target.clone(), mode, limit).and_then(|mut database| {
                look(args, &mut database, out)?;
                open = Some(database);
                Ok(())
            }),
        };
        match looked {
            Ok(()) => {
                pause = args.interval;
                left -= 1;
            }
            Err(Stop::Failed(failure)) if failure.is_temporary() => {
                let wait = text::age(pause);
                note(&format!("{}; trying again in {wait}", failure.message));
                open = None;
                thread::sleep(pause);
                pause = next(pause);
                continue;
            }
            Err(stop) => return Err(stop),
        }
        if left > 0 {
            thread::sleep(pause);
        }
    }
    Ok(Exit::Done)
}

fn next(pause: Duration) -> Duration {
    pause.saturating_mul(2).min(LONGEST.max(pause))
}

fn look(args: &WatchArgs, database: &mut Database, out: &mut Output) -> Outcome<()> {
    let status = database.status()?;
    let attention = attention(&status, args.late);
    if out.is_json() {
        let members = json::status(&status, &attention);
        out.document(&json::document("status", database, members))?;
        return out.flush();
    }
    let now = text::time(SystemTime::now());
    if out.is_terminal {
        out.clear()?;
        out.line(&format!("{}  {now}", database.describe()))?;
        out.line("")?;
        print(&status, &attention, out)?;
    } else {
        let outbox = &status.outbox;
        let parked: u64 = status
            .replicas
            .iter()
            .map(|replica| replica.parked.value)
            .sum();
        let letters: u64 = status
            .replicas
            .iter()
            .map(|replica| replica.dead_letters.value)
            .sum();
        let (pending, rejected) = (outbox.pending, outbox.rejected);
        out.line(&format!(
            "{now} pending={pending} rejected={rejected} parked={parked} dead_letters={letters} attention={}",
            attention.len()
        ))?;
    }
    out.flush()
}
