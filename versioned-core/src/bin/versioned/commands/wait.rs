//! `versioned wait`: waits until a replica has a version of a record.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use versioned_core::wait::Arrival;

use crate::args::WaitArgs;
use crate::database::Database;
use crate::failure::{Exit, Outcome};
use crate::json;
use crate::output::Output;

pub(super) fn run(args: &WaitArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(20);
    let arrival = loop {
        let arrival = database.arrival(&args.replica, &args.entity, &args.record, args.version)?;
        let left = args.max_time.saturating_sub(start.elapsed());
        if !matches!(arrival, Arrival::TimedOut { .. }) || left.is_zero() {
            break arrival;
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_secs(1));
    };
    let (outcome, at, letter, exit) = match arrival {
        Arrival::Reached { version } => ("reached", Some(version), None, Exit::Done),
        Arrival::DeadLetter { id } => ("dead", None, Some(id), Exit::No),
        Arrival::Forgotten => ("forgotten", None, None, Exit::No),
        Arrival::TimedOut { current } => ("timed_out", current, None, Exit::OutOfTime),
        _ => ("rejected", None, None, Exit::OutOfTime),
    };
    if out.is_json() {
        let members = json!({
            "replica": args.replica,
            "entity": args.entity,
            "record": args.record,
            "version": args.version,
            "outcome": outcome,
            "at": at,
            "dead_letter": letter.map(|id| id.to_string()),
        });
        out.document(&json::document("wait", database, members))?;
    } else {
        out.line(&arrival.to_string())?;
    }
    Ok(exit)
}
