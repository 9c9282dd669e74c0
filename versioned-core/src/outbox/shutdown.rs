//! A handle that stops a loop.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// A future that is ready once any of its clones was [stopped](Self::stop).
///
/// Use it for a relay on its own thread, without a runtime. Any other future also works, for
/// example `tokio::signal::ctrl_c()`.
///
/// ```
/// let shutdown = versioned_core::outbox::Shutdown::new();
/// let theirs = shutdown.clone(); // for `relay.run(connect, theirs)`
/// shutdown.stop();
/// assert!(theirs.is_stopped());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Shutdown(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    waiting: Vec<Waker>,
}

impl Shutdown {
    /// Creates a handle that is not stopped.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops this handle and all of its clones.
    pub fn stop(&self) {
        let waiting = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.stopped = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Returns whether this handle or a clone of it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stopped
    }
}

impl Future for Shutdown {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            return Poll::Ready(());
        }
        if !state.waiting.iter().any(|one| one.will_wake(task.waker())) {
            state.waiting.push(task.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clone_knows_that_it_was_stopped() {
        let shutdown = Shutdown::new();
        let clone = shutdown.clone();
        assert!(!clone.is_stopped());
        shutdown.stop();
        assert!(clone.is_stopped());
    }
}
