//! A loaded model together with its original.

mod changes;

use std::fmt;
use std::ops::{Deref, DerefMut};

pub use self::changes::{ColumnChange, ColumnClash};
use crate::model::{Fields, Versioned, restore};
use crate::transaction::{Models, Restore, Shape};

/// A loaded model together with its original. A save writes only the changed columns, and nothing
/// if nothing changed.
///
/// `Tracked` derefs to the model. [`TrackedDsl`](crate::prelude::TrackedDsl) has its methods, such
/// as [`save`](crate::prelude::TrackedDsl::save) and
/// [`rebase`](crate::prelude::TrackedDsl::rebase).
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// use versioned_core::Tracked;
/// # diesel::table! {
/// #     tickets { id -> BigInt, title -> Text, price -> BigInt, version -> BigInt, }
/// # }
/// # #[derive(Clone, Queryable, Selectable, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner)]
/// # struct Ticket { id: i64, title: String, price: i64, version: i64 }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let conn = &mut SqliteConnection::establish(":memory:")?;
/// # diesel::sql_query(
/// #     "CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL,
/// #      price BIGINT NOT NULL, version BIGINT NOT NULL)",
/// # ).execute(conn)?;
/// # Ticket { id: 7, title: "concert".into(), price: 20, version: 0 }.insert(conn)?;
///
/// let mut ticket = Tracked::new(Ticket::find(&7, conn)?);
/// assert!(ticket.save(conn)?.is_none()); // nothing to write
/// ticket.price = 25;
/// // UPDATE tickets SET price = 25, version = 2 WHERE id = 7 AND version = 1
/// ticket.save(conn)?;
///
/// Ticket::update_with(&7, conn, |theirs| {
///     theirs.title = "opera".into();
///     Ok(())
/// })?;
/// ticket.price = 30;
/// if ticket.save(conn).is_err_and(|error| error.is_conflict()) {
///     ticket.rebase(conn)?; // takes their title, keeps the price
///     ticket.save(conn)?;
/// }
/// assert_eq!((ticket.title.as_str(), ticket.price, ticket.version), ("opera", 30, 4));
/// # Ok(())
/// # }
/// ```
///
/// `Tracked` does not notice writes through the model itself, as in `(*ticket).save(conn)`. The
/// next save then writes all columns once.
#[derive(Clone, PartialEq, Eq)]
pub struct Tracked<T> {
    model: T,
    base: T,
}

impl<T: Clone> Tracked<T> {
    /// Tracks a model that was just loaded or written.
    pub fn new(model: T) -> Self {
        Self {
            base: model.clone(),
            model,
        }
    }

    /// Undoes the changes in memory: the model is as it was loaded or last written.
    pub fn revert(&mut self) {
        self.model.clone_from(&self.base);
    }
}

impl<T> Tracked<T> {
    /// Returns the model as it was loaded or last written.
    pub fn original(&self) -> &T {
        &self.base
    }

    /// Returns the model and ends the tracking.
    pub fn into_inner(self) -> T {
        self.model
    }

    /// Undoes a write that was rolled back. The changes remain, except of fields that no UPDATE
    /// writes, because only the database sets them.
    fn restore(&mut self, version: T::Version, base: T)
    where
        T: Versioned + Fields,
    {
        self.model.set_version(version);
        restore(&mut self.model, &base);
        self.base = base;
    }

    pub(crate) fn parts(&mut self) -> (&mut T, &mut T) {
        (&mut self.model, &mut self.base)
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.model
    }
}

impl<T> DerefMut for Tracked<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.model
    }
}

impl<T: Clone> From<T> for Tracked<T> {
    fn from(model: T) -> Self {
        Self::new(model)
    }
}

impl<T: fmt::Debug> fmt::Debug for Tracked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked")
            .field("model", &self.model)
            .field("original", &self.base)
            .finish()
    }
}

/// The side whose value [`rebase_with`](crate::prelude::TrackedDsl::rebase_with) keeps, for a
/// column that both sides changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keep {
    /// Keeps the value in memory.
    Mine,
    /// Keeps the value in the row.
    Theirs,
}

/// `&mut Tracked<T>`
#[derive(Debug)]
pub struct OneTracked<T>(std::marker::PhantomData<T>);

impl<T: Versioned + 'static> Shape for OneTracked<T> {
    type Ref<'s> = &'s mut Tracked<T>;
}

/// A tracked model, with its version and its original before the transaction.
#[derive(Debug)]
pub struct TrackedGuard<'a, T: Versioned + Fields> {
    tracked: &'a mut Tracked<T>,
    before: Option<(T::Version, T)>,
}

impl<'a, T: Versioned + Fields + Clone + 'static> Models for &'a mut Tracked<T> {
    type Shape = OneTracked<T>;
    type Guard = TrackedGuard<'a, T>;

    fn remember(self) -> TrackedGuard<'a, T> {
        TrackedGuard {
            before: Some((self.model.version(), self.base.clone())),
            tracked: self,
        }
    }
}

impl<T: Versioned + Fields + 'static> Restore for TrackedGuard<'_, T> {
    type Shape = OneTracked<T>;

    fn lend(&mut self) -> &mut Tracked<T> {
        self.tracked
    }

    fn keep(mut self) {
        self.before = None;
    }
}

impl<T: Versioned + Fields> Drop for TrackedGuard<'_, T> {
    fn drop(&mut self) {
        if let Some((version, base)) = self.before.take() {
            self.tracked.restore(version, base);
        }
    }
}

/// `&mut [Tracked<T>]`
#[derive(Debug)]
pub struct ManyTracked<T>(std::marker::PhantomData<T>);

impl<T: Versioned + 'static> Shape for ManyTracked<T> {
    type Ref<'s> = &'s mut [Tracked<T>];
}

/// Tracked models, with their versions and their originals before the transaction.
#[derive(Debug)]
pub struct ManyTrackedGuard<'a, T: Versioned + Fields> {
    all: &'a mut [Tracked<T>],
    before: Vec<(T::Version, T)>,
}

#[diagnostic::do_not_recommend]
impl<'a, T: Versioned + Fields + Clone + 'static> Models for &'a mut [Tracked<T>] {
    type Shape = ManyTracked<T>;
    type Guard = ManyTrackedGuard<'a, T>;

    fn remember(self) -> ManyTrackedGuard<'a, T> {
        let before = self.iter();
        ManyTrackedGuard {
            before: before
                .map(|tracked| (tracked.model.version(), tracked.base.clone()))
                .collect(),
            all: self,
        }
    }
}

impl<T: Versioned + Fields + 'static> Restore for ManyTrackedGuard<'_, T> {
    type Shape = ManyTracked<T>;

    fn lend(&mut self) -> &mut [Tracked<T>] {
        self.all
    }

    fn keep(mut self) {
        self.before.clear();
    }
}

impl<T: Versioned + Fields> Drop for ManyTrackedGuard<'_, T> {
    fn drop(&mut self) {
        for (tracked, (version, base)) in self.all.iter_mut().zip(self.before.drain(..)) {
            tracked.restore(version, base);
        }
    }
}
