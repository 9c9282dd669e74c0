//! The explorer on blocking connections.

use std::fmt::Debug;

use diesel::connection::Connection;

use super::Explorer;
use super::walk::{Subject, walk};
use crate::error::Result;
use crate::event::Event;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::outcome::Outcome;
use crate::testing::Failure;

impl<M> Explorer<'_, M> {
    /// Calls `apply` for the deliveries of each order, and `state` after each delivery. Returns the
    /// state after the deliveries in order.
    ///
    /// A handler that only applies the events is `TicketCopy::apply`.
    ///
    /// ```sql
    /// BEGIN                   -- or a SAVEPOINT, in a transaction
    /// SAVEPOINT ..            -- for each delivery
    /// ROLLBACK TO SAVEPOINT ..
    /// ROLLBACK
    /// ```
    ///
    /// # Errors
    ///
    /// Returns a [`Failure`] with the deliveries and their outcomes if
    ///
    /// - the state after an order differs from the one after the deliveries in order,
    /// - an order leads to a place where the handler acknowledges none of the events that are left,
    /// - the handler does not acknowledge an event when they come in order,
    /// - `state` or a statement of the explorer fails.
    ///
    /// An error of `apply` counts as a delivery that is not acknowledged. What it wrote is rolled
    /// back. A panic of a closure leaves the connection broken.
    pub fn run<C, S>(
        &self,
        conn: &mut C,
        apply: impl FnMut(&Event<M>, &mut C) -> Result<Outcome>,
        state: impl FnMut(&mut C) -> Result<S>,
    ) -> Result<S, Failure>
    where
        C: Connection,
        S: PartialEq + Debug,
    {
        let reset = None::<fn(&mut C) -> Result<()>>;
        self.run_on(conn, reset, apply, state)
    }

    /// As [`run`](Self::run), without a transaction around the deliveries. `reset` is called before
    /// and after each order, and must bring the database into the state in which the deliveries
    /// begin. For the tables of this crate it can call [`rebuild`](crate::positions::rebuild).
    ///
    /// To go back to an earlier place, the explorer calls `reset`, and then `apply` for the
    /// deliveries before that place.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if `reset` fails. What a failed `apply` wrote is not rolled back
    /// before the next `reset`.
    pub fn run_with_reset<C, S>(
        &self,
        conn: &mut C,
        reset: impl FnMut(&mut C) -> Result<()>,
        apply: impl FnMut(&Event<M>, &mut C) -> Result<Outcome>,
        state: impl FnMut(&mut C) -> Result<S>,
    ) -> Result<S, Failure>
    where
        C: Connection,
        S: PartialEq + Debug,
    {
        self.run_on(conn, Some(reset), apply, state)
    }

    fn run_on<C, S>(
        &self,
        conn: &mut C,
        reset: Option<impl FnMut(&mut C) -> Result<()>>,
        apply: impl FnMut(&Event<M>, &mut C) -> Result<Outcome>,
        state: impl FnMut(&mut C) -> Result<S>,
    ) -> Result<S, Failure>
    where
        C: Connection,
        S: PartialEq + Debug,
    {
        let subject = Blocking {
            executor: BlockingExecutor::new(conn),
            reset,
            apply,
            state,
        };
        poll_ready(walk(self.history, self.times, subject))
    }
}

struct Blocking<'c, C: Connection, R, A, S> {
    executor: BlockingExecutor<'c, C>,
    reset: Option<R>,
    apply: A,
    state: S,
}

impl<M, C, R, A, F, S> Subject<M> for Blocking<'_, C, R, A, F>
where
    C: Connection,
    R: FnMut(&mut C) -> Result<()>,
    A: FnMut(&Event<M>, &mut C) -> Result<Outcome>,
    F: FnMut(&mut C) -> Result<S>,
    S: PartialEq + Debug,
{
    type State = S;

    fn resets(&self) -> bool {
        self.reset.is_some()
    }

    async fn begin(&mut self) -> Result<()> {
        Ok(self.executor.begin_here()?)
    }

    async fn rollback(&mut self) -> Result<()> {
        Ok(self.executor.rollback_here()?)
    }

    async fn reset(&mut self) -> Result<()> {
        match &mut self.reset {
            Some(reset) => reset(self.executor.conn),
            None => Ok(()),
        }
    }

    async fn deliver(&mut self, event: &Event<M>) -> Result<Outcome> {
        (self.apply)(event, self.executor.conn)
    }

    async fn state(&mut self) -> Result<S> {
        (self.state)(self.executor.conn)
    }
}
