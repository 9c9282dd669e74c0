//! Tells which errors of a database mean that another transaction was first.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};

/// Returns whether the database rejected the statement because of another transaction: 40001 and
/// 40P01 of PostgreSQL, 1213 and 1205 of MySQL and MariaDB, 1020 of MariaDB, BUSY and LOCKED of
/// SQLite.
///
/// Diesel has a kind for 40001 and 1213 only, and exposes no SQLSTATE. The other errors are
/// recognized by their text. The texts of SQLite are compiled into it. Those of the servers
/// depend on `lc_messages`: [`TEXTS`] has the known translations. In another language the error is
/// an `Error::Database`.
pub(crate) fn is_serialization_failure(error: &Error) -> bool {
    match error {
        Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true,
        Error::DatabaseError(DatabaseErrorKind::Unknown, information) => {
            is_known_text(information.as_ref())
        }
        Error::RollbackErrorOnCommit { commit_error, .. } => is_serialization_failure(commit_error),
        _ => false,
    }
}

fn is_known_text(information: &(dyn DatabaseErrorInformation + Send + Sync)) -> bool {
    let message = information.message();
    TEXTS.iter().any(|text| message.contains(text))
}

/// The texts, each with its source.
const TEXTS: &[&str] = &[
    // SQLite, sqlite3ErrStr: SQLITE_BUSY and SQLITE_LOCKED.
    "database is locked",
    "database table is locked",
    "database schema is locked",
    // MySQL and MariaDB, ER_LOCK_DEADLOCK (1213), if the driver does not report the kind.
    "Deadlock found when trying to get lock",
    // MySQL and MariaDB, ER_LOCK_WAIT_TIMEOUT (1205).
    "Lock wait timeout exceeded",
    // MySQL and MariaDB, ER_SP_DOES_NOT_EXIST (1305), in any language: a deadlock rolled back the
    // transaction together with its savepoints.
    "SAVEPOINT diesel_savepoint_",
    // MariaDB, ER_CHECKREAD (1020): innodb_snapshot_isolation.
    "Record has changed since last read",
    // PostgreSQL, 40P01 (src/backend/storage/lmgr/deadlock.c) and its catalogues (src/backend/po).
    "deadlock detected",
    "Verklemmung entdeckt",
    "Blockierung (Deadlock) entdeckt",
    "interblocage (deadlock) détecté",
    "Bloqueo mutuo detectado",
    "обнаружена взаимоблокировка",
    "rilevato deadlock",
    "デッドロックを検出しました",
    "检测到死锁",
    "데드락 발생됨",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(text: &str) -> Error {
        Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(text.to_owned()))
    }

    #[test]
    fn locks_and_deadlocks_are_serialization_failures() {
        for text in TEXTS {
            assert!(is_serialization_failure(&unknown(text)), "{text}");
        }
        assert!(is_serialization_failure(&Error::DatabaseError(
            DatabaseErrorKind::SerializationFailure,
            Box::new("could not serialize access due to concurrent update".to_owned()),
        )));
        assert!(is_serialization_failure(&Error::RollbackErrorOnCommit {
            rollback_error: Box::new(Error::NotFound),
            commit_error: Box::new(unknown("database is locked")),
        }));
    }

    #[test]
    fn other_errors_are_not() {
        assert!(!is_serialization_failure(&Error::NotFound));
        assert!(!is_serialization_failure(&unknown(
            "no such table: tickets"
        )));
        assert!(!is_serialization_failure(&Error::DatabaseError(
            DatabaseErrorKind::UniqueViolation,
            Box::new("deadlock detected".to_owned()),
        )));
    }
}
