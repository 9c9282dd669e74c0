//! The bound for an owner in generic code.

use diesel::backend::Backend;

use crate::loadable::Persisted;
use crate::model::OwnerModel;

/// A model in owner mode whose columns and rows fit the backend `DB`.
///
/// Generic code needs only this bound:
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
/// fn double<C: LoadConnection>(ticket: &mut Ticket, conn: &mut C) -> versioned_core::Result<()>
/// where
///     Ticket: Owner<C::Backend>,
/// {
///     ticket.price *= 2;
///     ticket.save(conn)?;
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an owner that can be stored on `{DB}`",
    note = "an owner derives `Versioned` with `#[versioned(owner)]`, `Queryable` and `Selectable`",
    note = "every field must fit its column: `#[diesel(check_for_backend(..))]` shows the field that does not",
    note = "in generic code, add the bound `M: Owner<C::Backend>`"
)]
pub trait Owner<DB: Backend>: OwnerModel + Persisted<DB> {}

impl<M, DB> Owner<DB> for M
where
    DB: Backend,
    M: OwnerModel + Persisted<DB>,
{
}
