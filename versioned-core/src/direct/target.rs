//! A replica that a relay writes to.

use std::fmt;
use std::future::Future;
use std::iter::once;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

use crate::dependent::Dependent;
use crate::error::is_unreachable;
use crate::event;
use crate::executor::Executor;
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::model::{DependentModel, FromJson, Gap};
use crate::operation;
use crate::outbox::OutboxRow;
use crate::outcome::Outcome;

/// What became of an event at a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Rejected(String),
    /// The database is unreachable.
    Away(String),
}

impl Answer {
    /// Returns the answer for both replicas.
    pub(super) fn worse(self, other: Self) -> Self {
        match self {
            Self::Done => other,
            answer => answer,
        }
    }
}

/// The answers of a replica, as they come.
pub(super) type Answers<'t> = Pin<Box<dyn Future<Output = Vec<Answer>> + Send + 't>>;

/// A replica in a database.
pub(super) trait Target: Send + Sync {
    fn entity(&self) -> &'static str;

    /// Applies events of the entity, and returns an answer for each.
    fn apply<'t>(&'t self, rows: Vec<&'t OutboxRow>) -> Answers<'t>;
}

/// A replica on connections of one kind: [`Blocking`], or [`Async`].
pub(super) struct Connected<K, M, C, F> {
    connect: F,
    /// A connection that can be used again.
    idle: Mutex<Option<C>>,
    of: PhantomData<fn() -> (K, M)>,
}

/// The kind of Diesel's own connections.
pub(super) enum Blocking {}

/// The kind of the connections of `diesel-async`.
#[cfg(feature = "async")]
pub(super) enum Async {}

impl<K, M, C, F> Connected<K, M, C, F> {
    pub(super) fn new(connect: F) -> Self {
        Self {
            connect,
            idle: Mutex::new(None),
            of: PhantomData,
        }
    }

    fn idle(&self) -> MutexGuard<'_, Option<C>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M, C, E, F> Target for Connected<Blocking, M, C, F>
where
    C: LoadConnection + Send + 'static,
    E: fmt::Display,
    F: Fn() -> Result<C, E> + Send + Sync,
    M: Dependent<C::Backend> + FromJson + 'static,
{
    fn entity(&self) -> &'static str {
        M::ENTITY
    }

    fn apply<'t>(&'t self, rows: Vec<&'t OutboxRow>) -> Answers<'t> {
        Box::pin(async move {
            let idle = self.idle().take();
            let connected = idle.map_or_else(|| (self.connect)(), Ok);
            let mut conn = match connected {
                Ok(conn) => conn,
                Err(error) => return vec![away::<M>(&error); rows.len()],
            };
            let mut executor = BlockingExecutor::new(&mut conn);
            let (answers, is_usable) = poll_ready(apply::<M, _>(&rows, &mut executor));
            drop(executor);
            *self.idle() = is_usable.then_some(conn);
            answers
        })
    }
}

#[cfg(feature = "async")]
impl<M, C, E, F, Fut> Target for Connected<Async, M, C, F>
where
    C: AsyncConnection + 'static,
    E: fmt::Display + Send,
    F: Fn() -> Fut + Send + Sync,
    Fut: Future<Output = Result<C, E>> + Send,
    M: Dependent<C::Backend> + FromJson + 'static,
{
    fn entity(&self) -> &'static str {
        M::ENTITY
    }

    fn apply<'t>(&'t self, rows: Vec<&'t OutboxRow>) -> Answers<'t> {
        Box::pin(async move {
            let idle = self.idle().take();
            let connected = match idle {
                Some(conn) => Ok(conn),
                None => (self.connect)().await,
            };
            let mut conn = match connected {
                Ok(conn) => conn,
                Err(error) => return vec![away::<M>(&error); rows.len()],
            };
            let mut executor = AsyncExecutor::new(&mut conn);
            let (answers, is_usable) = apply::<M, _>(&rows, &mut executor).await;
            drop(executor);
            *self.idle() = is_usable.then_some(conn);
            answers
        })
    }
}

fn away<M: DependentModel>(error: &dyn fmt::Display) -> Answer {
    let table = M::table_name();
    Answer::Away(format!("the database of `{table}` is unreachable: {error}"))
}

/// Applies events, and returns an answer for each. Returns `false` if the connection may not be used
/// again.
async fn apply<M, C>(rows: &[&OutboxRow], conn: &mut C) -> (Vec<Answer>, bool)
where
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    let mut answers = vec![Answer::Done; rows.len()];
    let (mut places, mut events, mut json) = (Vec::new(), Vec::new(), Vec::new());
    for (place, row) in rows.iter().enumerate() {
        match event::read::<M>(row.payload.as_bytes()) {
            Ok(event) => {
                places.push(place);
                events.push(event);
                json.push((M::GAP == Gap::Park).then_some(row.payload.as_str()));
            }
            Err(reason) => set(&mut answers, place, Answer::Rejected(reason)),
        }
    }
    let mut is_usable = true;
    let mut parts: Vec<_> = once(0..events.len()).collect();
    while let Some(part) = parts.pop() {
        let (Some(own), Some(texts)) = (events.get(part.clone()), json.get(part.clone())) else {
            continue;
        };
        if own.is_empty() {
            continue;
        }
        let of_part = places.get(part.clone()).unwrap_or_default();
        let applied = operation::apply_all(own, texts, conn).await;
        is_usable &= applied.is_ok();
        match applied {
            Ok(outcomes) => {
                for (place, outcome) in of_part.iter().zip(outcomes) {
                    set(&mut answers, *place, answer(outcome));
                }
            }
            Err(error) if is_unreachable(&error) => {
                let left = parts.drain(..).chain([part]);
                for place in left.filter_map(|part| places.get(part)).flatten() {
                    set(&mut answers, *place, away::<M>(&error));
                }
            }
            Err(error) => {
                if let [place] = of_part {
                    set(&mut answers, *place, Answer::Rejected(error.to_string()));
                } else {
                    // One of the events is the reason.
                    let half = part.start + part.len() / 2;
                    parts.extend([half..part.end, part.start..half]);
                }
            }
        }
    }
    (answers, is_usable)
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Gap { current, received } => Answer::Rejected(format!(
            "version {received} waits for the versions after {current}"
        )),
        Outcome::Applied | Outcome::Duplicate { .. } | Outcome::Parked => Answer::Done,
    }
}

fn set(answers: &mut [Answer], place: usize, answer: Answer) {
    if let Some(own) = answers.get_mut(place) {
        *own = answer;
    }
}
