//! What can go wrong, as facts.

mod classify;
mod conflict;

use std::error::Error as StdError;
use std::fmt;

pub(crate) use self::classify::is_serialization_failure;
pub(crate) use self::conflict::Target;
pub use self::conflict::{Conflict, ConflictKind, RowConflict};
use crate::event::EventError;
use crate::version::Token;

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. Whatever it is: the model in memory is as it was before the call.
///
/// | variant | meaning | what to do next |
/// | --- | --- | --- |
/// | [`Conflict`](Error::Conflict) | somebody else was first | reload and decide again, or let [`update_with`](crate::prelude::OwnerDsl::update_with) do so |
/// | [`Conflicts`](Error::Conflicts) | the same for rows of a batch, of which none was written | reload these, or [`save_each`](crate::prelude::OwnerDsl::save_each) |
/// | [`TwiceInBatch`](Error::TwiceInBatch) | two models of a batch are the same row | a bug: decide which of them |
/// | [`BothChanged`](Error::BothChanged) | `rebase`: both sides changed the same columns | choose: [`rebase_with`](crate::prelude::TrackedDsl::rebase_with) |
/// | [`KeyChanged`](Error::KeyChanged) | a tracked model, a closure of `update_with` or changes of `at(..).update` have another key than the record | a bug: insert a new record instead |
/// | [`VersionAssigned`](Error::VersionAssigned) | the row of `create`, the changes of `at(..).update` or a closure of `update_with` assign to the version | a bug: leave the version to the library |
/// | [`NotFound`](Error::NotFound) | there is no such row | as for any missing record |
/// | [`VersionExhausted`](Error::VersionExhausted) | the version is at its type's maximum | widen the column and the field |
/// | [`KeyNotGenerated`](Error::KeyNotGenerated) | MySQL, MariaDB, a schema of `SQLite`: the row that `create` made can't be found again | `insert` with a key of your own |
/// | [`NotFinite`](Error::NotFinite) | a field is NaN or infinite, and the model has an outbox, whose events are JSON | write a finite value |
/// | [`KeyTooLong`](Error::KeyTooLong) | the text of the key does not fit into an index of `versioned_outbox` or `versioned_positions` | use shorter keys |
/// | [`NotUnique`](Error::NotUnique) | several rows have the key | name all its columns in `primary_key(..)` |
/// | [`KeyGenerated`](Error::KeyGenerated) | the database did not keep the key of a new row: 0 in an `AUTO_INCREMENT` column, or it was rounded, cut or padded | `create`, or a key that fits the column |
/// | [`View`](Error::View) | `SQLite`: the model's table is a view, and whether it was written is not known | use the table behind it |
/// | [`Event`](Error::Event) | the event is not for this replica, or broken | do not acknowledge it as applied: set it aside |
/// | [`Database`](Error::Database) | what Diesel or the database says | as with Diesel alone |
/// | [`Other`](Error::Other) | an error of your own, out of a closure | yours |
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
/// use versioned_core::{ConflictKind, Error};
///
/// fn save(ticket: &mut Ticket, conn: &mut SqliteConnection) -> Result<(), String> {
///     match ticket.save(conn) {
///         Ok(_) => Ok(()),
///         Err(Error::Conflict(lost)) => Err(match lost.kind() {
///             ConflictKind::Stale => format!("somebody changed it, it is at {:?} now", lost.found()),
///             ConflictKind::Deleted => "somebody deleted it".to_owned(),
///             _ => "run the transaction again".to_owned(),
///         }),
///         Err(error) => Err(error.to_string()),
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The record is not at the version that was loaded, or another transaction is in the way. Nothing was written.
    Conflict(Conflict),

    /// Rows of a batch are not at the version that was loaded: all of them that are not, in the order of the slice. Nothing
    /// was written.
    Conflicts(Vec<RowConflict>),

    /// Two models of a batch have the same key. Nothing was sent to the database.
    TwiceInBatch {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
    },

    /// Here and in the row the same columns were changed, to different values. The model in memory is as it was.
    BothChanged {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
        /// The columns.
        columns: Vec<&'static str>,
    },

    /// The key was changed: of a [`Tracked`](crate::Tracked) model in memory, in the closure of
    /// [`update_with`](crate::prelude::OwnerDsl::update_with), or by the changes of [`At::update`](crate::At::update). The
    /// write would reach another record, or make one. Nothing was written.
    KeyChanged {
        /// The table.
        table: &'static str,
        /// The key that was loaded, as text.
        id: String,
    },

    /// The version was assigned by the caller: in the row that
    /// [`create`](crate::prelude::OwnerDsl::create) is given, in the changes of
    /// [`At::update`](crate::At::update), or in the closure of
    /// [`update_with`](crate::prelude::OwnerDsl::update_with). Nothing was written.
    VersionAssigned {
        /// The table.
        table: &'static str,
    },

    /// No row has this key.
    NotFound {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
    },

    /// The record is at the last version that its type can hold. Nothing was sent to the database,
    /// except by an insert with `tombstones`, which looks for the version of a deletion first;
    /// nothing was written.
    VersionExhausted {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
        /// The version that has no successor.
        version: Token,
    },

    /// On MySQL and MariaDB, `create` needs a key that the database makes (`AUTO_INCREMENT`, one
    /// column): the row could not be read back otherwise. In an attached database of `SQLite` the
    /// key of the new row is NULL, or was changed by a trigger. The insertion was rolled back.
    KeyNotGenerated {
        /// The table.
        table: &'static str,
    },

    /// A field of the model is NaN or infinite, which the JSON of an event cannot carry. Nothing was written.
    NotFinite {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
        /// The field; the parts of its path are separated by points.
        field: String,
    },
    /// The text of a key has more than 2,400 bytes, and the model has an outbox or tombstones, whose indexes do not hold more on
    /// each database. Nothing was written.
    KeyTooLong {
        /// The table.
        table: &'static str,
        /// How many bytes it has.
        bytes: usize,
    },
    /// The key of the model is only a part of the table's: a statement for one record found `rows` of them. Nothing was written
    /// where the `table!` declaration has another primary key than the model; where both are wrong, the rows were written.
    NotUnique {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
        /// How many rows have it.
        rows: usize,
    },
    /// The new row has another key than the model: MySQL and MariaDB make one of 0 in an
    /// `AUTO_INCREMENT` column; with an outbox or tombstones it is also noticed that a column rounded,
    /// cut or padded the key, or that a trigger changed it. The insertion was rolled back.
    KeyGenerated {
        /// The table.
        table: &'static str,
        /// The model's key, as text.
        id: String,
    },
    /// The table is a view of `SQLite`, which does not count what INSTEAD OF triggers write. Whether the row was written is
    /// not known.
    View {
        /// The view.
        table: &'static str,
        /// The key, as text.
        id: String,
    },
    /// The event is not one that this replica can apply, whatever it holds. Nothing was written.
    Event(EventError),

    /// What Diesel or the database says; a violated CHECK, UNIQUE or FOREIGN KEY constraint, for one, comes through
    /// as it is.
    Database(diesel::result::Error),

    /// An error of the caller's own, returned from a closure.
    Other(Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// An error of the caller's own, to be returned from a closure.
    ///
    /// ```
    /// let error = versioned_core::Error::other("sold out");
    /// assert_eq!(error.to_string(), "sold out");
    /// assert!(!error.is_conflict());
    /// ```
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }

    /// Of a batch.
    pub(crate) fn conflicts(mut conflicts: Vec<RowConflict>) -> Self {
        conflicts.sort_unstable_by_key(|conflict| conflict.row);
        Self::Conflicts(conflicts)
    }

    /// The conflict, if it is one; the first one of a batch.
    pub fn conflict(&self) -> Option<&Conflict> {
        match self {
            Self::Conflict(conflict) => Some(conflict),
            Self::Conflicts(conflicts) => conflicts.first().map(|row| &row.conflict),
            _ => None,
        }
    }

    /// Whether somebody else was first.
    pub fn is_conflict(&self) -> bool {
        self.conflict().is_some()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(conflict) => conflict.fmt(f),
            Self::Conflicts(conflicts) => {
                write!(f, "{} of the batch's rows lost", conflicts.len())?;
                for (place, row) in conflicts.iter().take(3).enumerate() {
                    write!(f, "{} {}", if place == 0 { ":" } else { ";" }, row.conflict)?;
                }
                f.write_str(if conflicts.len() > 3 { "; .." } else { "" })
            }
            Self::TwiceInBatch { table, id } => {
                write!(f, "{table} {id} is in the batch twice")
            }
            Self::BothChanged { table, id, columns } => {
                let columns = columns.join(", ");
                write!(f, "{table} {id} was changed by both sides: {columns}")
            }
            Self::KeyChanged { table, id } => {
                write!(
                    f,
                    "the key of {table} {id} was changed, which would make it another record: insert a new one instead"
                )
            }
            Self::VersionAssigned { table } => write!(
                f,
                "leave the version out of what is written to {table}: it moves by itself, and was assigned a value"
            ),
            Self::NotFound { table, id } => write!(f, "{table} {id} does not exist"),
            Self::VersionExhausted { table, id, version } => write!(
                f,
                "{table} {id} is at version {version}, the last one that its type can hold"
            ),
            Self::KeyNotGenerated { table } => write!(
                f,
                "use `insert` with a key of your own: the new row in {table} has no key that the database generated, by \
                 which `create` could read it (on MySQL and MariaDB an AUTO_INCREMENT key)"
            ),
            Self::NotFinite { table, id, field } => write!(
                f,
                "give `{field}` of {table} {id} a finite value: JSON has no NaN and no infinity"
            ),
            Self::KeyTooLong { table, bytes } => write!(
                f,
                "use shorter keys in {table}: an outbox and tombstones hold up to 2,400 bytes, and this key has {bytes}"
            ),
            Self::NotUnique { table, id, rows } => write!(
                f,
                "name all columns of the key of {table} in `#[diesel(primary_key(..))]`: {rows} rows have the key {id}"
            ),
            Self::KeyGenerated { table, id } => write!(
                f,
                "give the new row of {table} a key that the database keeps: it did not keep {id} (use `create` for a \
                 key that it generates, and no key that the column rounds, cuts or pads, or that a trigger changes)"
            ),
            Self::View { table, id } => write!(
                f,
                "use the table behind the view {table}: SQLite does not count the rows that INSTEAD OF triggers write, so \
                 it is not known whether {id} was written"
            ),
            Self::Event(error) => error.fmt(f),
            Self::Database(error) => error.fmt(f),
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Conflict(conflict) => StdError::source(conflict),
            Self::Event(error) => error.source(),
            Self::Database(error) => error.source(),
            Self::Other(error) => error.source(),
            Self::Conflicts(conflicts) => match conflicts.first() {
                Some(row) => StdError::source(&row.conflict),
                None => None,
            },
            Self::TwiceInBatch { .. }
            | Self::BothChanged { .. }
            | Self::KeyChanged { .. }
            | Self::VersionAssigned { .. }
            | Self::NotFound { .. }
            | Self::VersionExhausted { .. }
            | Self::KeyNotGenerated { .. }
            | Self::NotFinite { .. }
            | Self::KeyTooLong { .. }
            | Self::NotUnique { .. }
            | Self::KeyGenerated { .. }
            | Self::View { .. } => None,
        }
    }
}

/// For `?` inside of a transaction. A serialization failure, which may also come from a statement of yours or from
/// the COMMIT, becomes a conflict of kind [`Serialization`](ConflictKind::Serialization) without a record.
impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        if is_serialization_failure(&error) {
            Self::Conflict(Conflict::serialization(None, error))
        } else {
            Self::Database(error)
        }
    }
}

impl From<EventError> for Error {
    fn from(error: EventError) -> Self {
        Self::Event(error)
    }
}

impl From<Conflict> for Error {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

/// Turns "no such row" into `None`, as Diesel's `optional` does for its own results.
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
/// use versioned_core::OptionalExt;
///
/// fn price(id: i64, conn: &mut SqliteConnection) -> versioned_core::Result<Option<i64>> {
///     Ok(Ticket::find(&id, conn).optional()?.map(|ticket| ticket.price))
/// }
/// ```
pub trait OptionalExt<T> {
    /// `Ok(None)` for [`Error::NotFound`].
    ///
    /// # Errors
    ///
    /// Every other error, unchanged.
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExt<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(fmt::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn an_error_of_somebody_elses_keeps_its_source() {
        let error = Error::other(Outer(fmt::Error));
        assert_eq!(error.to_string(), "outer");
        assert!(error.source().is_some_and(<dyn StdError>::is::<fmt::Error>));
        assert!(!error.is_conflict());
        let missing = Error::from(diesel::result::Error::NotFound);
        assert!(missing.source().is_none());
    }
}
