//! `tracked.save(conn)`: the methods of a tracked model.

use super::{BlockingExecutor, poll_ready};
use crate::change::Change;
use crate::connection::BlockingConnection;
use crate::error::Result;
use crate::model::Fields;
use crate::operation;
use crate::owner::Owner;
use crate::tracked::{Keep, Tracked};

/// What a [`Tracked`] model can do on a Diesel connection, besides what the model can do.
pub trait TrackedDsl<T> {
    /// Writes the columns that changed, if the row is still at the version that was loaded; the version moves by one. When
    /// nothing changed, nothing is written: the answer is `None`, and the row was at that version.
    ///
    /// ```sql
    /// UPDATE tickets SET price = $1, version = $2 WHERE id = $3 AND version = $4
    /// SELECT version FROM tickets WHERE id = $1 FOR SHARE             -- nothing changed; MySQL, MariaDB: LOCK IN SHARE MODE
    /// ```
    ///
    /// A change of columns with `#[versioned(excluded)]` alone is written without guard or version, emits no event, and the
    /// answer is `None`: the last writer wins there, and neither readers nor replicas hear of it.
    ///
    /// Diesel keeps the statements prepared, one for each set of changed columns, up to 256 for a model; larger sets are
    /// prepared each time. A field that does not equal itself (a NaN) counts as changed.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`](crate::Error::Conflict) if the row is at another version, or gone, also when nothing changed;
    /// [`Error::KeyChanged`](crate::Error::KeyChanged) if the key in memory is another one than the one that was loaded.
    fn save<C>(&mut self, conn: &mut C) -> Result<Option<Change<'_, T>>>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone;

    /// Loads the row as it is now, and puts the changes onto it that were made here: what only one side changed is kept, and
    /// what both changed to the same value. Nothing is written; [`save`](TrackedDsl::save) does that, onto that version.
    ///
    /// # Errors
    ///
    /// [`Error::BothChanged`](crate::Error::BothChanged) names the columns that both changed to different values, and
    /// [`Error::Conflict`](crate::Error::Conflict) of kind `Deleted` says that the row is gone. The model is as it was then.
    fn rebase<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone;

    /// As [`rebase`](TrackedDsl::rebase); `choose` is asked for each column that both changed, by its name, with the model
    /// in memory and the row.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`](crate::Error::Conflict) of kind `Deleted` if the row is gone; the model is as it was.
    fn rebase_with<C, F>(&mut self, conn: &mut C, choose: F) -> Result<()>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone,
        F: FnMut(&'static str, &T, &T) -> Keep + Send;

    /// Replaces the model by its row as it is now; what was changed here is gone.
    ///
    /// # Errors
    ///
    /// Returns [`Error::NotFound`](crate::Error::NotFound) if the row is gone, and
    /// [`Error::KeyChanged`](crate::Error::KeyChanged) if the key in memory is not the one that was loaded. The model is as
    /// it was.
    fn reload<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields + Clone;

    /// Moves the version and writes nothing else, as [`OwnerDsl::touch`](crate::prelude::OwnerDsl::touch) does. What was
    /// changed here stays a change, which the next [`save`](TrackedDsl::save) writes.
    ///
    /// ```sql
    /// UPDATE tickets SET version = $1 WHERE id = $2 AND version = $3
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`OwnerDsl::touch`](crate::prelude::OwnerDsl::touch), and
    /// [`Error::KeyChanged`](crate::Error::KeyChanged), before any SQL, if the key in memory is not the one that was loaded.
    fn touch<C>(&mut self, conn: &mut C) -> Result<Change<'_, T>>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields;

    /// Deletes the row, if it is still at the version that was loaded, as
    /// [`OwnerDsl::delete`](crate::prelude::OwnerDsl::delete) does.
    ///
    /// ```sql
    /// DELETE FROM tickets WHERE id = $1 AND version = $2
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`OwnerDsl::delete`](crate::prelude::OwnerDsl::delete), and
    /// [`Error::KeyChanged`](crate::Error::KeyChanged), before any SQL, if the key in memory is not the one that was loaded.
    fn delete<C>(&mut self, conn: &mut C) -> Result<Change<'_, T>>
    where
        C: BlockingConnection,
        T: Owner<C::Db> + Fields;

    /// Checks that the row is still at the version that was loaded, and holds it there, as
    /// [`OwnerDsl::verify`](crate::prelude::OwnerDsl::verify) does.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`OwnerDsl::verify`](crate::prelude::OwnerDsl::verify), and
    /// [`Error::KeyChanged`](crate::Error::KeyChanged), before any SQL, if the key in memory is not the one that was loaded.
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
