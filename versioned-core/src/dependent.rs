//! The bound for a dependent in generic code.

use diesel::backend::Backend;

use crate::loadable::Persisted;
use crate::model::DependentModel;

/// A model in dependent mode whose columns and rows fit the backend `DB`. Generic code needs only
/// this bound.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a replica that can be stored on `{DB}`",
    note = "a replica derives `Versioned` with `#[versioned(dependent)]`, `Queryable` and `Selectable`",
    note = "every field must fit its column: `#[diesel(check_for_backend(..))]` shows the field that does not",
    note = "in generic code, add the bound `M: Dependent<C::Backend>`"
)]
pub trait Dependent<DB: Backend>: DependentModel + Persisted<DB> {}

impl<M, DB> Dependent<DB> for M
where
    DB: Backend,
    M: DependentModel + Persisted<DB>,
{
}
