//! The explorer on connections of `diesel-async`.

use std::fmt::Debug;

use diesel_async::AsyncConnection;

use super::Explorer;
use super::walk::{Subject, walk};
use crate::error::Result;
use crate::event::Event;
use crate::executor::Executor as _;
use crate::front::asynchronous::AsyncExecutor;
use crate::outcome::Outcome;
use crate::testing::Failure;

impl<M> Explorer<'_, M> {
    /// As [`run`](Self::run), on a connection of `diesel-async` and with `async` closures.
    ///
    /// A future that is dropped before it completes leaves the connection broken, and its next use
    /// is an error.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn run_async<C, S>(
        &self,
        conn: &mut C,
        apply: impl AsyncFnMut(&Event<M>, &mut C) -> Result<Outcome>,
        state: impl AsyncFnMut(&mut C) -> Result<S>,
    ) -> Result<S, Failure>
    where
        C: AsyncConnection,
        S: PartialEq + Debug,
    {
        let subject = Async {
            executor: AsyncExecutor::new(conn),
            reset: None::<Never>,
            apply,
            state,
        };
        walk(self.history, self.times, subject).await
    }

    /// As [`run_with_reset`](Self::run_with_reset), on a connection of `diesel-async` and with
    /// `async` closures.
    ///
    /// # Errors
    ///
    /// As [`run_with_reset`](Self::run_with_reset).
    pub async fn run_with_reset_async<C, S>(
        &self,
        conn: &mut C,
        reset: impl AsyncFnMut(&mut C) -> Result<()>,
        apply: impl AsyncFnMut(&Event<M>, &mut C) -> Result<Outcome>,
        state: impl AsyncFnMut(&mut C) -> Result<S>,
    ) -> Result<S, Failure>
    where
        C: AsyncConnection,
        S: PartialEq + Debug,
    {
        let subject = Async {
            executor: AsyncExecutor::new(conn),
            reset: Some(Reset(reset)),
            apply,
            state,
        };
        walk(self.history, self.times, subject).await
    }
}

/// How to undo deliveries without a transaction.
trait Undo<C> {
    async fn undo(&mut self, conn: &mut C) -> Result<()>;
}

struct Reset<F>(F);

impl<C, F: AsyncFnMut(&mut C) -> Result<()>> Undo<C> for Reset<F> {
    async fn undo(&mut self, conn: &mut C) -> Result<()> {
        (self.0)(conn).await
    }
}

/// The function that is not there, because a transaction is rolled back.
enum Never {}

impl<C> Undo<C> for Never {
    async fn undo(&mut self, _: &mut C) -> Result<()> {
        match *self {}
    }
}

struct Async<'c, C, R, A, S> {
    executor: AsyncExecutor<'c, C>,
    reset: Option<R>,
    apply: A,
    state: S,
}

impl<M, C, R, A, F, S> Subject<M> for Async<'_, C, R, A, F>
where
    C: AsyncConnection,
    R: Undo<C>,
    A: AsyncFnMut(&Event<M>, &mut C) -> Result<Outcome>,
    F: AsyncFnMut(&mut C) -> Result<S>,
    S: PartialEq + Debug,
{
    type State = S;

    fn resets(&self) -> bool {
        self.reset.is_some()
    }

    async fn begin(&mut self) -> Result<()> {
        Ok(self.executor.begin().await?)
    }

    async fn rollback(&mut self) -> Result<()> {
        Ok(self.executor.rollback().await?)
    }

    async fn reset(&mut self) -> Result<()> {
        match &mut self.reset {
            Some(reset) => reset.undo(self.executor.conn).await,
            None => Ok(()),
        }
    }

    async fn deliver(&mut self, event: &Event<M>) -> Result<Outcome> {
        (self.apply)(event, self.executor.conn).await
    }

    async fn state(&mut self) -> Result<S> {
        (self.state)(self.executor.conn).await
    }
}
