//! The backends that support an outbox.

use diesel::backend::Backend;

use crate::dialect::SqlFor;

/// A backend that this crate supports: those of its enabled features, and every
/// `#[derive(MultiConnection)]` of them. Generic code uses the bounds
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
