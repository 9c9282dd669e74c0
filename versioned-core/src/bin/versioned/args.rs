//! The arguments.

mod filter;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use self::filter::LetterChoice;
use self::filter::{EventFilter, ReplicaFilter, duration, interval};

/// Shows what waits in a database of `versioned-core`, and does what you decide about it.
///
/// The database is, in this order: --database-url, --database-url-file, and the environment variables
/// `VERSIONED_DATABASE_URL` and `DATABASE_URL`.
///
/// Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the answer is no; 4 a limit of time ran out;
/// 5 refused; 6 the tables and the tool do not fit.
#[derive(Debug, Parser)]
#[command(
    name = "versioned",
    version,
    max_term_width = 100,
    verbatim_doc_comment
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// The database: postgres://, mysql://, or the path of an SQLite file. Other users of the machine
    /// can read it: prefer a file or the environment.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// A file with the URL of the database, or `-` for the standard input.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) database_url_file: Option<PathBuf>,
    /// The longest time of a statement.
    #[arg(long, global = true, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OutputArgs {
    /// Prints one JSON document.
    #[arg(long, global = true, conflicts_with = "jsonl")]
    pub(crate) json: bool,
    /// Prints a JSON object on each line, in lists and `watch`.
    #[arg(long, global = true)]
    pub(crate) jsonl: bool,
    /// Whether to use colors.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

impl OutputArgs {
    pub(crate) fn is_json(&self) -> bool {
        self.json || self.jsonl
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows how much waits in the outbox and at each replica, and since when.
    Status(StatusArgs),
    /// Shows the status again and again.
    Watch(WatchArgs),
    /// Lists the events of the outbox, and tries rejected ones again.
    Outbox(OutboxArgs),
    /// Lists the records with parked events.
    Parked(ParkedArgs),
    /// Lists, shows and discards the messages that could not be applied.
    #[command(subcommand)]
    Dead(DeadCommand),
    /// Asks the owner's service to send records to the replicas again, and waits for the results.
    Resend(ResendArgs),
    /// Asks the service to forget a record of a replica for good, and waits for the result.
    Forget(ForgetArgs),
    /// Deletes old tombstones, dead letters, parked events and requests.
    Purge(PurgeArgs),
    /// Waits until a replica has a version of a record.
    Wait(WaitArgs),
    /// Compares the versions of a replica with those of its owner. The data need the models: the
    /// library compares them.
    Compare(CompareArgs),
    /// Lists, shows and cancels what was asked of the service.
    #[command(subcommand)]
    Requests(RequestsCommand),
    /// Checks the tables and the rights, for CI and init containers.
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Exits with 3 if something needs attention.
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Pending and parked events that are older need attention.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) late: Duration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WatchArgs {
    /// The time between two looks, at least 1s.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = interval)]
    pub(crate) interval: Duration,
    /// Ends after so many looks.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Pending and parked events that are older need attention.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) late: Duration,
}

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct OutboxArgs {
    #[command(flatten)]
    pub(crate) list: OutboxListArgs,
    #[command(subcommand)]
    pub(crate) command: Option<OutboxCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// Makes rejected events due, so that the relays try them again at once.
    Retry(RetryArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct OutboxListArgs {
    /// Only events that the broker has rejected.
    #[arg(long)]
    pub(crate) rejected: bool,
    #[command(flatten)]
    pub(crate) which: EventFilter,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RetryArgs {
    /// The ids of events.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<i64>,
    #[command(flatten)]
    pub(crate) which: EventFilter,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PageArgs {
    /// The most rows to show.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Goes on after a page: the `next` of that page.
    #[arg(long, value_name = "PLACE")]
    pub(crate) after: Option<String>,
    /// Exits with 3 if there are any.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ParkedArgs {
    #[command(flatten)]
    pub(crate) which: ReplicaFilter,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// Lists dead letters with their errors.
    List(DeadListArgs),
    /// Shows one dead letter.
    Show(DeadShowArgs),
    /// Asks the service to apply dead letters again, and waits for the results.
    Redrive(RedriveArgs),
    /// Deletes dead letters. Each leaves a gap, which only a snapshot of its record closes.
    Discard(DiscardArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeadListArgs {
    /// Only letters that failed, and not those that wait behind one.
    #[arg(long)]
    pub(crate) failed: bool,
    #[command(flatten)]
    pub(crate) which: ReplicaFilter,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeadShowArgs {
    /// The id of the letter.
    #[arg(value_name = "ID")]
    pub(crate) id: i64,
    /// Also shows the headers and the body, which may hold personal data.
    #[arg(long)]
    pub(crate) payload: bool,
    /// Writes only the bytes of the body, as they came.
    #[arg(long, conflicts_with_all = ["json", "jsonl", "payload"])]
    pub(crate) raw: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DiscardArgs {
    #[command(flatten)]
    pub(crate) letters: LetterChoice,
    /// Also discards letters for which later events wait.
    #[arg(long)]
    pub(crate) leave_gap: bool,
    /// With --all: the number of letters, instead of typing it.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) confirm: Option<String>,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RedriveArgs {
    #[command(flatten)]
    pub(crate) letters: LetterChoice,
    /// So many letters must be applied before a failure is tolerated.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) canary: u64,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResendArgs {
    /// The entity.
    #[arg(long, value_name = "NAME")]
    pub(crate) entity: String,
    /// The keys of the records.
    #[arg(
        value_name = "RECORD",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub(crate) records: Vec<String>,
    /// All records of the entity, and the deletions that its owner remembers.
    #[arg(long)]
    pub(crate) all: bool,
    /// The most records, those with the smallest keys first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Waits for the relay while so many events are in the outbox.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_pending: u32,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
    /// Shows the plan, and changes nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Does not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// How the service executes a request.
#[derive(Debug, clap::Args)]
pub(crate) struct AskArgs {
    /// The most letters or records per second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
    /// Stops after so many failures in a row.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) max_failures: u64,
    #[command(flatten)]
    pub(crate) who: WhoArgs,
}

/// Who asks the service, and how long the tool waits.
#[derive(Debug, clap::Args)]
pub(crate) struct WhoArgs {
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
    /// Who asks, for the record. The default is the name of the user.
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// How long to wait for the service. 0s does not wait.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) max_time: Duration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ForgetArgs {
    /// The name of the replica.
    #[arg(long, value_name = "NAME")]
    pub(crate) replica: String,
    /// The entity.
    #[arg(long, value_name = "NAME")]
    pub(crate) entity: String,
    /// The key of the record.
    #[arg(value_name = "RECORD")]
    pub(crate) record: String,
    /// The key once more, instead of typing it.
    #[arg(long, value_name = "RECORD")]
    pub(crate) confirm: Option<String>,
    #[command(flatten)]
    pub(crate) who: WhoArgs,
    /// Shows the plan, and changes nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("ages").required(true).multiple(true)))]
pub(crate) struct PurgeArgs {
    /// The entity.
    #[arg(long, value_name = "NAME")]
    pub(crate) entity: String,
    /// The name of the replica. Without it, the owner of the entity.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) replica: String,
    /// Deletions that are remembered for longer.
    #[arg(long, value_name = "TIME", group = "ages", value_parser = duration)]
    pub(crate) tombstones: Option<Duration>,
    /// Dead letters that came longer ago.
    #[arg(long, value_name = "TIME", group = "ages", value_parser = duration)]
    pub(crate) dead_letters: Option<Duration>,
    /// Events that are parked for longer.
    #[arg(long, value_name = "TIME", group = "ages", value_parser = duration)]
    pub(crate) parked: Option<Duration>,
    /// Requests that ended longer ago.
    #[arg(long, value_name = "TIME", group = "ages", value_parser = duration)]
    pub(crate) requests: Option<Duration>,
    /// The most rows that one transaction deletes.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) batch: u32,
    /// The most rows to delete, about.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
    /// Refuses if there are more rows than this, at most 10000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=10_000))]
    pub(crate) max: Option<u64>,
    /// Shows the plan, and changes nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Does not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WaitArgs {
    /// The name of the replica.
    #[arg(long, value_name = "NAME")]
    pub(crate) replica: String,
    /// The entity.
    #[arg(long, value_name = "NAME")]
    pub(crate) entity: String,
    /// The key of the record.
    #[arg(value_name = "RECORD")]
    pub(crate) record: String,
    /// The version, or a later one.
    #[arg(value_name = "VERSION")]
    pub(crate) version: i64,
    /// The longest time to wait. 0s looks once.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) max_time: Duration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// The name of the replica.
    #[arg(long, value_name = "NAME")]
    pub(crate) replica: String,
    /// The entity.
    #[arg(long, value_name = "NAME")]
    pub(crate) entity: String,
    /// A file with the URL of the owner's database. Without it, the environment variable
    /// `VERSIONED_OWNER_DATABASE_URL`, or else the database of the replica.
    #[arg(long, value_name = "PATH")]
    pub(crate) owner_url_file: Option<PathBuf>,
    /// The table of the owner. The default is the name of the entity.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// The column of its key.
    #[arg(long, value_name = "COLUMN", default_value = "id")]
    pub(crate) key: String,
    /// The type of the key.
    #[arg(long, value_name = "TYPE", default_value = "int")]
    pub(crate) key_type: KeyType,
    /// The column of its version, which is an integer.
    #[arg(long, value_name = "COLUMN", default_value = "version")]
    pub(crate) version_column: String,
    /// A difference counts if it is still there after this time.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub(crate) settle: Duration,
    /// Ends after this time.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub(crate) max_time: Duration,
    /// The records that one query reads.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) page: u32,
    /// The most differences to show. All are counted.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u32,
    /// No records at all are no difference.
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

/// The type of an owner's key, whose text is the key of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyType {
    Int,
    Text,
    Uuid,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RequestsCommand {
    /// Lists requests.
    List(RequestListArgs),
    /// Shows a request, and what has failed.
    Show(RequestArgs),
    /// Cancels a request. What it has done stays.
    Cancel(CancelArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct RequestListArgs {
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RequestArgs {
    /// The id of the request.
    #[arg(value_name = "ID")]
    pub(crate) id: i64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CancelArgs {
    /// The id of the request.
    #[arg(value_name = "ID")]
    pub(crate) id: i64,
    /// Does not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WriteArgs {
    /// Needed if there is no other condition.
    #[arg(long)]
    pub(crate) all: bool,
    /// The most rows to change.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Refuses if there are more rows than this.
    #[arg(long, value_name = "N")]
    pub(crate) max: Option<u64>,
    /// Shows the plan, and changes nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Does not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The rights to check.
    #[arg(long, value_name = "ROLE", default_value = "viewer")]
    pub(crate) role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Reads the tables.
    Viewer,
    /// Also tries rejected events again, and discards dead letters.
    Operator,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn walk(command: &clap::Command, visit: &mut impl FnMut(&clap::Arg)) {
        command.get_arguments().for_each(&mut *visit);
        for command in command.get_subcommands() {
            walk(command, visit);
        }
    }

    #[test]
    fn the_arguments_fit_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn no_option_takes_a_password() {
        let mut count = 0;
        walk(&Args::command(), &mut |arg| {
            count += 1;
            let name = arg.get_id().as_str();
            assert!(!name.contains("password"), "{name}");
        });
        assert!(count > 30, "{count}");
    }
}
