//! The listener of a relay, which waits for notifications on a connection of its own.

use std::future::{self, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use diesel::pg::PgNotification;

use crate::clock::{Clock, Waited, wait, within};
use crate::outbox::{Listener, RelayProblem};

/// `LISTEN versioned_outbox`
pub(crate) const LISTEN: &str = "LISTEN versioned_outbox";

/// The pause before the first new connection. It doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
/// The time limit of a connection and its LISTEN.
const CONNECTING: Duration = Duration::from_secs(10);

/// A connection that listens, and is replaced after a failure.
pub(crate) trait Ear: Send {
    /// Opens a connection and runs [`LISTEN`] on it. Returns the reason if that fails.
    fn open(&mut self) -> impl Future<Output = Result<(), String>> + Send;

    /// Waits for the next notification. Returns the reason if the connection fails.
    fn next(&mut self) -> impl Future<Output = Result<PgNotification, String>> + Send;

    /// Drops the connection.
    fn close(&mut self);
}

enum Heard {
    Stopped,
    Deaf,
    Notification(Result<PgNotification, String>),
}

/// Wakes the relay at each notification until `shutdown` is ready.
pub(crate) async fn listen<K, E, S>(listener: &Listener, clock: &K, mut ear: E, shutdown: S)
where
    K: Clock,
    E: Ear,
    S: Future,
{
    let mut shutdown = pin!(shutdown);
    let (mut pause, mut backoff) = (Duration::ZERO, FIRST);
    let mut is_reported = false;
    loop {
        let stopped = wait(clock, pause, &mut shutdown, future::pending::<()>()).await;
        if stopped == Waited::Stopped {
            break;
        }
        let (mut received, mut stopped) = (false, false);
        let reason = {
            let opened = within(clock, CONNECTING, ear.open());
            match until(&mut shutdown, opened).await {
                None => break,
                Some(Some(Ok(()))) => {
                    listener.hearing.open();
                    // An event that was committed before the LISTEN is not notified any more.
                    listener.waker.wake();
                    loop {
                        match next(listener, &mut ear, &mut shutdown).await {
                            Heard::Notification(Ok(heard)) => {
                                received = true;
                                if !listener.hearing.heard(&heard.payload) {
                                    listener.waker.wake();
                                }
                            }
                            Heard::Notification(Err(reason)) => break reason,
                            Heard::Deaf => break DEAF.to_owned(),
                            Heard::Stopped => {
                                stopped = true;
                                break String::new();
                            }
                        }
                    }
                }
                Some(Some(Err(reason))) => reason,
                Some(None) => format!("no connection within {CONNECTING:?}"),
            }
        };
        ear.close();
        let was_listening = listener.hearing.close(received);
        // The relay must not sleep on, because nothing wakes it from here on.
        listener.waker.wake();
        if stopped {
            break;
        }
        if was_listening {
            (is_reported, backoff) = (false, FIRST);
        }
        if !is_reported {
            listener.report(&RelayProblem::NotListening(&reason));
            is_reported = true;
        }
        pause = backoff;
        backoff = backoff.saturating_mul(2).min(LONGEST);
    }
    ear.close();
    listener.hearing.close(false);
}

const DEAF: &str = "a notification that the relay sent did not arrive, connect the listener to the server directly and not through a pooler";

async fn next<E, S>(listener: &Listener, ear: &mut E, shutdown: &mut Pin<&mut S>) -> Heard
where
    E: Ear,
    S: Future,
{
    let mut deaf = pin!(listener.hearing.deaf());
    let mut next = pin!(ear.next());
    poll_fn(|task| {
        if shutdown.as_mut().poll(task).is_ready() {
            return Poll::Ready(Heard::Stopped);
        }
        if deaf.as_mut().poll(task).is_ready() {
            return Poll::Ready(Heard::Deaf);
        }
        next.as_mut().poll(task).map(Heard::Notification)
    })
    .await
}

/// Returns the output of `future`, or `None` if `stop` is ready first.
async fn until<S: Future, F: Future>(stop: &mut Pin<&mut S>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|task| {
        if stop.as_mut().poll(task).is_ready() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(task).map(Some)
    })
    .await
}
