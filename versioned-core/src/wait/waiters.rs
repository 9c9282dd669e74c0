//! Tasks that wait for versions together.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel_async::AsyncConnectionCore;
use tokio::sync::Notify;
use tokio::sync::oneshot::{self, Receiver, Sender};
use tokio::time::{Instant, sleep_until, timeout};

use super::pauses;
use crate::arrival::Arrival;
use crate::consumer::Connect;
use crate::counters::Wait;
use crate::dependent::Dependent;
use crate::error::Result;
use crate::front::asynchronous::AsyncExecutor;
use crate::model::DependentModel;
use crate::operation;
use crate::retry::Attempts;

/// How many tasks wait at most, unless it is [set](Waiters::at_most).
const AT_MOST: usize = 10_000;

/// Tasks that wait for versions of a replica's records. Make one for each replica, and keep it, for
/// example in the state of the application. Clones are the same.
///
/// At any time, one of the tasks looks for all of them, on one connection, which it gives back after
/// the look. So a thousand tasks that wait leave the pool to others.
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::async_prelude::*;
/// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
/// # #[diesel(table_name = ticket_copies)]
/// # #[versioned(dependent, entity = "tickets")]
/// # struct TicketCopy { id: i64, price: i64, version: i64 }
/// use std::time::Duration;
/// use diesel_async::{AsyncConnection as _, AsyncPgConnection};
/// use versioned_core::wait::{Arrival, Waiters};
///
/// async fn wait(id: i64, at_least: i64, copies: &Waiters<TicketCopy>) -> versioned_core::Result<Arrival> {
///     let connect = || AsyncPgConnection::establish("postgres://localhost/replica"); // or `|| pool.get()`
///     copies.wait_for(&id, at_least, Duration::from_secs(2), connect).await
/// }
/// ```
pub struct Waiters<M> {
    shared: Arc<Shared>,
    at_most: usize,
    model: PhantomData<fn() -> M>,
}

#[derive(Default)]
struct Shared {
    /// Held by the task that looks for all.
    turn: tokio::sync::Mutex<Pace>,
    waiting: Mutex<Waiting>,
    newcomer: Notify,
}

/// When the next look is due.
struct Pace {
    due: Instant,
    pauses: Attempts,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            due: Instant::now(),
            pauses: pauses(),
        }
    }
}

#[derive(Default)]
struct Waiting {
    next: u64,
    all: BTreeMap<u64, Waiter>,
}

struct Waiter {
    key: String,
    version: i64,
    /// The version of the replica at the last look.
    current: Option<i64>,
    answer: Sender<Arrival>,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a task among those that wait. It leaves when this is dropped.
struct Entry<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Entry<'_> {
    fn current(&self) -> Option<i64> {
        let waiting = self.shared.waiting();
        waiting.all.get(&self.number).and_then(|one| one.current)
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.shared.waiting().all.remove(&self.number);
    }
}

impl<M> Waiters<M> {
    /// Returns an empty group.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
            at_most: AT_MOST,
            model: PhantomData,
        }
    }

    /// Sets how many tasks wait at a time. More are [rejected](Arrival::Rejected) at once. The
    /// default is 10,000.
    #[must_use]
    pub fn at_most(self, waiters: usize) -> Self {
        Self {
            at_most: waiters,
            ..self
        }
    }

    /// Waits until the replica has applied this version of a record or a later one, and returns what
    /// came of it, as [`wait_for`](super::wait_for) does. Runs the same queries.
    ///
    /// `connect` is called when this task looks for all, never by two tasks at a time. After
    /// `at_most` it returns [`Arrival::TimedOut`], also if a query or `connect` hangs.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Other`](crate::Error::Other) if `connect` fails, and
    /// [`Error::Database`](crate::Error::Database) if a query fails. Only the task that looked gets
    /// the error. The others look on their own connections.
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn wait_for<C>(
        &self,
        id: &M::Id,
        version: i64,
        at_most: Duration,
        connect: C,
    ) -> impl Future<Output = Result<Arrival>> + Send
    where
        C: Connect,
        M: Dependent<<C::Connection as AsyncConnectionCore>::Backend>,
    {
        let key = M::key_text(id);
        async move {
            let mut wait = Wait::begins(M::ENTITY);
            let Some((entry, mut answer)) = self.enter(key, version) else {
                wait.ends(&Arrival::Rejected);
                return Ok(Arrival::Rejected);
            };
            let arrived = async {
                let mut pace = tokio::select! {
                    biased;
                    Ok(arrival) = &mut answer => return Result::<Arrival>::Ok(arrival),
                    pace = self.shared.turn.lock() => pace,
                };
                loop {
                    self.until_due(&mut pace).await;
                    let begun = Instant::now();
                    self.look(&connect).await?;
                    // At least half of the time, no connection is used.
                    let pause = pace.pauses.next().unwrap_or_default();
                    pace.due = Instant::now() + pause.max(SHORTEST).max(begun.elapsed());
                    if let Ok(arrival) = answer.try_recv() {
                        return Ok(arrival);
                    }
                }
            };
            let arrival = match timeout(at_most, arrived).await {
                Ok(arrived) => arrived?,
                // It may have been answered in a look that took too long.
                Err(_) => answer.try_recv().unwrap_or_else(|_| Arrival::TimedOut {
                    current: entry.current(),
                }),
            };
            wait.ends(&arrival);
            Ok(arrival)
        }
    }

    fn enter(&self, key: String, version: i64) -> Option<(Entry<'_>, Receiver<Arrival>)> {
        let (answer, receiver) = oneshot::channel();
        let mut waiting = self.shared.waiting();
        if waiting.all.len() >= self.at_most {
            return None;
        }
        let number = waiting.next;
        waiting.next += 1;
        let waiter = Waiter {
            key,
            version,
            current: None,
            answer,
        };
        waiting.all.insert(number, waiter);
        self.shared.newcomer.notify_one();
        let shared = &*self.shared;
        Some((Entry { shared, number }, receiver))
    }

    /// Waits until the next look is due. A task that has just come does not wait for a long pause.
    async fn until_due(&self, pace: &mut Pace) {
        while pace.due > Instant::now() {
            tokio::select! {
                () = sleep_until(pace.due) => {}
                () = self.shared.newcomer.notified() => {
                    pace.pauses = pauses();
                    pace.due = pace.due.min(Instant::now() + SHORTEST);
                }
            }
        }
    }

    /// Queries each awaited record and version once, and answers the tasks that wait for it.
    async fn look<C>(&self, connect: &C) -> Result<()>
    where
        C: Connect,
        M: Dependent<<C::Connection as AsyncConnectionCore>::Backend>,
    {
        let mut asked: BTreeMap<(String, i64), Vec<u64>> = BTreeMap::new();
        for (number, waiter) in &self.shared.waiting().all {
            let record = (waiter.key.clone(), waiter.version);
            asked.entry(record).or_default().push(*number);
        }
        let mut conn = connect.connect().await?;
        for ((key, version), numbers) in asked {
            let looked =
                operation::arrival::<M, _>(&key, version, &mut AsyncExecutor::new(&mut conn))
                    .await?;
            let mut waiting = self.shared.waiting();
            for number in numbers {
                match looked {
                    ControlFlow::Continue(current) => {
                        if let Some(waiter) = waiting.all.get_mut(&number) {
                            waiter.current = current;
                        }
                    }
                    ControlFlow::Break(arrival) => {
                        // It may have left meanwhile.
                        if let Some(waiter) = waiting.all.remove(&number) {
                            let _ = waiter.answer.send(arrival);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(5);

impl<M> Clone for Waiters<M> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            at_most: self.at_most,
            model: PhantomData,
        }
    }
}

impl<M> Default for Waiters<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: DependentModel> fmt::Debug for Waiters<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiters")
            .field("replica", &M::ENTITY)
            .field("waiting", &self.shared.waiting().all.len())
            .finish_non_exhaustive()
    }
}
