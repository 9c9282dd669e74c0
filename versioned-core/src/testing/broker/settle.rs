//! Waiting until everything that was sent is applied.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use diesel_async::AsyncConnection;
use serde::de::IgnoredAny;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::MemoryBroker;
use crate::dependent::Dependent;
use crate::error::Result;
use crate::event::Event;
use crate::executor::Executor;
use crate::front::asynchronous::AsyncExecutor;
use crate::model::{Gap, Guard};
use crate::operation;
use crate::operation::replica::current::version_of;
use crate::operation::replica::dead_letters::list;
use crate::statement::Peek;
use crate::testing::Failure;

/// The time between two looks at the replica.
const PAUSE: Duration = Duration::from_millis(10);
/// The number of lines of each kind in a failure.
const SHOWN: usize = 20;

impl MemoryBroker {
    /// Waits until each message is acknowledged, and the replica `M` has no parked events and no
    /// [dead letters](crate::dead_letters). A consumer must run, for example in a task.
    ///
    /// Then the replica has applied everything that was sent, and the test can compare it.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use diesel::prelude::*;
    /// # use diesel_async::AsyncPgConnection;
    /// # use versioned_core::async_prelude::*;
    /// # use versioned_core::testing::MemoryBroker;
    /// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Queryable, Selectable, serde::Deserialize, Versioned)]
    /// # #[diesel(table_name = ticket_copies)]
    /// # #[versioned(dependent, entity = "tickets")]
    /// # struct TicketCopy { id: i64, price: i64, version: i64 }
    /// # #[cfg(feature = "postgres")]
    /// async fn settle(
    ///     broker: &MemoryBroker,
    ///     conn: &mut AsyncPgConnection,
    /// ) -> Result<(), versioned_core::testing::Failure> {
    ///     broker.settle::<TicketCopy, _>(Duration::from_secs(5), conn).await
    /// }
    /// ```
    ///
    /// The failure of a broker whose message is missing a predecessor:
    ///
    /// ```text
    /// wait longer, or find out what is missing: `tickets` is not settled after 5s
    /// not acknowledged: tickets/7/3 updated, the replica is at version 1
    /// parked: record 8 is at version 2, and 1 events from version 4 on wait
    /// dead letter: 3 memory:9 (record 9, version 2): new row for relation "ticket_copies" violates ..
    /// ```
    ///
    /// # Errors
    ///
    /// Returns a [`Failure`] if the time is over, with the positions of the records whose messages are
    /// not acknowledged, and with what is parked, dead or rejected. Returns one at once if a message
    /// was rejected, as [`run`](crate::consumer::Consumer::run) does with one that it cannot read, or
    /// if a query fails.
    pub async fn settle<M, C>(&self, at_most: Duration, conn: &mut C) -> Result<(), Failure>
    where
        C: AsyncConnection,
        M: Dependent<C::Backend>,
    {
        let end = Instant::now() + at_most;
        let mut executor = AsyncExecutor::new(conn);
        loop {
            let waited = timeout_at(end, self.queue.drained_or_rejected()).await;
            let kept = kept::<M, _>(&mut executor).await?;
            let rejected = self.queue.rejected();
            if waited.is_ok() && kept.is_empty() && rejected.is_empty() {
                return Ok(());
            }
            if !rejected.is_empty() || Instant::now() >= end {
                let mut text = format!(
                    "wait longer, or find out what is missing: `{}` is not settled after {at_most:?}\n",
                    M::ENTITY
                );
                text += &self.unacknowledged::<M, _>(&mut executor).await?;
                for sent in rejected.iter().take(SHOWN) {
                    let body = sent.message.body.as_deref().unwrap_or_default();
                    let body = String::from_utf8_lossy(body);
                    let _ = writeln!(text, "rejected: message {}: {body}", sent.number);
                }
                return Err(Failure::new(text + &kept));
            }
            sleep_until(end.min(Instant::now() + PAUSE)).await;
        }
    }

    /// The messages that are not acknowledged, with the positions of their records.
    async fn unacknowledged<M, C>(&self, conn: &mut C) -> Result<String>
    where
        C: Executor,
        M: Dependent<C::Backend>,
    {
        let mut text = String::new();
        let mut versions = BTreeMap::new();
        let unsettled = self.queue.unsettled();
        for sent in unsettled.iter().take(SHOWN) {
            let body = sent.message.body.as_deref().unwrap_or_default();
            let Ok(event) = serde_json::from_slice::<Event<IgnoredAny>>(body) else {
                let (number, subject) = (sent.number, &sent.message.subject);
                let _ = writeln!(text, "not acknowledged: message {number} on {subject}");
                continue;
            };
            let _ = write!(text, "not acknowledged: {} {}", event.id(), event.op);
            if event.entity == M::ENTITY {
                if !versions.contains_key(&event.key) {
                    let version = version_of::<Peek, M, C>(&event.key, conn).await?;
                    versions.insert(event.key.clone(), version);
                }
                let _ = match versions.get(&event.key).copied().flatten() {
                    Some(version) => write!(text, ", the replica is at version {version}"),
                    None => write!(text, ", the replica does not have the record"),
                };
            }
            text.push('\n');
        }
        if let Some(more @ 1..) = unsettled.len().checked_sub(SHOWN) {
            let _ = writeln!(text, "not acknowledged: {more} more");
        }
        Ok(text)
    }
}

/// The parked events and the dead letters, as lines.
async fn kept<M, C>(conn: &mut C) -> Result<String>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let mut text = String::new();
    if M::GUARD == Guard::Position && M::GAP == Gap::Park {
        for parked in operation::waiting::<M, _>(None, SHOWN, conn).await? {
            let _ = writeln!(text, "parked: {parked}");
        }
    }
    match list::<M, _>(0, SHOWN, conn).await {
        Ok(letters) => {
            for letter in letters {
                let _ = writeln!(text, "dead letter: {letter}");
            }
        }
        // It needs no tables of this crate.
        Err(_) if M::GUARD == Guard::Row => {}
        Err(error) => return Err(error),
    }
    Ok(text)
}
