//! Leases: what one process does for all.

use std::marker::PhantomData;
use std::time::Duration;

use crate::error::Result;
use crate::executor::Executor;
use crate::operation::outbox::relay::Sql;
use crate::outbox::SupportedBackend;
use crate::statement::TakeLease;

/// Takes the lease of the figures for so long, or takes it on. Returns `false` if another process
/// has it.
pub(crate) async fn take<C>(holder: &str, time: Duration, conn: &mut C) -> Result<bool>
where
    C: Executor<Backend: SupportedBackend>,
{
    let taken = conn.execute(TakeLease::<Sql<C>> {
        name: "status",
        holder,
        time: i64::try_from(time.as_micros()).unwrap_or(i64::MAX),
        flavor: PhantomData,
    });
    Ok(taken.await? > 0)
}
