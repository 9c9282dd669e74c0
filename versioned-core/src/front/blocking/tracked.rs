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
/// | write the changed columns | [`save`](TrackedDsl::save) |
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
pub trait TrackedDsl<T> {
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
