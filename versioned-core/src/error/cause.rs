//! Why the database rejected a statement, as far as its text tells.

use diesel::result::Error as DieselError;

use super::Error;

/// Why a statement about this crate's tables failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A table or a column does not exist: the [migrations](crate::MIGRATIONS) have not been run, or
    /// are of another version of this crate.
    Missing,
    /// The role has not the right, or the database only reads.
    Denied,
    /// The limit of time of the database ran out.
    OutOfTime,
    /// Another reason, or an unknown text.
    Other,
}

impl Cause {
    /// Returns the cause of an error. Diesel exposes no code, so this reads the text, in the languages
    /// that are known. The text of an unknown language is `Other`.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// use versioned_core::status;
    /// use versioned_core::tables::Cause;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let conn = &mut SqliteConnection::establish(":memory:")?;
    /// let error = status::load(100, conn).unwrap_err();
    /// assert_eq!(Cause::of(&error), Cause::Missing);
    /// # Ok(())
    /// # }
    /// ```
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Database(DieselError::DatabaseError(_, information)) => {
                Self::of_text(information.message())
            }
            Error::Database(DieselError::DeserializationError(_)) => Self::Other,
            other => Self::of_text(&other.to_string()),
        }
    }

    fn of_text(message: &str) -> Self {
        let has = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
        if has(DENIED) {
            Self::Denied
        } else if has(MISSING) {
            Self::Missing
        } else if has(OUT_OF_TIME) {
            Self::OutOfTime
        } else {
            Self::Other
        }
    }
}

/// The texts, each with its source.
const DENIED: &[&str] = &[
    // PostgreSQL, 42501 (aclchk.c) and its catalogues, and 25006.
    "permission denied for ",
    "must be owner of ",
    "keine Berechtigung f\u{fc}r ",
    "droit refus\u{e9} pour ",
    "permiso denegado ",
    "permesso negato per ",
    "in a read-only transaction",
    // MySQL and MariaDB, 1142, 1143, 1044, 1290, 1792.
    "command denied to user",
    "Access denied for user",
    "option so it cannot execute this statement",
    "in a READ ONLY transaction",
    // SQLite, SQLITE_READONLY.
    "attempt to write a readonly database",
];

const MISSING: &[&str] = &[
    // PostgreSQL, 42P01 and 42703, and its catalogues.
    "\" does not exist",
    "existiert nicht",
    "n'existe pas",
    "no existe",
    "non esiste",
    // The alias of a column: `column t.op does not exist`.
    " does not exist",
    // MySQL and MariaDB, 1146 and 1054.
    "doesn't exist",
    "Unknown column",
    // SQLite.
    "no such table",
    "no such column",
];

const OUT_OF_TIME: &[&str] = &[
    // PostgreSQL, 57014 and 55P03.
    "due to statement timeout",
    "due to lock timeout",
    // MariaDB, 1969, and MySQL, 3024.
    "max_statement_time exceeded",
    "maximum statement execution time exceeded",
    // MySQL and MariaDB, 1205, and SQLite, SQLITE_BUSY.
    "Lock wait timeout exceeded",
    "database is locked",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_known_by_its_text() {
        let of = |text: &str| {
            let unknown = diesel::result::DatabaseErrorKind::Unknown;
            let error = DieselError::DatabaseError(unknown, Box::new(text.to_owned()));
            Cause::of(&Error::Database(error))
        };
        assert_eq!(
            of("permission denied for table versioned_outbox"),
            Cause::Denied
        );
        assert_eq!(
            of("cannot execute UPDATE in a read-only transaction"),
            Cause::Denied
        );
        assert_eq!(
            of("relation \"versioned_outbox\" does not exist"),
            Cause::Missing
        );
        assert_eq!(of("no such table: versioned_outbox"), Cause::Missing);
        assert_eq!(
            of("Table 'a.versioned_outbox' doesn't exist"),
            Cause::Missing
        );
        assert_eq!(
            of("canceling statement due to statement timeout"),
            Cause::OutOfTime
        );
        assert_eq!(of("syntax error"), Cause::Other);
    }
}
