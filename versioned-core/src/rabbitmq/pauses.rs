//! The pauses between attempts to connect.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Returns the pause after so many failures in a row: twice as long each time, up to 5 s, and
/// shortened by up to a half at random. A broker that comes back is not met by all clients at once.
pub(super) fn pause(failures: u32) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    let longest = doubled.min(LONGEST);
    // Each has its own keys, from the system's random numbers.
    let dice = RandomState::new().hash_one(failures) % 1_000;
    longest.saturating_sub(longest / 2_000 * u32::try_from(dice).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_seconds_and_half_of_each_is_random() {
        for (failures, longest) in [
            (1, 100),
            (2, 200),
            (5, 1_600),
            (7, 5_000),
            (u32::MAX, 5_000),
        ] {
            let longest = Duration::from_millis(longest);
            for _ in 0..100 {
                let pause = pause(failures);
                assert!(
                    longest / 2 <= pause && pause <= longest,
                    "{failures}: {pause:?}"
                );
            }
        }
        assert!((0..100).any(|_| pause(3) != pause(3)));
    }
}
