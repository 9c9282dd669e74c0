//! The error type.

mod cause;
mod classify;
mod conflict;
mod unreachable;

use std::error::Error as StdError;
use std::fmt;

pub use self::cause::Cause;
pub(crate) use self::classify::is_serialization_failure;
pub(crate) use self::conflict::Target;
pub use self::conflict::{Conflict, ConflictKind, RowConflict};
pub(crate) use self::unreachable::NotConnected;
pub(crate) use self::unreachable::is_unreachable;
use crate::event::EventError;
use crate::version::Token;

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why an operation failed. The model in memory is unchanged.
///
/// | variant | meaning | what to do next |
/// | --- | --- | --- |
/// | [`Conflict`](Error::Conflict) | another write was first, or the database suppressed this one; the [kind](ConflictKind) tells which | reload and decide again, or use [`update_with`](crate::prelude::OwnerDsl::update_with) |
/// | [`Conflicts`](Error::Conflicts) | the same for rows of a batch; none of its rows was written | reload these rows, or use [`save_each`](crate::prelude::OwnerDsl::save_each) |
/// | [`TwiceInBatch`](Error::TwiceInBatch) | two models of a batch are the same row | fix the caller: pass one of them |
/// | [`BothChanged`](Error::BothChanged) | `rebase`: both sides changed the same columns | choose a side with [`rebase_with`](crate::prelude::TrackedDsl::rebase_with) |
/// | [`Unsaved`](Error::Unsaved) | `reload` of a tracked model that was changed | save it, or [`revert`](crate::Tracked::revert) it first |
/// | [`ReadOnly`](Error::ReadOnly) | `save` of a tracked model whose fields with `skip_update` were changed | set them back, or [`revert`](crate::Tracked::revert) the model |
/// | [`KeyChanged`](Error::KeyChanged) | a tracked model, a closure of `update_with` or the changes of `at(..).update` have another key than the record | fix the caller: insert a new record instead |
/// | [`VersionAssigned`](Error::VersionAssigned) | the row of `create`, the changes of `at(..).update` or a closure of `update_with` assign to the version | fix the caller: leave the version to the library |
/// | [`NotFound`](Error::NotFound) | no row has the key | handle a missing record; [`optional`](OptionalExt::optional) makes it `None` |
/// | [`VersionExhausted`](Error::VersionExhausted) | the version is at the maximum of its type | widen the column and the field |
/// | [`KeyNotGenerated`](Error::KeyNotGenerated) | MySQL, MariaDB, an attached database of `SQLite`: `create` cannot find the row that it inserted | use `insert` with a key from the caller |
/// | [`NotFinite`](Error::NotFinite) | a field is NaN or infinite, and the model has an outbox, whose events are JSON | write a finite value |
/// | [`KeyTooLong`](Error::KeyTooLong) | the text of the key does not fit into an index of `versioned_outbox` or `versioned_positions` | use shorter keys |
/// | [`NotUnique`](Error::NotUnique) | several rows have the key | name all columns of the key in `primary_key(..)` |
/// | [`KeyGenerated`](Error::KeyGenerated) | the database did not keep the key of a new row: 0 in an `AUTO_INCREMENT` column, or a key that was rounded, cut or padded | use `create`, or a key that fits the column |
/// | [`View`](Error::View) | `SQLite`: the table of the model is a view, and whether the row was written is unknown | use the table behind the view |
/// | [`NothingChosen`](Error::NothingChosen) | a request has no filter | add a filter, or ask for `all` |
/// | [`Event`](Error::Event) | the event is malformed, or does not belong to this replica | set it aside; do not acknowledge it as applied |
/// | [`Database`](Error::Database) | any other error of Diesel or the database, unchanged | handle it as with Diesel alone |
/// | [`Other`](Error::Other) | an error that a closure of the caller returned | depends on the caller |
///
/// The operator `?` converts a `diesel::result::Error` into an `Error`, so a transaction can mix
/// both.
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
///         Err(Error::Conflict(conflict)) => Err(match conflict.kind() {
///             ConflictKind::Stale => format!("it changed to version {:?}", conflict.found()),
///             ConflictKind::Deleted => "it was deleted".to_owned(),
///             ConflictKind::Suppressed => "a trigger or a policy suppressed the write".to_owned(),
///             _ => "retry the transaction".to_owned(),
///         }),
///         Err(error) => Err(error.to_string()),
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The row is not at the version that was loaded, another transaction conflicts, or the
    /// database suppressed the write. Nothing was written.
    Conflict(Conflict),

    /// Rows of a batch are in conflict. The list has all of them, in the order of the slice.
    /// Nothing was written.
    Conflicts(Vec<RowConflict>),

    /// Two models of a batch have the same key. Nothing was sent to the database.
    TwiceInBatch {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
    },

    /// The model and the row changed the same columns to different values. The model in memory is
    /// unchanged.
    BothChanged {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
        /// The columns.
        columns: Vec<&'static str>,
    },

    /// A tracked model has changes that [`reload`](crate::prelude::TrackedDsl::reload) would lose. No
    /// query was made.
    Unsaved {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
        /// The changed columns.
        columns: Vec<&'static str>,
    },

    /// Fields of a tracked model were changed that [`save`](crate::prelude::TrackedDsl::save) does not
    /// write, because they have `#[diesel(skip_update)]`. Nothing was written.
    ReadOnly {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
        /// The columns.
        columns: Vec<&'static str>,
    },

    /// The key was changed. Nothing was written, because the write would reach another record or
    /// create one.
    ///
    /// The change was made to a [`Tracked`](crate::Tracked) model in memory, in the closure of
    /// [`update_with`](crate::prelude::OwnerDsl::update_with), or by the changes of
    /// [`At::update`](crate::At::update).
    KeyChanged {
        /// The table.
        table: &'static str,
        /// The key that was loaded, as text.
        id: String,
    },

    /// The caller assigned to the version: in the row for
    /// [`create`](crate::prelude::OwnerDsl::create), in the changes of
    /// [`At::update`](crate::At::update), or in the closure of
    /// [`update_with`](crate::prelude::OwnerDsl::update_with). Nothing was written.
    VersionAssigned {
        /// The table.
        table: &'static str,
    },

    /// No row has this key. For a model with `#[versioned(scope)]`: no row of this scope, whatever
    /// another scope has.
    NotFound {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
    },

    /// The version of the record is at the maximum of its type. Nothing was written.
    ///
    /// The error is found before any SQL, except in an insertion with `tombstones`, which first
    /// reads the version of a deletion.
    VersionExhausted {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
        /// The version that has no successor.
        version: Token,
    },

    /// `create` cannot read the new row. The insertion was rolled back or did not run.
    ///
    /// On MySQL and MariaDB, `create` needs a key of one column that the database generates
    /// (`AUTO_INCREMENT`). In an attached database of SQLite, the key of the new row is NULL, or a
    /// trigger changed it.
    KeyNotGenerated {
        /// The table.
        table: &'static str,
    },

    /// A field of the model is NaN or infinite, which the JSON of an event cannot carry. Nothing
    /// was written.
    NotFinite {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
        /// The path of the field, with its parts separated by points.
        field: String,
    },
    /// The text of a key has more than 2,400 bytes, and the model has an outbox or tombstones. Some
    /// databases cannot index a longer key. Nothing was written.
    KeyTooLong {
        /// The table.
        table: &'static str,
        /// The length of the key, in bytes.
        bytes: usize,
    },
    /// Several rows have the key of the model, because it is only a part of the table's key. A
    /// statement for one record found `rows` of them.
    ///
    /// Nothing was written if the `table!` declaration has another primary key than the model. If
    /// both are wrong, the rows were written.
    NotUnique {
        /// The table.
        table: &'static str,
        /// The key, as text.
        id: String,
        /// The number of rows that have the key.
        rows: usize,
    },
    /// The new row has another key than the model. MySQL and MariaDB replace 0 in an
    /// `AUTO_INCREMENT` column. With an outbox or tombstones the crate also detects a key that the
    /// column rounded, cut or padded, or that a trigger changed. The insertion was rolled back.
    KeyGenerated {
        /// The table.
        table: &'static str,
        /// The key of the model, as text.
        id: String,
    },
    /// The table is a view of SQLite, which does not count the rows that INSTEAD OF triggers write.
    /// Whether the row was written is unknown.
    View {
        /// The view.
        table: &'static str,
        /// The key, as text.
        id: String,
    },
    /// A [request](crate::requests) has no filter, and was not asked for all. Nothing was stored.
    NothingChosen {
        /// The entity of the request.
        entity: String,
    },
    /// The replica cannot apply this event at any version. For example, the event is of another
    /// entity, its version is out of range, or its key is not that of its data. Nothing was
    /// written.
    Event(EventError),

    /// Any other error of Diesel or the database, unchanged, such as a violated CHECK, UNIQUE or
    /// FOREIGN KEY constraint.
    Database(diesel::result::Error),

    /// An error that a closure of the caller returned.
    Other(Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// Wraps an error of the caller, to be returned from a closure.
    ///
    /// ```
    /// let error = versioned_core::Error::other("sold out");
    /// assert_eq!(error.to_string(), "sold out");
    /// assert!(!error.is_conflict());
    /// ```
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }

    /// Makes the error of a batch, with the conflicts sorted by row.
    pub(crate) fn conflicts(mut conflicts: Vec<RowConflict>) -> Self {
        conflicts.sort_unstable_by_key(|conflict| conflict.row);
        Self::Conflicts(conflicts)
    }

    /// Returns the conflict, or the first conflict of a batch.
    pub fn conflict(&self) -> Option<&Conflict> {
        match self {
            Self::Conflict(conflict) => Some(conflict),
            Self::Conflicts(conflicts) => conflicts.first().map(|row| &row.conflict),
            _ => None,
        }
    }

    /// Returns whether the error is a conflict, of one record or of rows of a batch.
    pub fn is_conflict(&self) -> bool {
        self.conflict().is_some()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(conflict) => conflict.fmt(f),
            Self::Conflicts(conflicts) => {
                write!(f, "{} of the batch's rows conflicted", conflicts.len())?;
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
                write!(
                    f,
                    "both sides changed the same columns of {table} {id}: {columns}"
                )
            }
            Self::Unsaved { table, id, columns } => write!(
                f,
                "save or revert the changes of {table} {id} before `reload`: {}",
                columns.join(", ")
            ),
            Self::ReadOnly { table, id, columns } => write!(
                f,
                "set back the changes of {table} {id} that an update does not write: {}",
                columns.join(", ")
            ),
            Self::KeyChanged { table, id } => {
                write!(
                    f,
                    "the key of {table} {id} was changed: insert a new record instead"
                )
            }
            Self::VersionAssigned { table } => write!(
                f,
                "a write to {table} assigns to the version: leave the version to the library"
            ),
            Self::NotFound { table, id } => write!(f, "{table} {id} does not exist"),
            Self::VersionExhausted { table, id, version } => write!(
                f,
                "{table} {id} is at version {version}, the maximum of its type: widen the column and the field"
            ),
            Self::KeyNotGenerated { table } => write!(
                f,
                "`create` cannot find its new row in {table} without a key that the database generated (AUTO_INCREMENT on \
                 MySQL and MariaDB): use `insert` with a key from the caller"
            ),
            Self::NotFinite { table, id, field } => write!(
                f,
                "`{field}` of {table} {id} is NaN or infinite, which JSON cannot represent: write a finite value"
            ),
            Self::KeyTooLong { table, bytes } => write!(
                f,
                "a key in {table} has {bytes} bytes, and an outbox or tombstones allow at most 2,400: use shorter keys"
            ),
            Self::NotUnique { table, id, rows } => write!(
                f,
                "{rows} rows of {table} have the key {id}: name all key columns in `#[diesel(primary_key(..))]`"
            ),
            Self::KeyGenerated { table, id } => write!(
                f,
                "the database did not keep the key {id} of the new row in {table}: use `create` for a generated key, or \
                 a key that the column does not round, cut or pad and that no trigger changes"
            ),
            Self::View { table, id } => write!(
                f,
                "it is unknown whether {table} {id} was written, as SQLite does not count the rows that INSTEAD OF \
                 triggers of a view write: use the table behind the view"
            ),
            Self::NothingChosen { entity } => write!(
                f,
                "add a filter, or ask for all of {entity}: a request without a filter chooses nothing"
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
            | Self::Unsaved { .. }
            | Self::ReadOnly { .. }
            | Self::KeyChanged { .. }
            | Self::VersionAssigned { .. }
            | Self::NotFound { .. }
            | Self::NothingChosen { .. }
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

/// Converts an error of Diesel, for `?` inside a transaction.
///
/// A serialization failure becomes a conflict of kind
/// [`Serialization`](ConflictKind::Serialization) without a record. It may also come from a
/// statement of the caller or from the COMMIT.
impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        if is_serialization_failure(&error) {
            Self::Conflict(Conflict::rejected(None, error))
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

/// Turns [`Error::NotFound`] into `None`, as Diesel's `optional` does for its own results.
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
    /// Returns `Ok(None)` for [`Error::NotFound`].
    ///
    /// # Errors
    ///
    /// Returns every other error unchanged.
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
