//! `versioned forget`: asks the service to forget a record of a replica for good.

use serde_json::json;
use versioned_core::inspect::Filter;
use versioned_core::requests::Forget;

use crate::args::ForgetArgs;
use crate::confirm;
use crate::database::Database;
use crate::failure::{Exit, Outcome};
use crate::json;
use crate::output::{Output, note};
use crate::text::shown;

use super::asked;

pub(super) fn run(args: &ForgetArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let of_record = Filter::new()
        .replica(&args.replica)
        .entity(&args.entity)
        .record(&args.record);
    let (letters, parked) = database.kept_of(&of_record)?;
    let plan = json!({
        "replica": args.replica,
        "entity": args.entity,
        "record": args.record,
        "dead_letters": json::count(letters),
        "parked": json::count(parked),
        "dry_run": args.dry_run,
    });
    let what = format!("record {} of {}", args.record, args.replica);
    if !out.is_json() {
        let line = format!("{what}, with {letters} dead letters and {parked} parked events");
        note(&shown(&line));
    }
    if args.dry_run {
        if out.is_json() {
            let members = json!({"plan": plan, "failures": []});
            out.document(&json::document("forget", database, members))?;
        } else {
            out.line("dry run: nothing was changed")?;
        }
        return Ok(Exit::Done);
    }
    let question = shown(&format!("Forget {what} on {} for good?", database.place()));
    confirm::ask_for(&args.record, &question, args.confirm.as_deref())?;
    let mut forget = Forget::records(&args.replica, &args.entity, [&*args.record]);
    if let Some(by) = asked::asker(&args.who) {
        forget = forget.requested_by(by);
    }
    if let Some(why) = &args.who.why {
        forget = forget.reason(why);
    }
    let stored = database.store_forget(&forget)?;
    let request = asked::wait(&stored, args.who.max_time, database, out)?;
    asked::print("forget", &request, &plan, &args.who, database, out)
}
