//! `versioned dead redrive`: asks the service to apply dead letters again.
//!
//! The tool has neither the models nor the handlers. It stores a request, which the service executes,
//! and waits for the results.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use versioned_core::inspect::{Filter, Letter};
use versioned_core::requests::Redrive;

use crate::args::RedriveArgs;
use crate::confirm;
use crate::database::Database;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;

use super::asked;
use super::plan::{Plan, needs_condition};

pub(super) fn run(args: &RedriveArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let filter = args.letters.filter();
    needs_condition(&filter, &args.write)?;
    let (letters, found) = database.letters(&filter, 0, args.write.limit as usize)?;
    let replica = replica(&letters)?;
    let mut plan = Plan::of_letters("Redrive", &args.letters, &args.write, &letters, found);
    if let Value::Object(filter) = &mut plan.filter {
        filter.insert("rate".to_owned(), json!(args.ask.rate));
        filter.insert("canary".to_owned(), json!(args.canary));
        filter.insert("max_failures".to_owned(), json!(args.ask.max_failures));
    }
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
    if let Some(by) = asked::asker(&args.ask.who) {
        redrive = redrive.requested_by(by);
    }
    if let Some(why) = &args.ask.who.why {
        redrive = redrive.reason(why);
    }
    let stored = database.store(&redrive)?;
    let request = asked::wait(&stored, args.ask.who.max_time, database, out)?;
    let plan = plan.json(&args.write);
    asked::print(
        "dead_redrive",
        &request,
        &plan,
        &args.ask.who,
        database,
        out,
    )
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
