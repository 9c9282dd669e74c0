//! Optimistic concurrency for Diesel models.

mod blocking;
mod change;
mod dialect;
mod error;
mod executor;
mod fetch;
pub mod model;
mod operation;
mod owner;
mod retry;
mod statement;
mod transaction;
pub mod version;

pub use self::blocking::At;
pub use self::change::{Change, Op};
pub use self::error::{Conflict, ConflictKind, Error, OptionalExt, Result};
pub use self::model::Versioned;
pub use self::owner::Owner;
pub use self::retry::Retry;
pub use self::statement::{Bump, Changes, NewRow};
pub use self::transaction::{Models, transaction};
#[cfg(feature = "derive")]
pub use versioned_derive::{SequentialVersion, Versioned, version_field};

/// The methods for Diesel's own, blocking connections.
pub mod prelude {
    pub use crate::blocking::OwnerDsl;
    pub use crate::owner::Owner;
    pub use crate::transaction::transaction;
    pub use diesel::connection::LoadConnection;
    #[cfg(feature = "derive")]
    pub use versioned_derive::{Versioned, version_field};
}
