//! The types that have an `ETag`.

use crate::change::Change;
use crate::model::Versioned;
use crate::tracked::Tracked;
use crate::version::{Token, Version as _};

/// A type with an entity tag: a versioned model, a [`Tracked`] model, or a [`Change`].
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
/// use versioned_core::etag::ETag;
///
/// fn save(ticket: &mut Ticket, conn: &mut SqliteConnection) -> versioned_core::Result<ETag> {
///     ticket.save(conn).map(|change| ETag::of(&change))
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `ETag`, pass a reference to a versioned model, a `Tracked` model or a `Change`",
    label = "not a versioned record",
    note = "a versioned model has `#[derive(Versioned)]` with `#[versioned(owner)]` or `#[versioned(dependent)]`"
)]
pub trait Tagged {
    /// The version that was loaded or written.
    #[doc(hidden)]
    fn token(&self) -> Token;
}

#[diagnostic::do_not_recommend]
impl<M: Versioned> Tagged for M {
    fn token(&self) -> Token {
        self.loaded().token()
    }
}

impl<T: Versioned> Tagged for Change<'_, T> {
    fn token(&self) -> Token {
        T::token(self)
    }
}

impl<T: Versioned> Tagged for Tracked<T> {
    fn token(&self) -> Token {
        T::token(self)
    }
}
