//! Exports what waits in a database.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;
use metrics::{counter, gauge};

use crate::dialect::Dialect;
use crate::error::Result;
use crate::executor::Executor;
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::meters::{
    BUILD_INFO, OUTBOX_AGE, OUTBOX_PENDING, REPLICA_LETTERS, REPLICA_LETTERS_AGE, REPLICA_PARKED,
    REPLICA_PARKED_AGE, RESEND_PENDING, STATS_DURATION, STATS_ERRORS, STATS_REFRESH, unix_time,
};
use crate::operation::outbox::lease;
use crate::operation::requests;
use crate::outbox::SupportedBackend;
use crate::status::{MOST, Status, status};

/// Exports what waits in a database, as gauges.
///
/// Of all processes that refresh the gauges of a database, one does so at a time: it has a lease, a
/// row of `versioned_leases`. The others run that one UPDATE and export nothing. If the process dies,
/// another takes over after two intervals. Over instances, take the maximum of a gauge, and not the
/// sum.
#[derive(Debug)]
pub struct Gauges {
    every: Duration,
    /// A name for this process.
    holder: String,
    has_exported: bool,
    /// The replicas' entities that were exported.
    sources: BTreeMap<String, Replicas>,
}

/// What waits at the replicas of an entity.
#[derive(Debug, Default, Clone, Copy)]
struct Replicas {
    parked: u64,
    oldest_parked: Duration,
    letters: u64,
    oldest_letter: Duration,
}

impl Gauges {
    /// Creates the gauges of a database, which are refreshed about this often. 15 s is usual.
    pub fn new(every: Duration) -> Self {
        let random = || RandomState::new().hash_one(std::process::id());
        Self {
            every,
            holder: format!("{:016x}{:016x}", random(), random()),
            has_exported: false,
            sources: BTreeMap::new(),
        }
    }

    /// Sets the gauges, if this process has the lease, and returns whether it has. Call it once per
    /// interval.
    ///
    /// A process that has lost the lease sets its gauges to NaN, which no alert takes for a number.
    ///
    /// ```sql
    /// UPDATE versioned_leases SET holder = $1, until = now + $2
    ///     WHERE name = 'status' AND (holder = $1 OR until < now);
    /// -- and those of `status::load`, if it has changed the row, and the open resends
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`status::load`](crate::status::load), and counts them in
    /// `versioned_stats_refresh_errors_total`. The gauges stay as they are, and
    /// `versioned_stats_last_refresh_timestamp_seconds` shows how old they are.
    pub fn refresh<C>(&mut self, conn: &mut C) -> Result<bool>
    where
        C: LoadConnection,
        C::Backend: SupportedBackend,
    {
        poll_ready(self.refresh_on(&mut BlockingExecutor::new(conn)))
    }

    /// As [`refresh`](Self::refresh), on a connection of `diesel-async`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`refresh`](Self::refresh).
    #[cfg(feature = "async")]
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn refresh_async<C>(&mut self, conn: &mut C) -> impl Future<Output = Result<bool>> + Send
    where
        C: AsyncConnection,
        C::Backend: SupportedBackend,
    {
        async move { self.refresh_on(&mut AsyncExecutor::new(conn)).await }
    }

    async fn refresh_on<C>(&mut self, conn: &mut C) -> Result<bool>
    where
        C: Executor<Backend: SupportedBackend>,
    {
        let errors = counter!(STATS_ERRORS);
        errors.increment(0);
        let looked = self.look(conn).await;
        if looked.is_err() {
            errors.increment(1);
        }
        looked
    }

    async fn look<C>(&mut self, conn: &mut C) -> Result<bool>
    where
        C: Executor<Backend: SupportedBackend>,
    {
        let start = Instant::now();
        let time = self.every.saturating_mul(2);
        if !lease::take(&self.holder, time, conn).await? {
            if std::mem::take(&mut self.has_exported) {
                self.withdraw();
            }
            return Ok(false);
        }
        let status = status(MOST, conn).await?;
        let dialect = conn
            .dialect::<<C::Backend as SupportedBackend>::Sql>()
            .await?;
        self.export(&status);
        let pending = requests::resends_left(conn).await?;
        gauge!(RESEND_PENDING).set(number(pending));
        let backend = match dialect {
            Dialect::Postgres => "postgres",
            Dialect::Sqlite => "sqlite",
            Dialect::Mysql => "mysql",
        };
        let labels = [("version", env!("CARGO_PKG_VERSION")), ("backend", backend)];
        gauge!(BUILD_INFO, &labels).set(1.0);
        gauge!(STATS_DURATION).set(start.elapsed());
        gauge!(STATS_REFRESH).set(unix_time());
        self.has_exported = true;
        Ok(true)
    }

    fn export(&mut self, status: &Status) {
        let outbox = &status.outbox;
        gauge!(OUTBOX_PENDING).set(number(outbox.pending.value));
        gauge!(OUTBOX_AGE).set(outbox.oldest_pending.unwrap_or_default());
        // A replica that is gone has nothing waiting.
        for before in self.sources.values_mut() {
            *before = Replicas::default();
        }
        for one in &status.replicas {
            let all = self.sources.entry(one.entity.clone()).or_default();
            let parked = one.oldest_parked.unwrap_or_default();
            let letter = one.oldest_dead_letter.unwrap_or_default();
            all.parked += one.parked.value;
            all.oldest_parked = all.oldest_parked.max(parked);
            all.letters += one.dead_letters.value;
            all.oldest_letter = all.oldest_letter.max(letter);
        }
        for (source, all) in &self.sources {
            let values = [
                number(all.parked),
                all.oldest_parked.as_secs_f64(),
                number(all.letters),
                all.oldest_letter.as_secs_f64(),
            ];
            set_all(source, values);
        }
    }

    /// Other values would stay for ever.
    fn withdraw(&self) {
        gauge!(OUTBOX_PENDING).set(f64::NAN);
        gauge!(OUTBOX_AGE).set(f64::NAN);
        gauge!(RESEND_PENDING).set(f64::NAN);
        for source in self.sources.keys() {
            set_all(source, [f64::NAN; 4]);
        }
    }
}

/// Sets the gauges of a replica: the parked events, their age, the dead letters, their age.
fn set_all(source: &str, [parked, oldest_parked, letters, oldest_letter]: [f64; 4]) {
    let source = || source.to_owned();
    gauge!(REPLICA_PARKED, "source" => source()).set(parked);
    gauge!(REPLICA_PARKED_AGE, "source" => source()).set(oldest_parked);
    gauge!(REPLICA_LETTERS, "source" => source()).set(letters);
    gauge!(REPLICA_LETTERS_AGE, "source" => source()).set(oldest_letter);
}

#[allow(clippy::cast_precision_loss, reason = "the counts have a limit")]
fn number(count: u64) -> f64 {
    count as f64
}
