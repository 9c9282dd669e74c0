//! The blocking front.

use std::time::Duration;

use diesel::connection::LoadConnection;
use versioned_core::compare::{Answer, Compared, Comparison, Question};
use versioned_core::model::FromJson;
use versioned_core::outbox::{Shutdown, SupportedBackend};
use versioned_core::prelude::*;
use versioned_core::retention::{Old, Purged, Retention};
use versioned_core::{Error, Result};

pub(crate) use versioned_core::compare::{answer, resend};

pub(crate) fn compare<M, C>(
    comparison: &Comparison<M>,
    ask: impl FnMut(Question) -> Result<Answer> + Send,
    conn: &mut C,
) -> Result<Compared, Error>
where
    C: LoadConnection,
    M: Dependent<C::Backend> + FromJson,
{
    comparison.run(ask, conn)
}

pub(crate) fn purge<M, C>(retention: &Retention, conn: &mut C) -> Result<Purged>
where
    C: LoadConnection,
    M: Dependent<C::Backend>,
{
    retention.purge::<M, _>(conn)
}

/// A purge by the names in the tables.
pub(crate) fn purge_named<C>(retention: &Retention, replica: &str, conn: &mut C) -> Result<Purged>
where
    C: LoadConnection<Backend: SupportedBackend>,
{
    retention.purge_named(replica, "tickets", conn)
}

pub(crate) fn old<C>(retention: &Retention, replica: &str, most: u64, conn: &mut C) -> Result<Old>
where
    C: LoadConnection<Backend: SupportedBackend>,
{
    retention.old(replica, "tickets", most, conn)
}

pub(crate) fn purge_owner<M, C>(retention: &Retention, conn: &mut C) -> Result<Purged>
where
    C: LoadConnection,
    M: Owner<C::Backend>,
{
    retention.purge::<M, _>(conn)
}

pub(crate) fn keep_purging<M, C>(
    retention: &Retention,
    every: Duration,
    connect: impl FnMut() -> Result<C, &'static str> + Send,
    report: impl FnMut(Result<Purged>) + Send,
    until: Shutdown,
) where
    C: LoadConnection,
    M: Dependent<C::Backend>,
{
    retention.run::<M, _, _>(every, connect, report, until);
}
