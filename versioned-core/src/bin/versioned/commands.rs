//! The commands, a file each.

mod asked;
mod check;
mod compare;
mod dead;
mod forget;
mod list;
mod outbox;
mod parked;
mod plan;
mod purge;
mod redrive;
mod requests;
mod resend;
mod status;
mod wait;
mod watch;

use crate::args::{Args, Command, DeadCommand, OutboxCommand, RequestsCommand, Role};
use crate::connection::Mode;
use crate::database::Database;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Output, note};
use crate::target;

pub(crate) fn run(args: Args) -> Outcome<Exit> {
    let mode = mode(&args.command);
    let target = target::find(&args.target)?;
    let mut out = Output::new(&args.output);
    let mut database = Database::open(target, mode, args.target.timeout)?;
    if !out.is_json() {
        note(&database.describe());
    }
    if mode == Mode::Write && database.facts.refuses {
        let message = "connect to a server that writes: this one, or this role, only reads";
        return Err(Failure::new(Exit::Failed, "read_only_server", message).into());
    }
    let exit = match args.command {
        Command::Status(args) => status::run(&args, &mut database, &mut out),
        Command::Watch(args) => watch::run(&args, database, &mut out),
        Command::Outbox(args) => match args.command {
            None => outbox::list(&args.list, &mut database, &mut out),
            Some(OutboxCommand::Retry(args)) => outbox::retry(&args, &mut database, &mut out),
        },
        Command::Parked(args) => parked::run(&args, &mut database, &mut out),
        Command::Dead(DeadCommand::List(args)) => dead::list(&args, &mut database, &mut out),
        Command::Dead(DeadCommand::Show(args)) => dead::show(&args, &mut database, &mut out),
        Command::Dead(DeadCommand::Discard(args)) => dead::discard(&args, &mut database, &mut out),
        Command::Dead(DeadCommand::Redrive(args)) => redrive::run(&args, &mut database, &mut out),
        Command::Resend(args) => resend::run(&args, &mut database, &mut out),
        Command::Forget(args) => forget::run(&args, &mut database, &mut out),
        Command::Purge(args) => purge::run(&args, &mut database, &mut out),
        Command::Compare(args) => compare::run(&args, &mut database, &mut out),
        Command::Wait(args) => wait::run(&args, &mut database, &mut out),
        Command::Requests(RequestsCommand::List(args)) => {
            requests::list(&args, &mut database, &mut out)
        }
        Command::Requests(RequestsCommand::Show(args)) => {
            requests::show(&args, &mut database, &mut out)
        }
        Command::Requests(RequestsCommand::Cancel(args)) => {
            requests::cancel(&args, &mut database, &mut out)
        }
        Command::Check(args) => check::run(&args, &mut database, &mut out),
    }?;
    out.flush()?;
    Ok(exit)
}

/// A dry run only reads.
fn mode(command: &Command) -> Mode {
    let writes = match command {
        Command::Outbox(args) => match &args.command {
            Some(OutboxCommand::Retry(args)) => !args.write.dry_run,
            None => false,
        },
        Command::Dead(DeadCommand::Discard(args)) => !args.write.dry_run,
        Command::Dead(DeadCommand::Redrive(args)) => !args.write.dry_run,
        Command::Resend(args) => !args.dry_run,
        Command::Forget(args) => !args.dry_run,
        Command::Purge(args) => !args.dry_run,
        Command::Requests(RequestsCommand::Cancel(_)) => true,
        Command::Check(args) => args.role == Role::Operator,
        _ => false,
    };
    if writes { Mode::Write } else { Mode::Read }
}
