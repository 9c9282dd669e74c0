//! The kit on blocking connections.

use std::fmt::Debug;

use diesel::prelude::*;
use versioned_core::outbox::SupportedBackend;
use versioned_core::prelude::LoadConnection;
use versioned_core::testing::{Explorer, Failure, events_of};
use versioned_core::{Event, Outcome, Result};

pub(crate) fn explore<M, C: Connection, S: PartialEq + Debug>(
    explorer: &Explorer<'_, M>,
    conn: &mut C,
    apply: impl FnMut(&Event<M>, &mut C) -> Result<Outcome>,
    state: impl FnMut(&mut C) -> Result<S>,
) -> Result<S, Failure> {
    explorer.run(conn, apply, state)
}

pub(crate) fn explore_with_reset<M, C: Connection, S: PartialEq + Debug>(
    explorer: &Explorer<'_, M>,
    conn: &mut C,
    reset: impl FnMut(&mut C) -> Result<()>,
    apply: impl FnMut(&Event<M>, &mut C) -> Result<Outcome>,
    state: impl FnMut(&mut C) -> Result<S>,
) -> Result<S, Failure> {
    explorer.run_with_reset(conn, reset, apply, state)
}

pub(crate) fn caused<T, C>(
    conn: &mut C,
    body: impl FnOnce(&mut C) -> Result<()>,
) -> Result<Vec<Event<T>>>
where
    T: serde::de::DeserializeOwned,
    C: LoadConnection<Backend: SupportedBackend>,
{
    events_of(conn, body)
}
