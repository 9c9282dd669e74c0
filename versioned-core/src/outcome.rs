//! What became of an event.

/// What [`apply`](crate::prelude::DependentDsl::apply) did with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "an event whose outcome is a `Gap` must be delivered again: acknowledge only if `should_ack()`"]
#[non_exhaustive]
pub enum Outcome {
    /// The replica is at the event's version now.
    Applied,
    /// The replica was there already; nothing was written.
    Duplicate {
        /// The replica's version.
        current: i64,
    },
    /// The events in between are missing; nothing was written. The broker must deliver this one again.
    Gap {
        /// The replica's version; one below the first where there is no record yet.
        current: i64,
        /// The event's version.
        received: i64,
    },
    /// The event came too early and is kept until those before it came (`gap = "park"`).
    Parked,
}

impl Outcome {
    /// Whether the event is done with: true for all but a [`Gap`](Outcome::Gap).
    pub fn should_ack(self) -> bool {
        !matches!(self, Self::Gap { .. })
    }
}
