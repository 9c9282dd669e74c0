//! The HTTP status of an error.

use std::error::Error as StdError;

use http::StatusCode;

use crate::error::{Conflict, ConflictKind, Error, is_serialization_failure};

/// Returns the status of a failed operation, for a request without `If-Match`.
///
/// The status is 404 for a record that does not exist. It is 409 for every other conflict, for the
/// conflicts of a batch, and for columns that both sides changed. It is 500 for all other errors.
/// These include a violated constraint, because only the application knows whether the client
/// caused it. An error wrapped by [`Error::other`], or one that is the source of such an error, has
/// the status of the inner error.
///
/// ```
/// use http::StatusCode;
/// use versioned_core::etag;
///
/// let error = versioned_core::Error::NotFound { table: "tickets", id: "7".into() };
/// assert_eq!(etag::status(&error), StatusCode::NOT_FOUND);
/// let stale = versioned_core::Conflict::stale("tickets", "7", 1, 2);
/// assert_eq!(etag::status(&stale.into()), StatusCode::CONFLICT);
/// ```
pub fn status(error: &Error) -> StatusCode {
    match Failure::of(error) {
        Failure::Missing => StatusCode::NOT_FOUND,
        Failure::Stale | Failure::Conflict => StatusCode::CONFLICT,
        Failure::Other => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Whether a record is known to be at another version than the expected one.
pub(super) fn is_stale(error: &Error) -> bool {
    Failure::of(error) == Failure::Stale
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    Missing,
    Stale,
    Conflict,
    Other,
}

impl Failure {
    fn of(error: &Error) -> Self {
        match error {
            Error::NotFound { .. } => Self::Missing,
            Error::Conflict(conflict) => Self::of_conflict(conflict),
            Error::Conflicts(rows) => {
                let is_stale = |kind| kind == ConflictKind::Stale;
                if rows.iter().any(|row| is_stale(row.conflict.kind())) {
                    Self::Stale
                } else {
                    Self::Conflict
                }
            }
            // The row is at another version than the one that was loaded.
            Error::BothChanged { .. } => Self::Stale,
            Error::Database(error) => Self::of_database(error),
            Error::Other(error) => Self::of_source(&**error),
            _ => Self::Other,
        }
    }

    fn of_conflict(conflict: &Conflict) -> Self {
        match conflict.kind() {
            // A precondition on something that is not there is not looked at (RFC 9110, 13.2.1).
            ConflictKind::Deleted => Self::Missing,
            ConflictKind::Stale => Self::Stale,
            ConflictKind::Suppressed | ConflictKind::Filtered | ConflictKind::Serialization => {
                Self::Conflict
            }
        }
    }

    fn of_database(error: &diesel::result::Error) -> Self {
        if is_serialization_failure(error) {
            Self::Conflict
        } else {
            Self::Other
        }
    }

    /// The failure of the first error in the chain that is an error of this crate or of Diesel.
    fn of_source(error: &(dyn StdError + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<Error>() {
                return Self::of(error);
            }
            if let Some(error) = error.downcast_ref::<Box<Error>>() {
                return Self::of(error);
            }
            if let Some(conflict) = error.downcast_ref::<Conflict>() {
                return Self::of_conflict(conflict);
            }
            if let Some(error) = error.downcast_ref() {
                return Self::of_database(error);
            }
            next = error.source();
        }
        Self::Other
    }
}

#[cfg(test)]
mod tests {
    use diesel::result::DatabaseErrorKind::{SerializationFailure, UniqueViolation};
    use http::HeaderMap;
    use http::header::{HeaderValue, IF_MATCH};

    use super::*;
    use crate::error::RowConflict;
    use crate::etag::IfMatch;

    fn if_match(value: &'static str) -> IfMatch {
        let value = HeaderValue::from_static(value);
        IfMatch::required(&HeaderMap::from_iter([(IF_MATCH, value)])).unwrap()
    }

    fn conflict(found: Option<i64>) -> Conflict {
        match found {
            Some(found) => Conflict::stale("records", "7", 1, found),
            None => Conflict::deleted("records", "7", 1),
        }
    }

    fn conflicts(found: [Option<i64>; 2]) -> Error {
        let rows = found.map(conflict).into_iter().enumerate();
        Error::Conflicts(
            rows.map(|(row, conflict)| RowConflict::new(row, conflict))
                .collect(),
        )
    }

    fn database(kind: diesel::result::DatabaseErrorKind) -> diesel::result::Error {
        diesel::result::Error::DatabaseError(kind, Box::new("no".to_owned()))
    }

    fn not_found() -> Error {
        Error::NotFound {
            table: "records",
            id: "7".to_owned(),
        }
    }

    fn both_changed() -> Error {
        Error::BothChanged {
            table: "records",
            id: "7".to_owned(),
            columns: vec!["price"],
        }
    }

    #[derive(Debug)]
    struct Outer(Error);

    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("outer")
        }
    }

    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    /// The statuses without a tag, with a tag, and with `*`.
    #[test]
    fn the_status_of_an_error() {
        for (error, expected) in [
            (conflict(Some(2)).into(), [409, 412, 409]),
            (conflict(None).into(), [404, 404, 404]),
            (
                Conflict::suppressed("records", "7", 1).into(),
                [409, 409, 409],
            ),
            (
                Conflict::serialization("records", "7", 1, database(SerializationFailure)).into(),
                [409, 409, 409],
            ),
            (conflicts([Some(2), None]), [409, 412, 409]),
            (conflicts([None, Some(2)]), [409, 412, 409]),
            (conflicts([None, None]), [409, 409, 409]),
            (both_changed(), [409, 412, 409]),
            (database(SerializationFailure).into(), [409, 409, 409]),
            (
                Error::Database(database(SerializationFailure)),
                [409, 409, 409],
            ),
            (database(UniqueViolation).into(), [500, 500, 500]),
            (not_found(), [404, 404, 404]),
            (Error::other("no"), [500, 500, 500]),
            (Error::other(conflict(Some(2))), [409, 412, 409]),
            (Error::other(both_changed()), [409, 412, 409]),
            (Error::other(Box::new(both_changed())), [409, 412, 409]),
            (Error::other(Error::other(not_found())), [404, 404, 404]),
            (
                Error::other(Outer(conflicts([None, Some(2)]))),
                [409, 412, 409],
            ),
            (
                Error::other(database(SerializationFailure)),
                [409, 409, 409],
            ),
        ] {
            let statuses = [
                status(&error),
                if_match("\"1\"").status(&error),
                if_match("*").status(&error),
            ];
            assert_eq!(
                statuses.map(|status| status.as_u16()),
                expected,
                "{error:?}"
            );
        }
    }
}
