//! Waiting for what is bound to happen.

use std::time::{Duration, Instant};

/// How long something may take that is bound to happen: no measure of speed, but of what is stuck, also on a loaded machine.
pub const STUCK: Duration = Duration::from_mins(3);

/// Waits until `done`.
///
/// # Panics
///
/// When that takes longer than [`STUCK`].
pub async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + STUCK;
    while !done().await {
        assert!(Instant::now() < end, "not within {STUCK:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
