//! Waiting until a replica has applied a version of a record, so that a client reads what it wrote.
//!
//! The owner answers a write with the version, for example as an `ETag`. The client sends it with
//! its next request, which goes to a service with a replica. That service waits for the version
//! before it reads.
//!
//! ```no_run
//! # use diesel::prelude::*;
//! # use versioned_core::prelude::*;
//! # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
//! # #[derive(Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
//! # #[diesel(table_name = ticket_copies)]
//! # #[versioned(dependent, entity = "tickets")]
//! # struct TicketCopy { id: i64, price: i64, version: i64 }
//! use std::time::Duration;
//! use versioned_core::wait::{self, Arrival};
//!
//! fn price(id: i64, at_least: i64) -> Result<i64, Box<dyn std::error::Error>> {
//!     let connect = || SqliteConnection::establish("replica.db"); // or `|| pool.get()`
//!     match wait::wait_for::<TicketCopy, _, _>(&id, at_least, Duration::from_secs(2), connect)? {
//!         Arrival::Reached { .. } => Ok(TicketCopy::find(&id, &mut connect()?)?.price),
//!         late => Err(late.to_string().into()),
//!     }
//! }
//! ```
//!
//! No connection is held while there is nothing to do. With the feature `consumer`, tasks share their
//! queries through `Waiters`.

#[cfg(feature = "consumer")]
mod waiters;

use std::fmt;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::LoadConnection;

#[cfg(feature = "consumer")]
pub use self::waiters::Waiters;
pub use crate::arrival::Arrival;
use crate::counters::Wait;
use crate::dependent::Dependent;
use crate::error::{NotConnected, Result};
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::operation;
use crate::retry::{Attempts, Retry};

/// The pauses between looks. Each is random, so that many that wait do not look at the same time.
fn pauses() -> Attempts {
    let mut pauses = Retry::times(u32::MAX)
        .pause(Duration::from_millis(10))
        .longest(Duration::from_millis(100))
        .attempts();
    // The first two are none.
    pauses.nth(1);
    pauses
}

/// Waits until the replica `M` has applied this version of a record or a later one, and returns what
/// came of it. If the event can no longer arrive, it returns at once: see [`Arrival`].
///
/// `connect` opens a connection, or takes one from a pool, for each look. It is closed or given back
/// after the look. The time between two looks grows to at most 100 ms. A time of 0 looks once. It
/// limits the waiting, and not a query that hangs: that is limited by the database's own settings.
///
/// ```sql
/// SELECT version FROM versioned_positions WHERE replica = 'ticket_copies' AND entity = 'tickets' AND key = $1
/// SELECT id FROM versioned_dead_letters WHERE replica = .. AND entity = .. AND key = $1
///     AND version > $2 AND version <= $3 ORDER BY version, id LIMIT 1        -- not if the version is reached
/// ```
///
/// A replica with `guard = "row"` is asked for the version of its row. It remembers no deletions, so
/// the version of a deletion is never reached.
///
/// # Errors
///
/// Returns [`Error::Other`](crate::Error::Other) if `connect` fails, and
/// [`Error::Database`](crate::Error::Database) if a query fails.
pub fn wait_for<M, C, E>(
    id: &M::Id,
    version: i64,
    at_most: Duration,
    connect: impl FnMut() -> Result<C, E>,
) -> Result<Arrival>
where
    C: LoadConnection,
    M: Dependent<C::Backend>,
    E: fmt::Display,
{
    let mut wait = Wait::begins(M::ENTITY);
    let arrival = wait_until::<M, C, E>(id, version, at_most, connect)?;
    wait.ends(&arrival);
    Ok(arrival)
}

fn wait_until<M, C, E>(
    id: &M::Id,
    version: i64,
    at_most: Duration,
    mut connect: impl FnMut() -> Result<C, E>,
) -> Result<Arrival>
where
    C: LoadConnection,
    M: Dependent<C::Backend>,
    E: fmt::Display,
{
    let start = Instant::now();
    let key = M::key_text(id);
    let mut pauses = pauses();
    loop {
        let mut conn = connect().map_err(NotConnected::because)?;
        let looked = poll_ready(operation::arrival::<M, _>(
            &key,
            version,
            &mut BlockingExecutor::new(&mut conn),
        ))?;
        drop(conn);
        let current = match looked {
            ControlFlow::Break(arrival) => return Ok(arrival),
            ControlFlow::Continue(current) => current,
        };
        let left = at_most.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(Arrival::TimedOut { current });
        }
        thread::sleep(pauses.next().unwrap_or(left).min(left));
    }
}
