//! Transactions after whose rollback the versions in memory are what they were before.

use diesel::connection::Connection;

use crate::model::Versioned;

/// Runs `body` in a transaction. If it does not commit (an error, a panic, a COMMIT that fails), the versions of
/// `models` in memory are afterwards what they were before, so that the next `save` finds the row.
///
/// `models` is a `&mut` model, a slice of models, or a tuple of such; `body` gets them back as its second argument.
/// Only versions are put back: other fields keep what `body` wrote to them. Inside of a transaction it opens a
/// savepoint.
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
/// fn swap(a: &mut Ticket, b: &mut Ticket, conn: &mut SqliteConnection) -> versioned_core::Result<()> {
///     transaction(conn, (a, b), |conn, (a, b)| {
///         std::mem::swap(&mut a.price, &mut b.price);
///         a.save(conn)?;
///         b.save(conn)?; // if this one is stale, `a` is rolled back: its row, and its version in memory
///         Ok(())
///     })
/// }
/// ```
///
/// # Errors
///
/// What `body` returns, and what BEGIN and COMMIT return.
pub fn transaction<C, M, R, E>(
    conn: &mut C,
    models: M,
    body: impl for<'s> FnOnce(&mut C, <M::Family as Family>::Each<'s>) -> Result<R, E>,
) -> Result<R, E>
where
    C: Connection,
    M: Models,
    E: From<diesel::result::Error>,
{
    let mut guard = models.remember();
    let done = conn.transaction(|conn| body(conn, M::lend(&mut guard)));
    if done.is_ok() {
        M::keep(guard);
    }
    done
}

/// The models that a [`transaction`] is about: `&mut` one, a slice of them, or a tuple of such.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a transaction can put back",
    note = "give `&mut model`, `&mut models[..]`, or a tuple of such"
)]
pub trait Models {
    /// The shape of the models, without their lifetime.
    type Family: Family;

    /// The models and their versions before the transaction; puts them back when it is dropped.
    type Guard;

    /// Notes the versions.
    fn remember(self) -> Self::Guard;

    /// The models, for the body.
    fn lend(guard: &mut Self::Guard) -> <Self::Family as Family>::Each<'_>;

    /// The transaction has committed: the versions stay.
    fn keep(guard: Self::Guard);
}

/// A shape of models that can be lent for any lifetime.
pub trait Family: 'static {
    /// The models, lent for `'s`.
    type Each<'s>;
}

/// The shape of `&mut T`.
#[derive(Debug)]
pub struct One<T>(std::marker::PhantomData<T>);

/// The shape of `&mut [T]`.
#[derive(Debug)]
pub struct Many<T>(std::marker::PhantomData<T>);
