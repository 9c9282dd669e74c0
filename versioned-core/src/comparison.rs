//! The settings of a comparison.

use std::fmt;
use std::time::Duration;

use crate::compared::{Place, State};

/// Which of the owner's records a replica holds.
type Holds = dyn Fn(&State) -> bool + Send + Sync;

/// A comparison of the replica `M` with its owner. See [`compare`](crate::compare).
///
/// A comparison may be repeated at any time: it locks nothing, and it writes nothing.
pub struct Comparison<M> {
    pub(crate) same: fn(&M, &M) -> bool,
    pub(crate) holds: Option<Box<Holds>>,
    pub(crate) page: usize,
    pub(crate) pause: Duration,
    pub(crate) settle: Duration,
    pub(crate) looks: u32,
    pub(crate) time: Duration,
    pub(crate) differences: usize,
    pub(crate) place: Place,
}

impl<M: PartialEq> Comparison<M> {
    /// Returns a comparison that compares data by the `PartialEq` of the replica's model.
    #[must_use]
    pub fn new() -> Self {
        Self::by(M::eq)
    }
}

impl<M: PartialEq> Default for Comparison<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Comparison<M> {
    /// Returns a comparison that compares data with this function: first those of the owner, then
    /// those of the replica.
    ///
    /// Use it to leave a field out, or to allow a difference: for a column that rounds what it is
    /// given, or one that is `#[versioned(excluded)]` at the owner, so that it changes without a
    /// version.
    #[must_use]
    pub fn by(same: fn(&M, &M) -> bool) -> Self {
        Self {
            same,
            holds: None,
            page: 500,
            pause: Duration::ZERO,
            settle: Duration::from_secs(5),
            looks: 5,
            time: Duration::MAX,
            differences: 10_000,
            place: Place::Records { after: None },
        }
    }

    /// Sets which records of the owner the replica holds, if it does not hold all of them. A row of
    /// another record is [extra](crate::compare::Verdict::Extra).
    #[must_use]
    pub fn holds(mut self, holds: impl Fn(&State) -> bool + Send + Sync + 'static) -> Self {
        self.holds = Some(Box::new(holds));
        self
    }

    /// Sets how many records are read at a time. The default is 500.
    #[must_use]
    pub fn page(mut self, records: usize) -> Self {
        self.page = records.max(1);
        self
    }

    /// Sets the pause after each page, in favor of other work. The default is none.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Sets the time after which a record that is not equal is looked at again, before it counts. It
    /// should be longer than an event usually takes. The default is 5 s.
    #[must_use]
    pub fn settle(mut self, time: Duration) -> Self {
        self.settle = time;
        self
    }

    /// Sets how often a record is looked at before it is
    /// [unsettled](crate::compare::Verdict::Unsettled), at least twice. The default is 5.
    #[must_use]
    pub fn looks(mut self, looks: u32) -> Self {
        self.looks = looks.max(2);
        self
    }

    /// Sets the time after which the comparison ends, once it has looked again at what was not equal.
    /// The [result](crate::compare::Compared::next) says where it ended. The default is no limit.
    #[must_use]
    pub fn at_most(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Sets the number of differences after which the comparison ends. A few more may be found in
    /// its last page. The default is 10,000.
    #[must_use]
    pub fn differences(mut self, differences: usize) -> Self {
        self.differences = differences.max(1);
        self
    }

    /// Continues where a comparison [ended](crate::compare::Compared::next).
    #[must_use]
    pub fn resume(mut self, place: Place) -> Self {
        self.place = place;
        self
    }
}

impl<M> fmt::Debug for Comparison<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comparison")
            .field("page", &self.page)
            .field("pause", &self.pause)
            .field("settle", &self.settle)
            .field("looks", &self.looks)
            .field("at_most", &self.time)
            .field("differences", &self.differences)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
