//! The async front: the same methods on connections of `diesel-async`. They run statements; the
//! operations contain all decisions.

mod at;
mod closure;
mod connection;
mod dependent;
mod lag;
#[cfg(feature = "postgres")]
mod listener;
mod owner;
mod rejected;
mod relay;
mod tracked;
mod transaction;

pub use self::at::At;
use self::closure::Closure;
pub(crate) use self::closure::{AfterApplyFn, ModifyFn, TransactionFn};
pub(crate) use self::connection::AsyncExecutor;
use self::connection::Shared;
pub use self::dependent::DependentDsl;
pub use self::owner::OwnerDsl;
pub use self::tracked::TrackedDsl;
pub use self::transaction::transaction;
