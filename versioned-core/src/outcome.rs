//! What became of an event.

/// What [`apply`](crate::prelude::DependentDsl::apply) did with an event.
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
/// fn consume(event: &Event<TicketCopy>, conn: &mut SqliteConnection) -> versioned_core::Result<bool> {
///     let outcome = TicketCopy::apply(event, conn)?;
///     if let Outcome::Gap { current, received } = outcome {
///         eprintln!("{}: version {received} came onto {current}", event.id());
///     }
///     Ok(outcome.should_ack()) // acknowledge after the commit
/// }
/// ```
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
    /// What an event is that the guard refused, when a look after it finds the replica at `current`.
    ///
    /// At the version just before the event's it is a gap, too: the one before it was applied after the guard had looked,
    /// and the broker must deliver this one again. To call that a duplicate would lose it.
    pub(crate) fn refused(current: i64, received: i64) -> Self {
        if current >= received {
            Self::Duplicate { current }
        } else {
            Self::Gap { current, received }
        }
    }

    /// Whether the event is done with: true for all but a [`Gap`](Outcome::Gap).
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
