//! The backends that can have an outbox.

use diesel::backend::Backend;

use crate::dialect::SqlFor;

/// A backend that this crate knows: those of its features, and every `#[derive(MultiConnection)]` of them. For generic code:
/// `C: LoadConnection, C::Backend: SupportedBackend`.
pub trait SupportedBackend: Backend {
    #[doc(hidden)]
    type Sql: SqlFor<Self> + ?Sized;
}

impl<DB> SupportedBackend for DB
where
    DB: Backend,
    DB::MetadataLookup: SqlFor<DB>,
{
    type Sql = DB::MetadataLookup;
}
