//! `versioned resend`: asks the owner's service to send records again.
//!
//! Their present state goes through the outbox as a snapshot, which repairs replicas that have missed
//! an event.

use serde_json::json;
use versioned_core::requests::Resend;

use crate::args::ResendArgs;
use crate::confirm;
use crate::database::Database;
use crate::failure::{Exit, Outcome};
use crate::json;
use crate::output::{Output, note};
use crate::text::many;

use super::asked;

pub(super) fn run(args: &ResendArgs, database: &mut Database, out: &mut Output) -> Outcome<Exit> {
    let plan = json!({
        "entity": args.entity,
        "records": args.records,
        "all": args.all,
        "limit": args.limit,
        "rate": args.ask.rate,
        "max_pending": args.max_pending,
        "max_failures": args.ask.max_failures,
        "dry_run": args.dry_run,
    });
    let what = match args.limit {
        _ if !args.all => many(args.records.len() as u64, "record"),
        Some(limit) => format!("at most {}", many(limit, "record")),
        None => "all records".to_owned(),
    };
    let what = format!("{what} of {}", crate::text::shown(&args.entity));
    if args.dry_run {
        if out.is_json() {
            let members = json!({"plan": plan, "failures": []});
            out.document(&json::document("resend", database, members))?;
        } else {
            note(&format!("{what} would be sent again"));
            out.line("dry run: nothing was changed")?;
        }
        return Ok(Exit::Done);
    }
    confirm::ask(
        &format!("Resend {what} from {}?", database.place()),
        args.yes,
    )?;
    let stored = database.store_resend(&resend(args))?;
    let request = asked::wait(&stored, args.ask.who.max_time, database, out)?;
    asked::print("resend", &request, &plan, &args.ask.who, database, out)
}

fn resend(args: &ResendArgs) -> Resend {
    let mut resend = if args.all {
        Resend::all(&args.entity)
    } else {
        Resend::records(&args.entity, args.records.iter().map(String::as_str))
    };
    resend = resend
        .max_pending(args.max_pending)
        .max_failures(args.ask.max_failures);
    if let Some(limit) = args.limit {
        resend = resend.limit(limit);
    }
    if let Some(rate) = args.ask.rate {
        resend = resend.rate(rate);
    }
    if let Some(by) = asked::asker(&args.ask.who) {
        resend = resend.requested_by(by);
    }
    if let Some(why) = &args.ask.who.why {
        resend = resend.reason(why);
    }
    resend
}
