//! Transactions that restore the versions in memory after a rollback.

use diesel::connection::Connection;

use super::BlockingExecutor;
use crate::transaction::{Models, Restore as _, Shape};

/// Runs `body` in a transaction, and restores the versions of `models` in memory if the transaction
/// does not commit.
///
/// The versions are restored after an error, a panic or a failed COMMIT, so that the next `save`
/// finds the row.
///
/// `models` is a `&mut` model or [`Tracked`](crate::Tracked) model, a slice of either, or a tuple
/// of these. `body` receives them as its second argument. Only versions are restored. Other fields
/// keep the values that `body` wrote to them.
///
/// The function runs the same statements as Diesel's `transaction`: BEGIN, then COMMIT or ROLLBACK.
/// Inside a transaction it uses a savepoint, and also rolls back to it if it cannot be released.
///
/// ```
/// # use diesel::prelude::*;
/// use versioned_core::prelude::*;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
///
/// fn swap(
///     a: &mut Ticket,
///     b: &mut Ticket,
///     conn: &mut SqliteConnection,
/// ) -> versioned_core::Result<()> {
///     transaction(conn, (a, b), |conn, (a, b)| {
///         std::mem::swap(&mut a.price, &mut b.price);
///         a.save(conn)?;
///         // If this save fails, the row of `a` and its version in memory are rolled back.
///         b.save(conn)?;
///         Ok(())
///     })
/// }
/// ```
///
/// # Errors
///
/// Returns the error of `body`, or the error of BEGIN or COMMIT.
pub fn transaction<C, M, R, E>(
    conn: &mut C,
    models: M,
    body: impl for<'s> FnOnce(&mut C, <M::Shape as Shape>::Ref<'s>) -> Result<R, E>,
) -> Result<R, E>
where
    C: Connection,
    M: Models,
    E: From<diesel::result::Error>,
{
    let mut guard = models.remember();
    let mut executor = BlockingExecutor::new(conn);
    executor.begin_here()?;
    match body(executor.conn, guard.lend()) {
        Ok(value) => {
            executor.commit_here()?;
            guard.keep();
            Ok(value)
        }
        Err(error) => {
            // The first error is the result. If the rollback fails too, the connection is broken,
            // and its next use returns an error.
            drop(executor.rollback_here());
            Err(error)
        }
    }
}
