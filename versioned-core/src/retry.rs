//! How often to retry, and how long to wait between attempts.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// The retry policy of [`update_with_retry`](crate::prelude::OwnerDsl::update_with_retry): a
/// maximum number of retries, with random pauses whose upper bound doubles each time.
///
/// The first two retries have no pause. The conflicting write has already committed, so waiting
/// gains nothing.
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
/// use std::time::Duration;
/// use versioned_core::Retry;
///
/// const PATIENT: Retry = Retry::times(500).pause(Duration::from_millis(1)).longest(Duration::from_secs(1));
///
/// fn raise(conn: &mut SqliteConnection) -> versioned_core::Result<Ticket> {
///     Ticket::update_with_retry(&7, PATIENT, conn, |ticket| {
///         ticket.price += 5;
///         Ok(())
///     })
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    times: u32,
    pause: Duration,
    longest: Duration,
}

impl Retry {
    /// Retries up to `times` times after the first attempt. With 0, there is no retry.
    pub const fn times(times: u32) -> Self {
        Self {
            times,
            pause: Duration::from_micros(250),
            longest: Duration::from_millis(50),
        }
    }

    /// Sets the upper bound of the first pause. The bound doubles with each further pause. The
    /// default is 250 µs.
    #[must_use]
    pub const fn pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Sets the maximum of all pauses. The default is 50 ms.
    #[must_use]
    pub const fn longest(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    pub(crate) fn attempts(self) -> Attempts {
        Attempts {
            retry: self,
            made: 0,
        }
    }
}

/// 200 retries. With sixteen concurrent writers of one record on a busy machine, nine of ten
/// attempts end in a conflict.
impl Default for Retry {
    fn default() -> Self {
        Self::times(200)
    }
}

/// The pause before each retry. The iterator ends when no retry is left.
pub(crate) struct Attempts {
    retry: Retry,
    made: u32,
}

impl Iterator for Attempts {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.made == self.retry.times {
            return None;
        }
        self.made += 1;
        Some(match self.made.checked_sub(3) {
            None => Duration::ZERO,
            Some(doublings) => {
                let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
                let bound = self
                    .retry
                    .pause
                    .saturating_mul(factor)
                    .min(self.retry.longest);
                // Full jitter: two that collided do not wait equally long.
                bound.mul_f64(random_fraction())
            }
        })
    }
}

/// A random number from 0 to 1. It uses the randomness with which the standard library seeds its
/// hash maps. This is enough to separate two writers, and needs no dependency.
fn random_fraction() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(bits).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_bounded_in_number_and_length() {
        let retry = Retry::times(40).longest(Duration::from_millis(3));
        let pauses: Vec<_> = retry.attempts().collect();
        assert_eq!(pauses.len(), 40);
        assert_eq!(pauses.get(..2), Some(&[Duration::ZERO; 2][..]));
        assert!(
            pauses
                .iter()
                .all(|pause| *pause <= Duration::from_millis(3))
        );
        assert_eq!(Retry::times(0).attempts().next(), None);
    }

    #[test]
    fn the_first_pause_is_as_long_as_it_was_told() {
        let second = Duration::from_secs(1);
        let patient = Retry::times(6).pause(10 * second).longest(60 * second);
        let pauses: Vec<_> = patient.attempts().collect();
        assert_eq!(pauses.len(), 6);
        assert!(
            pauses.iter().any(|pause| *pause > second / 10),
            "{pauses:?}"
        );
        let hasty = Retry::default().pause(Duration::ZERO);
        assert!(hasty.attempts().all(|pause| pause.is_zero()));
        assert_eq!(hasty.attempts().count(), 200);
    }

    #[test]
    fn two_pauses_differ() {
        assert!(
            (0..10)
                .map(|_| random_fraction())
                .any(|fraction| fraction.to_bits() != random_fraction().to_bits())
        );
    }
}
