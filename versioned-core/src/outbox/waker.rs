//! A handle that wakes a relay.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// Wakes a relay that waits for its next pass. [`Relay::waker`](super::Relay::waker) returns it.
///
/// Call [`wake`](Self::wake) after the commit of a write in the same process. The relay then
/// publishes at once. A forgotten call costs only time, because the relay also polls.
///
/// ```
/// # use diesel::prelude::*;
/// # use diesel_migrations::MigrationHarness;
/// # use versioned_core::prelude::*;
/// # use versioned_core::outbox::{OutboxRow, PublishError};
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, serde::Serialize, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner, outbox)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
/// use versioned_core::outbox::{Publisher, Relay, RelayWaker};
///
/// fn reprice(ticket: &mut Ticket, conn: &mut SqliteConnection, waker: &RelayWaker) -> versioned_core::Result<()> {
///     ticket.price += 5;
///     ticket.save(conn)?;
///     waker.wake();
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct RelayWaker(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    is_woken: bool,
    waiting: Option<Waker>,
}

impl RelayWaker {
    /// Wakes the relay. Several calls before its next pass have the effect of one.
    pub fn wake(&self) {
        let waiting = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.is_woken = true;
            state.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    /// Waits for a call of [`wake`](Self::wake) since the last one that was waited for.
    pub(crate) fn woken(&self) -> impl Future<Output = ()> + Send + '_ {
        poll_fn(|task| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::take(&mut state.is_woken) {
                return Poll::Ready(());
            }
            state.waiting = Some(task.waker().clone());
            Poll::Pending
        })
    }
}
