//! The async front.

use std::future::ready;
use std::time::Duration;

use diesel_async::AsyncConnection;
use versioned_core::compare::{self, Answer, Compared, Comparison, Question};
use versioned_core::model::{FromJson, ReadKey, Versioned};
use versioned_core::outbox::{Shutdown, SupportedBackend};
use versioned_core::prelude::*;
use versioned_core::retention::{Old, Purged, Retention};
use versioned_core::version::SequentialVersion;
use versioned_core::{Error, Result};
use versioned_tests::asynchronous::block_on;

pub(crate) fn compare<M, C>(
    comparison: &Comparison<M>,
    mut ask: impl FnMut(Question) -> Result<Answer> + Send,
    conn: &mut C,
) -> Result<Compared, Error>
where
    C: AsyncConnection,
    M: Dependent<C::Backend> + FromJson,
{
    block_on(comparison.run_async(|question| ready(ask(question)), conn))
}

pub(crate) fn answer<M, C>(question: &Question, conn: &mut C) -> Result<Answer>
where
    C: AsyncConnection,
    M: Owner<C::Backend> + Versioned<Version: SequentialVersion> + serde::Serialize,
    M::Id: ReadKey<M::KeyColumns>,
{
    block_on(compare::answer_async::<M, _>(question, conn))
}

pub(crate) fn resend<M, C>(keys: &[String], conn: &mut C) -> Result<usize>
where
    C: AsyncConnection,
    M: Owner<C::Backend>,
    M::Id: ReadKey<M::KeyColumns>,
{
    block_on(compare::resend_async::<M, _>(keys, conn))
}

pub(crate) fn purge<M, C>(retention: &Retention, conn: &mut C) -> Result<Purged>
where
    C: AsyncConnection,
    M: Dependent<C::Backend>,
{
    block_on(retention.purge_async::<M, _>(conn))
}

/// A purge by the names in the tables.
pub(crate) fn purge_named<C>(retention: &Retention, replica: &str, conn: &mut C) -> Result<Purged>
where
    C: AsyncConnection<Backend: SupportedBackend>,
{
    block_on(retention.purge_named_async(replica, "tickets", conn))
}

pub(crate) fn old<C>(retention: &Retention, replica: &str, most: u64, conn: &mut C) -> Result<Old>
where
    C: AsyncConnection<Backend: SupportedBackend>,
{
    block_on(retention.old_async(replica, "tickets", most, conn))
}

pub(crate) fn purge_owner<M, C>(retention: &Retention, conn: &mut C) -> Result<Purged>
where
    C: AsyncConnection,
    M: Owner<C::Backend>,
{
    block_on(retention.purge_async::<M, _>(conn))
}

pub(crate) fn keep_purging<M, C>(
    retention: &Retention,
    every: Duration,
    mut connect: impl FnMut() -> Result<C, &'static str> + Send,
    report: impl FnMut(Result<Purged>) + Send,
    until: Shutdown,
) where
    C: AsyncConnection,
    M: Dependent<C::Backend>,
{
    let connect = || ready(connect());
    block_on(retention.run_async::<M, _, _, _>(every, connect, report, until));
}
