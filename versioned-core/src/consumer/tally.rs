//! The totals of a consumer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The totals of a consumer: at its shutdown, or from its [`Counters`] while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Consumed {
    /// Events that were applied.
    pub applied: u64,
    /// Deliveries of events that the replica had already applied.
    pub duplicates: u64,
    /// Events that were parked, or kept with the [dead letters](crate::dead_letters) because they
    /// are early.
    pub parked: u64,
    /// Attempts to apply an early event, which waits for its predecessor.
    pub gaps: u64,
    /// Attempts that failed, and are repeated.
    pub failed: u64,
    /// Messages that became [dead letters](crate::dead_letters).
    pub dead_letters: u64,
    /// Dead letters that were applied later.
    pub redriven: u64,
    /// Messages that are not for this replica, according to their [form](crate::format::Decode).
    /// They are acknowledged.
    pub skipped: u64,
    /// Messages that cannot be read or are not for this replica, if there is no place for dead
    /// letters. They are not redelivered.
    pub terminated: u64,
}

/// The totals of a consumer while it runs, for a metrics endpoint or a log. The clones are cheap, and
/// show the same totals.
///
/// ```
/// # async fn f<S: versioned_core::consumer::Source>(consumer: versioned_core::consumer::Consumer<S>) {
/// let counters = consumer.counters();
/// tokio::spawn(async move {
///     loop {
///         tokio::time::sleep(std::time::Duration::from_secs(10)).await;
///         let now = counters.snapshot();
///         println!("{} applied, {} failed", now.applied, now.failed);
///     }
/// });
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Counters(Arc<Tally>);

impl Counters {
    /// The totals until now. An event that is counted has been committed, and may not have been
    /// acknowledged yet.
    pub fn snapshot(&self) -> Consumed {
        let Tally {
            applied,
            duplicates,
            parked,
            gaps,
            failed,
            dead_letters,
            redriven,
            skipped,
            terminated,
        } = &*self.0;
        Consumed {
            applied: applied.get(),
            duplicates: duplicates.get(),
            parked: parked.get(),
            gaps: gaps.get(),
            failed: failed.get(),
            dead_letters: dead_letters.get(),
            redriven: redriven.get(),
            skipped: skipped.get(),
            terminated: terminated.get(),
        }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.0
    }
}

/// The counts of [`Consumed`].
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) applied: Count,
    pub(super) duplicates: Count,
    pub(super) parked: Count,
    pub(super) gaps: Count,
    pub(super) failed: Count,
    pub(super) dead_letters: Count,
    pub(super) redriven: Count,
    pub(super) skipped: Count,
    pub(super) terminated: Count,
}

#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
