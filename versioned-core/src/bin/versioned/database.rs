//! What the commands ask the database: functions of the library, each in a short transaction.

use std::time::Duration;

use diesel::RunQueryDsl as _;
use diesel::result::Error as DieselError;
use versioned_core::Error;
use versioned_core::inspect::{
    self, Filter, Letter, LetterMessage, Parked, ParkedPlace, PendingEvent,
};
use versioned_core::requests::{self, Forget, Redrive, Request, RequestItem, Resend};
use versioned_core::retention::{Old, Purged, Retention};
use versioned_core::status::{self, Count, MOST, Status};
use versioned_core::tables::{self, Missing, Use};
use versioned_core::wait::Arrival;

use crate::connection::{Facts, Mode, Session, run};
use crate::failure::{Exit, Failure, Outcome, Stop};
use crate::target::{Kind, Target};
use crate::versions::Seen;

enum Connection {
    #[cfg(feature = "cli-postgres")]
    Postgres(diesel::PgConnection),
    #[cfg(feature = "cli-mysql")]
    Mysql(diesel::MysqlConnection),
    #[cfg(feature = "cli-sqlite")]
    Sqlite(diesel::SqliteConnection),
}

/// Runs the same code on the connection of each database.
macro_rules! each {
    ($connection:expr, $conn:ident => $run:expr) => {
        match $connection {
            #[cfg(feature = "cli-postgres")]
            Connection::Postgres($conn) => $run,
            #[cfg(feature = "cli-mysql")]
            Connection::Mysql($conn) => $run,
            #[cfg(feature = "cli-sqlite")]
            Connection::Sqlite($conn) => $run,
        }
    };
}

/// Runs the same code in a transaction on the connection of each database.
macro_rules! ask {
    ($database:ident, $mode:expr, $conn:ident => $run:expr) => {
        each!(&mut $database.connection, conn => run(conn, $mode, $database.limit, |$conn| $run))
    };
}

/// A database that is connected to.
pub(crate) struct Database {
    connection: Connection,
    pub(crate) target: Target,
    pub(crate) facts: Facts,
    pub(crate) mode: Mode,
    limit: Duration,
}

/// What a statement needs, for the error if it is missing.
const READ: &str = "SELECT on the tables of versioned-core";
const VERSIONS: &str =
    "SELECT on versioned_positions, and on the key and the version of the owner's table";
const RETRY: &str = "SELECT on versioned_outbox, and UPDATE of its column due";
const REQUEST: &str =
    "SELECT on versioned_dead_letters, and SELECT, INSERT and UPDATE on the tables of requests";
const PURGE: &str =
    "the role versioned_purger of docs/roles-postgresql.sql, or the rights of docs/roles-mysql.sql";
const DISCARD: &str = "SELECT and DELETE on versioned_dead_letters";

impl Database {
    pub(crate) fn open(target: Target, mode: Mode, limit: Duration) -> Outcome<Self> {
        let opened = match target.kind {
            #[cfg(feature = "cli-postgres")]
            Kind::Postgres => Session::open(&target, mode, limit).map(Connection::Postgres),
            #[cfg(feature = "cli-mysql")]
            Kind::Mysql => Session::open(&target, mode, limit).map(Connection::Mysql),
            #[cfg(feature = "cli-sqlite")]
            Kind::Sqlite => Session::open(&target, mode, limit).map(Connection::Sqlite),
            #[allow(unreachable_patterns, reason = "there is a feature for each database")]
            kind => return Err(not_built(kind)),
        };
        let mut connection = opened.map_err(|error| not_connected(&target, &error.to_string()))?;
        let facts = each!(&mut connection, conn => conn.facts());
        let mut database = Self {
            connection,
            target,
            facts: Facts::default(),
            mode,
            limit,
        };
        database.facts =
            facts.map_err(|error| not_connected(&database.target, &error.to_string()))?;
        if database.target.kind == Kind::Mysql && database.facts.database.is_none() {
            let message = "name a database in the URL: mysql://host/database";
            return Err(Failure::new(Exit::Usage, "unusable_url", message).into());
        }
        Ok(database)
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// The name of the database, or the path of its file.
    pub(crate) fn name(&self) -> &str {
        match (&self.facts.database, self.target.kind) {
            (_, Kind::Sqlite) => &self.target.url,
            (Some(name), _) => name,
            (None, _) => "",
        }
    }

    /// Host and database, without a secret: `db1:5432/shop`.
    pub(crate) fn place(&self) -> String {
        match &self.target.host {
            Some(host) => format!("{host}/{}", self.name()),
            None => self.name().to_owned(),
        }
    }

    /// One line about the database and the session.
    pub(crate) fn describe(&self) -> String {
        let mut line = format!("{} {}", self.target.kind.name(), self.place());
        let facts = &self.facts;
        for (name, value) in [("schema", &facts.schema), ("role", &facts.role)] {
            if let Some(value) = value {
                line = format!("{line} {name}={value}");
            }
        }
        if facts.refuses {
            line.push_str(" (read-only server)");
        } else if self.mode == Mode::Read {
            line.push_str(" (read-only)");
        }
        crate::text::shown(&line)
    }

    pub(crate) fn status(&mut self) -> Outcome<Status> {
        let done = ask!(self, Mode::Read, conn => status::load(MOST, conn));
        done.map_err(|error| self.failed(&error, READ))
    }

    pub(crate) fn pending(
        &mut self,
        filter: &Filter,
        after: (u32, i64),
        most: usize,
    ) -> Outcome<(Vec<PendingEvent>, Count)> {
        let done = ask!(self, Mode::Read, conn => {
            let page = inspect::pending(filter, after, most, conn)?;
            Ok((page, inspect::count_pending(filter, MOST, conn)?))
        });
        done.map_err(|error| self.failed(&error, READ))
    }

    pub(crate) fn parked(
        &mut self,
        filter: &Filter,
        after: Option<&ParkedPlace>,
        most: usize,
    ) -> Outcome<(Vec<Parked>, Count)> {
        let done = ask!(self, Mode::Read, conn => {
            let page = inspect::parked(filter, after, most, conn)?;
            Ok((page, inspect::count_parked(filter, MOST, conn)?))
        });
        done.map_err(|error| self.failed(&error, READ))
    }

    pub(crate) fn letters(
        &mut self,
        filter: &Filter,
        after: i64,
        most: usize,
    ) -> Outcome<(Vec<Letter>, Count)> {
        let done = ask!(self, Mode::Read, conn => {
            let page = inspect::letters(filter, after, most, conn)?;
            Ok((page, inspect::count_letters(filter, MOST, conn)?))
        });
        done.map_err(|error| self.failed(&error, READ))
    }

    pub(crate) fn letter(&mut self, id: i64) -> Outcome<Option<(Letter, LetterMessage)>> {
        let done = ask!(self, Mode::Read, conn => inspect::letter(id, conn));
        done.map_err(|error| self.failed(&error, READ))
    }

    /// Makes rejected events due.
    pub(crate) fn retry(&mut self, ids: &[i64]) -> Outcome<usize> {
        let done = ask!(self, Mode::Write, conn => inspect::retry(ids, conn));
        done.map_err(|error| self.failed(&error, RETRY))
    }

    pub(crate) fn discard(&mut self, ids: &[i64]) -> Outcome<usize> {
        let done = ask!(self, Mode::Write, conn => inspect::discard_letters(ids, conn));
        done.map_err(|error| self.failed(&error, DISCARD))
    }

    pub(crate) fn store(&mut self, redrive: &Redrive) -> Outcome<Request> {
        let done = ask!(self, Mode::Write, conn => redrive.store(conn));
        done.map_err(|error| self.request_failed(&error))
    }

    pub(crate) fn store_resend(&mut self, resend: &Resend) -> Outcome<Request> {
        let done = ask!(self, Mode::Write, conn => resend.store(conn));
        done.map_err(|error| self.request_failed(&error))
    }

    pub(crate) fn store_forget(&mut self, forget: &Forget) -> Outcome<Request> {
        let done = ask!(self, Mode::Write, conn => forget.store(conn));
        done.map_err(|error| self.request_failed(&error))
    }

    /// Counts the dead letters and the parked events that a filter matches.
    pub(crate) fn kept_of(&mut self, filter: &Filter) -> Outcome<(Count, Count)> {
        let done = ask!(self, Mode::Read, conn => {
            let letters = inspect::count_letters(filter, MOST, conn)?;
            Ok((letters, inspect::count_parked(filter, MOST, conn)?))
        });
        done.map_err(|error| self.failed(&error, READ))
    }

    /// Looks whether a replica has a version of a record.
    pub(crate) fn arrival(
        &mut self,
        replica: &str,
        entity: &str,
        key: &str,
        version: i64,
    ) -> Outcome<Arrival> {
        let done = ask!(self, Mode::Read, conn => {
            inspect::arrival(replica, entity, key, version, conn)
        });
        done.map_err(|error| self.failed(&error, READ))
    }

    /// Loads the versions that a query of [`versions`](crate::versions) selects.
    pub(crate) fn versions(&mut self, sql: &str) -> Outcome<Vec<Seen>> {
        let done = ask!(self, Mode::Read, conn => {
            let found = diesel::sql_query(sql).load::<Seen>(conn);
            found.map_err(Error::from)
        });
        done.map_err(|error| match self.failed(&error, VERSIONS) {
            Stop::Failed(failure) if failure.exit == Exit::Unfit => {
                let hint = "--table, --key and --version-column name the owner's table and columns";
                failure.hint(hint).into()
            }
            stop => stop,
        })
    }

    /// Counts what a purge would delete.
    pub(crate) fn old(
        &mut self,
        retention: &Retention,
        replica: &str,
        entity: &str,
    ) -> Outcome<Old> {
        let done = ask!(self, Mode::Read, conn => retention.old(replica, entity, MOST, conn));
        done.map_err(|error| match error {
            Error::Other(_) => {
                Failure::new(Exit::Usage, "unsafe_retention", error.to_string()).into()
            }
            error => self.request_failed(&error),
        })
    }

    /// Deletes a batch.
    pub(crate) fn purge(
        &mut self,
        retention: &Retention,
        replica: &str,
        entity: &str,
    ) -> Outcome<Purged> {
        let done = ask!(self, Mode::Write, conn => retention.purge_named(replica, entity, conn));
        done.map_err(|error| self.failed(&error, PURGE))
    }

    pub(crate) fn requests(&mut self, after: i64, most: usize) -> Outcome<Vec<Request>> {
        let done = ask!(self, Mode::Read, conn => requests::list(after, most, conn));
        done.map_err(|error| self.request_failed(&error))
    }

    pub(crate) fn request(&mut self, id: i64) -> Outcome<Option<Request>> {
        let done = ask!(self, Mode::Read, conn => requests::find(id, conn));
        done.map_err(|error| self.request_failed(&error))
    }

    pub(crate) fn results(
        &mut self,
        id: i64,
        after: i64,
        most: usize,
    ) -> Outcome<Vec<RequestItem>> {
        let done = ask!(self, Mode::Read, conn => requests::results(id, after, most, conn));
        done.map_err(|error| self.request_failed(&error))
    }

    pub(crate) fn cancel(&mut self, id: i64) -> Outcome<bool> {
        let done = ask!(self, Mode::Write, conn => requests::cancel(id, conn));
        done.map_err(|error| self.request_failed(&error))
    }

    /// As [`failed`](Self::failed), for tables that not every database has.
    fn request_failed(&self, error: &Error) -> Stop {
        match self.failed(error, REQUEST) {
            Stop::Failed(failure) if failure.exit == Exit::Unfit => {
                let hint = "the tables of requests come with MIGRATIONS.with_requests()";
                failure.hint(hint).into()
            }
            stop => stop,
        }
    }

    /// Returns what a role lacks.
    pub(crate) fn missing(&mut self, of: Use) -> Outcome<Vec<Missing>> {
        let done = ask!(self, self.mode, conn => tables::missing(of, conn));
        done.map_err(|error| self.failed(&error, READ))
    }

    /// Returns the failure for an error of the library.
    fn failed(&self, error: &Error, needs: &str) -> Stop {
        let text = self.target.secrets.scrub(&error.to_string());
        match tables::Cause::of(error) {
            tables::Cause::Missing => {
                let message = format!("run the migrations of versioned-core: {text}");
                Failure::new(Exit::Unfit, "tables_missing", message)
                    .hint("`versioned check` lists what is missing")
            }
            tables::Cause::Denied => {
                let message = format!("grant the right that this command needs: {text}");
                Failure::new(Exit::Failed, "missing_right", message)
                    .hint(format!("it needs {needs}"))
            }
            tables::Cause::OutOfTime => {
                let message = format!("give more time with --timeout, or try again: {text}");
                Failure::new(Exit::OutOfTime, "timeout", message)
            }
            _ if is_lost(error) => Failure::new(Exit::Failed, "connection_lost", text),
            _ => Failure::new(Exit::Failed, "query_failed", text),
        }
        .into()
    }
}

fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::Database(
            DieselError::BrokenTransactionManager
                | DieselError::DatabaseError(
                    diesel::result::DatabaseErrorKind::ClosedConnection
                        | diesel::result::DatabaseErrorKind::UnableToSendCommand,
                    _,
                )
        )
    )
}

fn not_built(kind: Kind) -> Stop {
    let message = format!("this program was built without {}", kind.name());
    let hint = format!("cargo install versioned-core --features {}", kind.feature());
    Failure::new(Exit::Failed, "not_built", message)
        .hint(hint)
        .into()
}

fn not_connected(target: &Target, reason: &str) -> Stop {
    let place = match &target.host {
        Some(host) => format!("{} on {host}", target.kind.name()),
        None => format!("SQLite file {}", target.url),
    };
    let reason = target.secrets.scrub(reason);
    let failure = Failure::new(
        Exit::Failed,
        "connect_failed",
        format!("cannot connect to {place}: {reason}"),
    );
    match target.kind {
        Kind::Sqlite => failure.hint(
            "the file must exist; if it is in WAL mode and no other process has it open, its directory must be writable",
        ),
        _ => failure,
    }
    .into()
}
