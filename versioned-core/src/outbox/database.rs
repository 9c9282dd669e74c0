//! The backends that can have an outbox.

use diesel::backend::Backend;

use crate::dialect::Flavor;

/// A backend that this crate knows: those of its features, and every `#[derive(MultiConnection)]` of them. For generic code:
/// `C: LoadConnection, C::Backend: Database`.
pub trait Database: Backend {
    #[doc(hidden)]
    type On: Flavor<Self> + ?Sized;
}

impl<DB> Database for DB
where
    DB: Backend,
    DB::MetadataLookup: Flavor<DB>,
{
    type On = DB::MetadataLookup;
}
