//! The result of applying an event.

/// The result of [`apply`](crate::prelude::DependentDsl::apply).
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
/// # #[diesel(table_name = ticket_copies)]
/// # #[versioned(dependent, entity = "tickets")]
/// # struct TicketCopy { id: i64, price: i64, version: i64 }
/// use versioned_core::{Event, Outcome};
///
/// fn consume(
///     event: &Event<TicketCopy>,
///     conn: &mut SqliteConnection,
/// ) -> versioned_core::Result<bool> {
///     let outcome = TicketCopy::apply(event, conn)?;
///     if let Outcome::Gap { current, received } = outcome {
///         eprintln!("{}: version {received} came, and the replica is at {current}", event.id());
///     }
///     Ok(outcome.should_ack()) // acknowledge after the commit
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "an event with the outcome `Gap` must be redelivered: acknowledge it only if `should_ack()` returns `true`"]
#[non_exhaustive]
pub enum Outcome {
    /// The event was applied. The replica is at its version.
    Applied,
    /// The replica was already at the event's version or a newer one. Nothing was written.
    Duplicate {
        /// The version of the replica.
        current: i64,
    },
    /// Events between the replica's version and this one are missing. Nothing was written, and the
    /// broker must redeliver this event.
    Gap {
        /// The version of the replica, or the first version minus one if it has no record yet.
        current: i64,
        /// The version of the event.
        received: i64,
    },
    /// The event came too early, and is stored until its turn (`gap = "park"`).
    Parked,
}

impl Outcome {
    /// Returns the outcome of an event that the guard rejected, if a later query finds the replica
    /// at `current`.
    ///
    /// If `current` is the version before the event's, the outcome is a gap: the previous event was
    /// applied after the guard had run, and the broker must redeliver this one. Reporting a
    /// duplicate would lose the event.
    pub(crate) fn refused(current: i64, received: i64) -> Self {
        if current >= received {
            Self::Duplicate { current }
        } else {
            Self::Gap { current, received }
        }
    }

    /// Returns whether the event can be acknowledged: `true` for all outcomes but
    /// [`Gap`](Outcome::Gap).
    pub fn should_ack(self) -> bool {
        !matches!(self, Self::Gap { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_replica_has_already_is_a_duplicate() {
        assert_eq!(Outcome::refused(7, 7), Outcome::Duplicate { current: 7 });
        assert_eq!(Outcome::refused(9, 7), Outcome::Duplicate { current: 9 });
        let raced = Outcome::refused(6, 7);
        assert_eq!(
            raced,
            Outcome::Gap {
                current: 6,
                received: 7
            }
        );
        assert!(!raced.should_ack());
    }
}
