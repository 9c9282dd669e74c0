//! `versioned dead redrive`: asks the service to apply dead letters again.
//!
//! The tool has neither the models nor the handlers. It stores a request, which the service executes,
//! and waits for the results.

use std::collections::BTreeSet;
use std::env;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use versioned_core::inspect::Letter;
use versioned_core::requests::{Filter, Redrive, Request, RequestState};

use crate::args::RedriveArgs;
use crate::confirm;
use crate::database::Database;
use crate::failure::{Exit, Failure, Outcome, Stop};
use crate::json;
use crate::output::{Output, note};
use crate::text::time;

use super::plan::{Plan, needs_condition};
use super::requests;

pub(super) fn run(args: &RedriveArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let (which, more) = (&args.which, &args.which.more);
    let is_restricted = !args.ids.is_empty()
        || args.failed
        || which.replica.is_some()
        || which.entity.is_some()
        || more.record.is_some()
        || more.reason.is_some()
        || more.since.is_some()
        || more.until.is_some();
    needs_condition(is_restricted, &args.write)?;
    let mut filter = which.filter();
    if args.failed {
        filter = filter.failed();
    }
    if !args.ids.is_empty() {
        filter = filter.ids(args.ids.as_slice());
    }
    let (letters, found) = database.letters(&filter, 0, args.write.limit as usize)?;
    let replica = replica(&letters)?;
    let records = letters
        .iter()
        .filter_map(|letter| Some(letter.record.as_ref()?.0.clone()));
    let plan = Plan {
        verb: "Redrive",
        one: "dead letter",
        ids: letters.iter().map(|letter| letter.id).collect(),
        found,
        records: records.collect(),
        oldest: letters.iter().map(|letter| letter.first_at).min(),
        newest: letters.iter().map(|letter| letter.first_at).max(),
        filter: json!({
            "ids": args.ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "failed": args.failed,
            "replica": which.replica,
            "entity": which.entity,
            "record": more.record,
            "reason": more.reason,
            "since": more.since.map(time),
            "until": more.until.map(time),
            "all": args.write.all,
            "rate": args.rate,
            "canary": args.canary,
            "max_failures": args.max_failures,
        }),
        warnings: Vec::new(),
    };
    plan.note(out);
    plan.allowed(&args.write)?;
    let Some((replica, entity)) = replica.filter(|_| !args.write.dry_run) else {
        let done = (!args.write.dry_run).then_some(&[("applied", 0), ("failed", 0)][..]);
        return plan.print("dead_redrive", done, &args.write, database, out);
    };
    confirm::ask(&plan.question(database), args.write.yes)?;
    // The letters of the plan, and none that came later.
    let chosen = Filter::new().ids(plan.ids.iter().copied());
    let mut redrive = Redrive::new(replica, entity, chosen)
        .limit(plan.ids.len() as u64)
        .canary(args.canary)
        .max_failures(args.max_failures);
    if let Some(rate) = args.rate {
        redrive = redrive.rate(rate);
    }
    let user = env::var("USER").ok().filter(|user| !user.is_empty());
    if let Some(by) = args.by.clone().or(user) {
        redrive = redrive.requested_by(by);
    }
    if let Some(why) = &args.why {
        redrive = redrive.reason(why);
    }
    let stored = database.store(&redrive)?;
    let request = wait(&stored, args.max_time, database, out)?;
    print(&request, &plan, args, database, out)
}

/// The replica and the entity of the letters. A request is of one.
fn replica(letters: &[Letter]) -> Outcome<Option<(String, String)>> {
    let all: BTreeSet<_> = letters
        .iter()
        .map(|letter| (&letter.replica, &letter.entity))
        .collect();
    if all.len() > 1 {
        let names: Vec<_> = all
            .iter()
            .map(|(replica, entity)| format!("{replica} of {entity}"))
            .collect();
        let message = "name one replica, with --replica or --entity: the letters are of several";
        return Err(Failure::new(Exit::Usage, "several_replicas", message)
            .hint(names.join(", "))
            .into());
    }
    let one = all.into_iter().next();
    Ok(one.map(|(replica, entity)| (replica.clone(), entity.clone())))
}

/// Waits until the service has ended the request, or the time is up.
fn wait(
    stored: &Request,
    most: Duration,
    database: &mut Database,
    out: &Output,
) -> Outcome<Request> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(50);
    let mut last = stored.clone();
    if !out.is_json() {
        note(&format!(
            "request {} is stored, and waits for the service",
            stored.id
        ));
    }
    while last.state == RequestState::Open {
        let left = most.saturating_sub(start.elapsed());
        if left.is_zero() {
            break;
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_secs(1));
        let Some(now) = database.request(stored.id)? else {
            return Err(gone(stored.id));
        };
        if now.counts != last.counts && !out.is_json() {
            note(&format!("{}, {} left", now.counts, now.left()));
        }
        last = now;
    }
    Ok(last)
}

fn gone(id: i64) -> Stop {
    let message = format!("request {id} was deleted while it was waited for");
    Failure::new(Exit::Failed, "not_found", message).into()
}

fn print(
    request: &Request,
    plan: &Plan,
    args: &RedriveArgs,
    database: &mut Database,
    out: &mut Output,
) -> Outcome<Exit> {
    let failed = requests::failures(request, database)?;
    if out.is_json() {
        let mut members = json!({
            "plan": plan.json(&args.write),
            "request": request.id.to_string(),
            "state": request.state.name(),
            "note": request.note,
            "left": request.left(),
            "failures": requests::failures_json(&failed),
        });
        if let Value::Object(members) = &mut members {
            members.insert("results".to_owned(), requests::results(request));
        }
        out.document(&json::document("dead_redrive", database, members))?;
    } else {
        requests::print(request, &failed, out)?;
        out.flush()?;
        if request.state == RequestState::Open {
            let id = request.id;
            note(&format!(
                "the service goes on: versioned requests show {id}, versioned requests cancel {id}"
            ));
        }
    }
    Ok(match request.state {
        RequestState::Open if args.max_time.is_zero() => Exit::Done,
        RequestState::Open => Exit::OutOfTime,
        RequestState::Done if request.counts.failed == 0 => Exit::Done,
        _ => Exit::Failed,
    })
}
