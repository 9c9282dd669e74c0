//! Errors that say that a database is unreachable.

use std::fmt;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::Error;

/// The error of a connection that could not be opened.
#[derive(Debug)]
pub(crate) struct NotConnected(pub(crate) String);

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotConnected {}

impl NotConnected {
    /// Returns the error for the reason that a pool or a driver gives.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "it is passed to `map_err` by name"
    )]
    pub(crate) fn because(reason: impl fmt::Display) -> Error {
        Error::other(Self(reason.to_string()))
    }
}

/// Returns whether the error says that the database is unreachable.
pub(crate) fn is_unreachable(error: &Error) -> bool {
    match error {
        Error::Other(error) => error.is::<NotConnected>(),
        Error::Database(DieselError::BrokenTransactionManager) => true,
        Error::Database(error) => is_lost(error),
        _ => false,
    }
}

fn is_lost(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
            _,
        ) => true,
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, information) => {
            let message = information.message();
            TEXTS.iter().any(|text| message.contains(text))
        }
        DieselError::RollbackErrorOnCommit { commit_error, .. } => is_lost(commit_error),
        _ => false,
    }
}

/// The errors for which Diesel has no kind, each with its source.
const TEXTS: &[&str] = &[
    // The client libraries of MySQL and MariaDB: CR_SERVER_GONE_ERROR (2006), CR_SERVER_LOST (2013).
    "erver has gone away",
    "Lost connection to ",
    // MySQL and MariaDB, ER_SERVER_SHUTDOWN (1053), and MariaDB, ER_CONNECTION_KILLED (1927).
    "Server shutdown in progress",
    "Connection was killed",
    // mysql_async, errors of the socket.
    "Input/output error: ",
    "Connection to the server is closed",
    // PostgreSQL, 57P01 and 57P03.
    "terminating connection due to ",
    "the database system is ",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(text: &str) -> Error {
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(text.to_owned())).into()
    }

    #[test]
    fn a_lost_connection_is_told_from_an_error_of_the_statement() {
        for text in [
            "Server has gone away",
            "MySQL server has gone away",
            "Lost connection to server during query",
            "terminating connection due to administrator command",
        ] {
            assert!(is_unreachable(&unknown(text)), "{text}");
        }
        assert!(!is_unreachable(&unknown(
            "Unknown column 'x' in 'field list'"
        )));
        let rolled_back = DieselError::RollbackErrorOnCommit {
            rollback_error: Box::new(DieselError::NotFound),
            commit_error: Box::new(DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection,
                Box::new(String::new()),
            )),
        };
        assert!(is_unreachable(&Error::Database(rolled_back)));
        assert!(!is_unreachable(&Error::Database(DieselError::NotFound)));
    }
}
