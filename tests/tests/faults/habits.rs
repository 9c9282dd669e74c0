//! What databases and their drivers do when a statement fails.

use diesel::result::{DatabaseErrorKind, Error};

/// Whether the database saw the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It was never sent.
    Before,
    /// It took effect, and its answer is lost.
    After,
}

/// How a statement fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The connection is gone, and Diesel knows it at once, as it does with libpq: it does not even try to roll back.
    Closed,
    /// The connection is gone, and each further statement finds out for itself.
    Unsent,
    /// The database refuses the statement, and the connection goes on; on PostgreSQL an open transaction is aborted.
    Refused,
    /// Another transaction is in the way. On InnoDB it is a deadlock, which takes the whole transaction with it.
    Busy,
    /// InnoDB: a lock was not free in time. The statement alone is undone.
    Waited,
}

/// A way to fail.
pub(crate) type Fault = (Moment, Kind);

/// A database, and who talks to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    Sqlite,
    Libpq,
    TokioPostgres,
    MysqlClient,
    MysqlAsync,
}

type Told = (DatabaseErrorKind, &'static str);

impl Driver {
    /// The ways in which a statement fails on the async front, where no driver notes that the connection is gone. What a
    /// database does is tried on the blocking one; here it is what the front and diesel-async make of it.
    pub(crate) const ASYNC: &'static [Fault] = &[
        (Moment::Before, Kind::Unsent),
        (Moment::Before, Kind::Refused),
        (Moment::Before, Kind::Busy),
        (Moment::After, Kind::Unsent),
    ];

    /// The ways in which a statement fails. One that another transaction is in the way of has had no effect.
    pub(crate) const fn faults(self) -> &'static [Fault] {
        match self {
            Self::Sqlite | Self::Libpq => &[
                (Moment::Before, Kind::Closed),
                (Moment::Before, Kind::Unsent),
                (Moment::Before, Kind::Refused),
                (Moment::Before, Kind::Busy),
                (Moment::After, Kind::Closed),
                (Moment::After, Kind::Refused),
            ],
            Self::TokioPostgres | Self::MysqlAsync => Self::ASYNC,
            // Diesel never notes that the connection is gone.
            Self::MysqlClient => &[
                (Moment::Before, Kind::Unsent),
                (Moment::Before, Kind::Refused),
                (Moment::Before, Kind::Busy),
                (Moment::Before, Kind::Waited),
                (Moment::After, Kind::Unsent),
                (Moment::After, Kind::Refused),
            ],
        }
    }

    /// What the caller is told.
    pub(crate) fn error(self, kind: Kind, statement: &str) -> Error {
        let (kind, text) = match kind {
            Kind::Closed => (DatabaseErrorKind::ClosedConnection, "connection closed"),
            Kind::Unsent => self.gone(),
            Kind::Refused => (DatabaseErrorKind::Unknown, "disk full"),
            Kind::Busy => self.busy(statement),
            Kind::Waited => (
                DatabaseErrorKind::Unknown,
                "Lock wait timeout exceeded; try restarting transaction",
            ),
        };
        Error::DatabaseError(kind, Box::new(text.to_owned()))
    }

    fn gone(self) -> Told {
        match self {
            Self::Sqlite | Self::Libpq => (DatabaseErrorKind::UnableToSendCommand, "broken pipe"),
            Self::TokioPostgres => (DatabaseErrorKind::UnableToSendCommand, "connection closed"),
            Self::MysqlClient => (DatabaseErrorKind::Unknown, "Server has gone away"),
            Self::MysqlAsync => (
                DatabaseErrorKind::Unknown,
                "Input/output error: connection closed",
            ),
        }
    }

    fn busy(self, statement: &str) -> Told {
        const DEADLOCK: &str = "Deadlock found when trying to get lock; try restarting transaction";
        match self {
            Self::Sqlite => (DatabaseErrorKind::Unknown, "database is locked"),
            Self::Libpq | Self::TokioPostgres => (
                DatabaseErrorKind::SerializationFailure,
                "could not serialize access due to concurrent update",
            ),
            // Of what is not prepared Diesel does not read the number.
            Self::MysqlClient if !is_control(statement) => {
                (DatabaseErrorKind::SerializationFailure, DEADLOCK)
            }
            // diesel-async reads none.
            Self::MysqlClient | Self::MysqlAsync => (DatabaseErrorKind::Unknown, DEADLOCK),
        }
    }

    /// Where time is short.
    pub(crate) const FEW: usize = 12;

    /// Of up to how many statements each fails.
    pub(crate) const fn all(self) -> usize {
        match self {
            Self::Sqlite | Self::Libpq => 40,
            Self::MysqlClient | Self::TokioPostgres | Self::MysqlAsync => Self::FEW,
        }
    }

    /// Whether a statement can fail in this way.
    pub(crate) fn can(self, kind: Kind, statement: &str) -> bool {
        // InnoDB waits for no lock in order to give up others.
        let free = matches!(self, Self::MysqlClient | Self::MysqlAsync)
            && statement.starts_with("ROLLBACK");
        !(free && matches!(kind, Kind::Busy | Kind::Waited))
    }

    /// Whether there is no transaction any more after a statement that the database refused.
    pub(crate) fn ends_the_transaction(self, kind: Kind, statement: &str) -> bool {
        match self {
            Self::Sqlite => false,
            Self::Libpq | Self::TokioPostgres => statement == "COMMIT",
            Self::MysqlClient | Self::MysqlAsync => statement == "COMMIT" || kind == Kind::Busy,
        }
    }

    /// Whether the driver knows by itself how the transaction stands.
    pub(crate) fn knows_the_transaction(self) -> bool {
        self == Self::Libpq
    }
}

/// BEGIN, COMMIT and the like, which Diesel sends as they are.
fn is_control(statement: &str) -> bool {
    ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"]
        .iter()
        .any(|word| statement.starts_with(word))
}

/// Whether Diesel notes that the transaction can only be rolled back: it does so for this kind of error.
pub(crate) fn is_noted(error: &Error, statement: &str) -> bool {
    !is_control(statement)
        && matches!(
            error,
            Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _)
        )
}
