//! What a stored request and its results have in common: waiting, and the end.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use versioned_core::requests::{Request, RequestState};

use crate::args::WhoArgs;
use crate::database::Database;
use crate::failure::{Exit, Failure, Outcome, Stop};
use crate::json;
use crate::output::{Output, note};

use super::requests;

/// Who asks, for the record.
pub(super) fn asker(args: &WhoArgs) -> Option<String> {
    let user = || env::var("USER").ok().filter(|user| !user.is_empty());
    args.by.clone().or_else(user)
}

/// Waits until the service has ended the request, or the time is up.
pub(super) fn wait(
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
            note(&match now.left() {
                Some(left) => format!("{}, {left} left", now.counts),
                None => now.counts.to_string(),
            });
        }
        last = now;
    }
    Ok(last)
}

fn gone(id: i64) -> Stop {
    let message = format!("request {id} was deleted while it was waited for");
    Failure::new(Exit::Failed, "not_found", message).into()
}

/// Prints what came of a request. `plan` is what was asked for.
pub(super) fn print(
    name: &str,
    request: &Request,
    plan: &Value,
    args: &WhoArgs,
    database: &mut Database,
    out: &mut Output,
) -> Outcome<Exit> {
    let failed = requests::failures(request, database)?;
    if out.is_json() {
        let members = json!({
            "plan": plan,
            "request": request.id.to_string(),
            "state": request.state.name(),
            "note": request.note,
            "left": request.left(),
            "results": requests::results(request),
            "failures": requests::failures_json(&failed),
        });
        out.document(&json::document(name, database, members))?;
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
