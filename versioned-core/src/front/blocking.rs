//! The blocking front: methods on Diesel's own connections.

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

use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub use self::at::At;
use self::closure::Closure;
pub(crate) use self::connection::BlockingExecutor;
pub use self::dependent::DependentDsl;
pub use self::owner::OwnerDsl;
pub use self::tracked::TrackedDsl;
pub use self::transaction::transaction;

/// Runs an operation whose steps are all ready at once, as they are on a blocking connection.
///
/// It is inlined, because passing an operation by value copies about two kilobytes for each row.
#[inline]
pub(crate) fn poll_ready<F: Future>(operation: F) -> F::Output {
    match pin!(operation).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a future of a blocking connection is never pending"),
    }
}
