//! The kit on connections of `diesel-async`.

use std::fmt::Debug;

use diesel_async::AsyncConnection;
use versioned_core::outbox::SupportedBackend;
use versioned_core::testing::{Explorer, Failure, events_of_async};
use versioned_core::{Event, Outcome, Result};
use versioned_tests::asynchronous::block_on;

pub(crate) fn explore<M, C: AsyncConnection, S: PartialEq + Debug>(
    explorer: &Explorer<'_, M>,
    conn: &mut C,
    mut apply: impl FnMut(&Event<M>, &mut C) -> Result<Outcome>,
    mut state: impl FnMut(&mut C) -> Result<S>,
) -> Result<S, Failure> {
    block_on(explorer.run_async(
        conn,
        async |event: &Event<M>, conn: &mut C| apply(event, conn),
        async |conn: &mut C| state(conn),
    ))
}

pub(crate) fn explore_with_reset<M, C: AsyncConnection, S: PartialEq + Debug>(
    explorer: &Explorer<'_, M>,
    conn: &mut C,
    mut reset: impl FnMut(&mut C) -> Result<()>,
    mut apply: impl FnMut(&Event<M>, &mut C) -> Result<Outcome>,
    mut state: impl FnMut(&mut C) -> Result<S>,
) -> Result<S, Failure> {
    block_on(explorer.run_with_reset_async(
        conn,
        async |conn: &mut C| reset(conn),
        async |event: &Event<M>, conn: &mut C| apply(event, conn),
        async |conn: &mut C| state(conn),
    ))
}

pub(crate) fn caused<T, C>(
    conn: &mut C,
    body: impl FnOnce(&mut C) -> Result<()>,
) -> Result<Vec<Event<T>>>
where
    T: serde::de::DeserializeOwned,
    C: AsyncConnection<Backend: SupportedBackend>,
{
    block_on(events_of_async(conn, async |conn: &mut C| body(conn)))
}
