//! `tracked.save(conn)`: the methods of a tracked model.

use super::{BlockingExecutor, poll_ready};
use crate::change::Change;
use crate::connection::BlockingConnection;
use crate::error::Result;
use crate::model::Fields;
use crate::operation;
use crate::owner::Owner;
use crate::tracked::{Keep, Tracked};

/// The methods of a [`Tracked`] model on a Diesel connection: writes of changed columns, and merges
/// after a conflict.
///
/// | purpose | methods |
/// | --- | --- |
/// | write the changed columns | [`save`](TrackedDsl::save), [`save_all`](TrackedDsl::save_all) |
/// | merge the changes with a newer row | [`rebase`](TrackedDsl::rebase), [`rebase_with`](TrackedDsl::rebase_with) |
/// | load the current row | [`reload`](TrackedDsl::reload) |
/// | increment the version, or delete the row | [`touch`](TrackedDsl::touch), [`delete`](TrackedDsl::delete) |
/// | check and hold the version | [`verify`](TrackedDsl::verify) |
///
/// The trait is implemented for `Tracked<T>` of every model `T` with `#[versioned(owner)]` whose
/// fields are `PartialEq` and `Clone`. The [guide](crate::guide::how_to::tracked) has a chapter.
///
/// # Errors
///
/// If a method returns an error, the tracked model and its original are unchanged. Each method
/// returns [`Error::KeyChanged`](crate::Error::KeyChanged), before any SQL, if the key in memory is
/// not the one that was loaded. A failed query is an [`Error::Conflict`](crate::Error::Conflict) of
/// kind [`Serialization`](crate::ConflictKind::Serialization) or an
/// [`Error::Database`](crate::Error::Database), as in
/// [`OwnerDsl`](crate::prelude::OwnerDsl#errors).
pub trait TrackedDsl<T>: Sized {
    /// Writes the changed columns if the row is still at the version that was loaded, and
    /// increments the version.
    ///
    /// Returns `None` if nothing changed. The method then writes nothing, and checks that the row
    /// is still at that version.
    ///
    /// ```sql
    /// UPDATE tickets SET price = $1, version = $2 WHERE id = $3 AND version = $4
    /// -- if nothing changed; MySQL, MariaDB: LOCK IN SHARE MODE
    /// SELECT version FROM tickets WHERE id = $1 FOR SHARE
    /// ```
    ///
    /// If only columns with `#[versioned(excluded)]` changed, they are written without a guard, the
    /// version stays, no event is emitted, and the method returns `None`. The last writer wins on
    /// these columns, and neither readers nor replicas learn of the change.
    ///
    /// If the model was written through itself, as in `(*ticket).save(conn)`, the next save writes
    /// all columns.
    ///
    /// Fields are compared with `PartialEq`. `f32`, `f64` and their `Option` and `Vec` are compared
    /// by their bits, so an unchanged NaN does not count as changed. A value of another type that
    /// does not equal itself counts as changed.
    ///
    /// The SQL depends on the set of changed columns. Diesel keeps the statements of small sets
    /// prepared, up to the size at which a model has at most 256 sets in total. That is every set
    /// of a model with up to 8 columns, sets of up to 2 columns of a model with 20, and single
    /// columns of a model with 64. The key counts as a column here, and the version does not. The
    /// statement of a larger set is prepared each time.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Conflict`](crate::Error::Conflict) of kind
    /// [`Stale`](crate::ConflictKind::Stale) if the row is at another version, and of kind
    /// [`Deleted`](crate::ConflictKind::Deleted) if no row has the key, also if nothing changed.
    /// Returns [`Error::ReadOnly`](crate::Error::ReadOnly), before any SQL, if a field with
    /// `#[diesel(skip_update)]` was changed in memory. The other errors are those of [`OwnerDsl::save`](crate::prelude::OwnerDsl::save).
    fn save<C>(&mut self, conn: &mut C) -> Result<Option<Change<'_, T>>>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone;

    /// Writes the changed columns of all of these models, or nothing. Each row must be at the version
    /// that was loaded.
    ///
    /// Returns `None` for a model that did not change, or of which only columns with
    /// `#[versioned(excluded)]` changed. The rows of unchanged models are locked and checked, and not
    /// written. An empty batch runs no SQL.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// use versioned_core::Tracked;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// # fn raise(tickets: Vec<Ticket>, conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    /// let mut tickets: Vec<_> = tickets.into_iter().map(Tracked::new).collect();
    /// for ticket in tickets.iter_mut().filter(|ticket| ticket.price < 20) {
    ///     ticket.price = 20;
    /// }
    /// Tracked::save_all(&mut tickets, conn)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// If all models have the same changed columns, the statements are those of
    /// [`OwnerDsl::save_all`](crate::prelude::OwnerDsl::save_all) for these columns. Otherwise a
    /// transaction locks all rows in the order of their keys, and then runs such a statement for each
    /// set of changed columns:
    ///
    /// ```sql
    /// WITH given AS (SELECT unnest($1) AS c0, unnest($2) AS c1, generate_series(1, $3) AS place)
    ///     SELECT given.place FROM tickets AS target, given
    ///     WHERE target.version = ANY(ARRAY[c0]) AND target.id = ANY(ARRAY[c1])
    ///     ORDER BY given.place FOR NO KEY UPDATE OF target
    /// WITH given AS (SELECT unnest($1) AS c0, unnest($2) AS c1, ..)
    ///     UPDATE tickets AS target SET price = c2, version = c3 FROM given
    ///     WHERE target.version = ANY(ARRAY[c0]) AND target.id = ANY(ARRAY[c1])
    /// ```
    ///
    /// MySQL and MariaDB lock with `SELECT 1 FROM JSON_TABLE(..) .. FOR UPDATE`. SQLite locks its
    /// database with the first write. In these cases the rows are written one by one with the
    /// statements of [`save`](TrackedDsl::save), in a transaction and in the order of their keys:
    ///
    /// - on average, less than two models have the same changed columns;
    /// - only columns with `#[versioned(excluded)]` changed in a model;
    /// - the cases of [`OwnerDsl::save_all`](crate::prelude::OwnerDsl::save_all), except that an
    ///   outbox is none of them.
    ///
    /// With an outbox, or with fields that the database generates, the transaction reads the written
    /// rows, 100 with one SELECT, and inserts an event with the values of each row. PostgreSQL inserts
    /// all of them with one statement.
    ///
    /// # Errors
    ///
    /// - [`Error::KeyChanged`](crate::Error::KeyChanged), before any SQL, if the key of a model is not
    ///   the one that was loaded.
    /// - [`Error::Conflicts`](crate::Error::Conflicts) with each row that is at another version or
    ///   gone.
    /// - [`Error::TwiceInBatch`](crate::Error::TwiceInBatch), before any SQL, if two models have the
    ///   same key.
    /// - [`Error::VersionExhausted`](crate::Error::VersionExhausted), before any SQL, if the version
    ///   of a changed model is at the maximum of its type.
    ///
    /// No row was written then, and the models are unchanged.
    fn save_all<'m, C>(all: &'m mut [Self], conn: &mut C) -> Result<Vec<Option<Change<'m, T>>>>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone;

    /// Loads the current row and applies the changes in memory to it.
    ///
    /// A column that only one side changed keeps that change, and so does a column that both sides
    /// changed to the same value. The method writes nothing. The next [`save`](TrackedDsl::save)
    /// writes the merged model onto the version of the row.
    ///
    /// ```sql
    /// SELECT id, title, version FROM tickets WHERE id = $1 -- MySQL, MariaDB: FOR UPDATE
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::BothChanged`](crate::Error::BothChanged) with the columns that both sides
    /// changed to different values, and [`Error::Conflict`](crate::Error::Conflict) of kind
    /// [`Deleted`](crate::ConflictKind::Deleted) if no row has the key.
    fn rebase<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone;

    /// Merges as [`rebase`](TrackedDsl::rebase) does, and calls `choose` for each column that both
    /// sides changed to different values.
    ///
    /// `choose` receives the name of the column, the model in memory and the row.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Conflict`](crate::Error::Conflict) of kind
    /// [`Deleted`](crate::ConflictKind::Deleted) if no row has the key.
    fn rebase_with<C, F>(&mut self, conn: &mut C, choose: F) -> Result<()>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone,
        F: FnMut(&'static str, &T, &T) -> Keep + Send;

    /// Replaces the model and its original with the current row.
    ///
    /// It does not drop changes: [`revert`](Tracked::revert) them first. A model that was written
    /// through itself, as in `(*ticket).save(conn)`, counts as changed.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Unsaved`](crate::Error::Unsaved), before any SQL, if the model in memory was
    /// changed, and [`Error::NotFound`](crate::Error::NotFound) if no row has the key.
    fn reload<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone;

    /// Increments the version of the row and writes nothing else, as
    /// [`OwnerDsl::touch`](crate::prelude::OwnerDsl::touch) does.
    ///
    /// Changes in memory remain unsaved. The next [`save`](TrackedDsl::save) writes them.
    ///
    /// ```sql
    /// UPDATE tickets SET version = $1 WHERE id = $2 AND version = $3 RETURNING id, title, version
    /// ```
    ///
    /// MySQL and MariaDB run the UPDATE and a SELECT in a transaction.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`OwnerDsl::touch`](crate::prelude::OwnerDsl::touch).
    fn touch<C>(&mut self, conn: &mut C) -> Result<Change<'_, T>>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields;

    /// Deletes the row if the row is still at the version that was loaded, as
    /// [`OwnerDsl::delete`](crate::prelude::OwnerDsl::delete) does.
    ///
    /// ```sql
    /// DELETE FROM tickets WHERE id = $1 AND version = $2
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`OwnerDsl::delete`](crate::prelude::OwnerDsl::delete).
    fn delete<C>(&mut self, conn: &mut C) -> Result<Change<'_, T>>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields;

    /// Checks that the row is still at the version that was loaded, and locks it at that version,
    /// as [`OwnerDsl::verify`](crate::prelude::OwnerDsl::verify) does.
    ///
    /// ```sql
    /// SELECT version FROM tickets WHERE id = $1 FOR SHARE -- MySQL, MariaDB: LOCK IN SHARE MODE
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`OwnerDsl::verify`](crate::prelude::OwnerDsl::verify).
    fn verify<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields;
}

impl<T> TrackedDsl<T> for Tracked<T> {
    fn save<C>(&mut self, conn: &mut C) -> Result<Option<Change<'_, T>>>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone,
    {
        poll_ready(operation::save_changes(
            self,
            &mut BlockingExecutor::new(conn),
        ))
    }

    fn save_all<'m, C>(all: &'m mut [Self], conn: &mut C) -> Result<Vec<Option<Change<'m, T>>>>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone,
    {
        poll_ready(operation::save_all_changes(
            all,
            &mut BlockingExecutor::new(conn),
        ))
    }

    fn rebase<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone,
    {
        let never = None::<fn(&'static str, &T, &T) -> Keep>;
        poll_ready(operation::rebase(
            self,
            &mut BlockingExecutor::new(conn),
            never,
        ))
    }

    fn rebase_with<C, F>(&mut self, conn: &mut C, choose: F) -> Result<()>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone,
        F: FnMut(&'static str, &T, &T) -> Keep + Send,
    {
        poll_ready(operation::rebase(
            self,
            &mut BlockingExecutor::new(conn),
            Some(choose),
        ))
    }

    fn reload<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone,
    {
        poll_ready(operation::reload_tracked(
            self,
            &mut BlockingExecutor::new(conn),
        ))
    }

    fn touch<C>(&mut self, conn: &mut C) -> Result<Change<'_, T>>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields,
    {
        poll_ready(operation::touch_tracked(
            self,
            &mut BlockingExecutor::new(conn),
        ))
    }

    fn delete<C>(&mut self, conn: &mut C) -> Result<Change<'_, T>>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields,
    {
        poll_ready(operation::delete_tracked(
            self,
            &mut BlockingExecutor::new(conn),
        ))
    }

    fn verify<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields,
    {
        poll_ready(operation::verify_tracked(
            self,
            &mut BlockingExecutor::new(conn),
        ))
    }
}
