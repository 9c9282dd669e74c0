//! `versioned dead redrive`: asks the service to apply dead letters again.
//!
//! The tool has neither the models nor the handlers. It stores a request, which the service executes,
//! and waits for the results.

use std::collections::BTreeSet;

use serde_json::json;
use versioned_core::inspect::Letter;
use versioned_core::requests::{Filter, Redrive};

use crate::args::RedriveArgs;
use crate::confirm;
use crate::database::Database;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::text::time;

use super::asked;
use super::plan::{Plan, needs_condition};

pub(super) fn run(args: &RedriveArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let (which, more) = (&args.which, &args.which.more);
    let mut filter = which.filter();
    if args.failed {
        filter = filter.failed();
    }
    if !args.ids.is_empty() {
        filter = filter.ids(args.ids.as_slice());
    }
    needs_condition(&filter, &args.write)?;
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
            "rate": args.ask.rate,
            "canary": args.canary,
            "max_failures": args.ask.max_failures,
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
        .max_failures(args.ask.max_failures);
    if let Some(rate) = args.ask.rate {
        redrive = redrive.rate(rate);
    }
    if let Some(by) = asked::asker(&args.ask) {
        redrive = redrive.requested_by(by);
    }
    if let Some(why) = &args.ask.why {
        redrive = redrive.reason(why);
    }
    let stored = database.store(&redrive)?;
    let request = asked::wait(&stored, args.ask.max_time, database, out)?;
    let plan = plan.json(&args.write);
    asked::print("dead_redrive", &request, &plan, &args.ask, database, out)
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
