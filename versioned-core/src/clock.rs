//! Timers for each front.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// A timer for the pauses of an operation.
pub(crate) trait Clock: Sync {
    /// Waits for `duration`.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// Returns the output of `future`, or `None` if `time` is up first.
pub(crate) async fn within<K: Clock, F: Future>(
    clock: &K,
    time: Duration,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut end = pin!(clock.sleep(time));
    poll_fn(|task| match future.as_mut().poll(task) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => end.as_mut().poll(task).map(|()| None),
    })
    .await
}

/// The end of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    Stopped,
    Woken,
    Over,
}

/// Waits for `pause`, unless `stop` or `wake` is ready first. The caller must not poll `stop` again
/// after that.
pub(crate) async fn wait<K: Clock, F: Future>(
    clock: &K,
    pause: Duration,
    stop: &mut Pin<&mut F>,
    wake: impl Future,
) -> Waited {
    let mut pause = pin!((!pause.is_zero()).then(|| clock.sleep(pause)));
    let mut wake = pin!(wake);
    poll_fn(|task| {
        if stop.as_mut().poll(task).is_ready() {
            return Poll::Ready(Waited::Stopped);
        }
        let Some(pause) = pause.as_mut().as_pin_mut() else {
            return Poll::Ready(Waited::Over);
        };
        if wake.as_mut().poll(task).is_ready() {
            return Poll::Ready(Waited::Woken);
        }
        pause.poll(task).map(|()| Waited::Over)
    })
    .await
}

/// The timer of [`block_on`].
pub(crate) struct Parking;

thread_local! {
    /// The time at which the future of this thread must be polled again.
    static ALARM: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl Clock for Parking {
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        let end = Instant::now().checked_add(duration);
        poll_fn(move |_| match end {
            Some(end) if end <= Instant::now() => Poll::Ready(()),
            end => {
                let first = [ALARM.get(), end].into_iter().flatten().min();
                ALARM.set(first);
                Poll::Pending
            }
        })
    }
}

/// Runs a future on this thread. The thread sleeps while the future waits.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut task = Context::from_waker(&waker);
    loop {
        // A `block_on` inside the future must not lose the alarm of the outer one.
        let outer = ALARM.take();
        let polled = future.as_mut().poll(&mut task);
        let alarm = ALARM.replace(outer);
        match (polled, alarm) {
            (Poll::Ready(output), _) => return output,
            (Poll::Pending, None) => thread::park(),
            (Poll::Pending, Some(at)) => {
                thread::park_timeout(at.saturating_duration_since(Instant::now()));
            }
        }
    }
}

/// The timer of tokio.
#[cfg(feature = "async")]
pub(crate) struct Tokio;

#[cfg(feature = "async")]
impl Clock for Tokio {
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    const SOON: Duration = Duration::from_millis(20);

    #[test]
    fn a_blocked_thread_wakes_at_the_time_and_when_it_is_woken() {
        let start = Instant::now();
        assert_eq!(block_on(within(&Parking, SOON, pending::<()>())), None);
        assert!(start.elapsed() >= SOON);
        assert_eq!(block_on(within(&Parking, Duration::MAX, ready(1))), Some(1));

        let mut woken = false;
        let elsewhere = poll_fn(|task| {
            if woken {
                return Poll::Ready(());
            }
            woken = true;
            let waker = task.waker().clone();
            thread::spawn(move || {
                thread::sleep(SOON);
                waker.wake();
            });
            Poll::Pending
        });
        let start = Instant::now();
        assert_eq!(
            block_on(within(&Parking, Duration::from_secs(60), elsewhere)),
            Some(())
        );
        assert!((SOON..SOON * 100).contains(&start.elapsed()));
    }

    #[test]
    fn one_that_blocks_inside_of_another_leaves_the_outer_alarm() {
        let mut inner = true;
        let nested = poll_fn(|_| {
            if std::mem::take(&mut inner) {
                block_on(Parking.sleep(SOON));
            }
            Poll::<()>::Pending
        });
        assert_eq!(block_on(within(&Parking, SOON, nested)), None);
    }
}
