//! All orders of deliveries, over the caller's handler.

#[cfg(feature = "async")]
mod asynchronous;
mod blocking;
mod walk;

use std::fmt;

use crate::event::Event;

/// Delivers a short history of events to a handler in every order, with repeated deliveries, and
/// compares the state after each order with the state after the deliveries in order.
///
/// A broker delivers events late, again, and in another order. A handler that only calls
/// [`apply`](crate::prelude::DependentDsl::apply) reaches the same state in each order. One that also
/// writes rows of its own, with [`apply_with`](crate::prelude::DependentDsl::apply_with) or around
/// it, may not:
///
/// ```
/// # use diesel::connection::SimpleConnection;
/// # use diesel::prelude::*;
/// # use diesel_migrations::MigrationHarness;
/// # use versioned_core::prelude::*;
/// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # diesel::table! { revenue (id) { id -> BigInt, total -> BigInt, } }
/// # #[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Deserialize, Versioned)]
/// # #[diesel(table_name = ticket_copies)]
/// # #[versioned(dependent, entity = "tickets")]
/// # struct TicketCopy { id: i64, price: i64, version: i64 }
/// use versioned_core::testing::Explorer;
/// use versioned_core::{Event, Outcome, Result};
///
/// // Counts a ticket twice if its event is delivered twice.
/// fn handle(event: &Event<TicketCopy>, conn: &mut SqliteConnection) -> Result<Outcome> {
///     let outcome = TicketCopy::apply(event, conn)?;
///     if let (Some(ticket), true) = (&event.data, outcome.should_ack()) {
///         diesel::update(revenue::table)
///             .set(revenue::total.eq(revenue::total + ticket.price))
///             .execute(conn)?;
///     }
///     Ok(outcome)
/// }
///
/// # fn main() -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let conn = &mut SqliteConnection::establish(":memory:")?;
/// # conn.batch_execute("CREATE TABLE ticket_copies (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL);
/// #     CREATE TABLE revenue (id BIGINT PRIMARY KEY, total BIGINT NOT NULL); INSERT INTO revenue VALUES (1, 0)")?;
/// # conn.run_pending_migrations(versioned_core::MIGRATIONS)?;
/// let history = [
///     Event::created(TicketCopy { id: 7, price: 20, version: 1 }),
///     Event::created(TicketCopy { id: 8, price: 30, version: 1 }),
/// ];
/// let state = |conn: &mut SqliteConnection| {
///     let tickets: Vec<TicketCopy> = ticket_copies::table.order(ticket_copies::id).load(conn)?;
///     let total: i64 = revenue::table.select(revenue::total).first(conn)?;
///     Ok((tickets, total))
/// };
/// let failure = Explorer::new(&history).run(conn, handle, state).unwrap_err();
/// assert_eq!(
///     failure.to_string().lines().take(4).collect::<Vec<_>>(),
///     [
///         "make the handler independent of the order and the number of deliveries: \
///          these lead to another state than the deliveries in order",
///         "  1. tickets/7/1 created: Applied",
///         "  2. tickets/8/1 created: Applied",
///         "  3. tickets/7/1 created: Duplicate { current: 1 }",
///     ],
/// );
///
/// // In the transaction of the event, and only if it was applied:
/// let handle = |event: &Event<TicketCopy>, conn: &mut SqliteConnection| {
///     TicketCopy::apply_with(event, conn, |conn, event| {
///         let price = event.data.as_ref().map_or(0, |ticket| ticket.price);
///         diesel::update(revenue::table)
///             .set(revenue::total.eq(revenue::total + price))
///             .execute(conn)?;
///         Ok(())
///     })
/// };
/// let (tickets, total) = Explorer::new(&history).run(conn, handle, state)?;
/// assert_eq!((tickets.len(), total), (2, 50));
/// # Ok(())
/// # }
/// ```
///
/// # Deliveries
///
/// Each event is delivered until the handler acknowledges it, which is an
/// [`Outcome`](crate::Outcome) whose [`should_ack`](crate::Outcome::should_ack) is true, and up to
/// so many [times](Self::deliveries) in all. A delivery that is not acknowledged, because of a gap or
/// an error, comes again later. As soon as all events were acknowledged, and after each further
/// delivery, the state must be the one after the deliveries in order.
///
/// # State
///
/// The last argument of [`run`](Self::run) reads the state. It must contain everything that the
/// handler reads and writes, apart from the tables of this crate: from states that are equal, the
/// explorer goes on only once. Generated keys and times differ from run to run, so leave them out,
/// and order the rows.
///
/// A repeated delivery that does not change the state is not a new order. A correct handler of n
/// events is therefore called at most n · 2ⁿ times, and n times in order: 2,056 times for 8 events.
///
/// # Isolation of the orders
///
/// [`run`](Self::run) and [`run_async`](Self::run_async) deliver in nested transactions (savepoints)
/// on one connection, and roll them back. This works on each database, and with handlers that open
/// transactions themselves. Nothing is left in the database, and a test transaction may be open.
///
/// [`run_with_reset`](Self::run_with_reset) and
/// [`run_with_reset_async`](Self::run_with_reset_async) have no surrounding transaction, and call a
/// function that empties the tables instead. Use them if the handler changes something else than
/// this connection's database, commits itself, or depends on constraints that are checked at the
/// COMMIT.
pub struct Explorer<'h, M> {
    history: &'h [Event<M>],
    times: usize,
}

impl<'h, M> Explorer<'h, M> {
    /// Creates an explorer of this history. The events must be in an order in which the handler
    /// acknowledges each of them, for example that of the owner's writes.
    #[must_use]
    pub fn new(history: &'h [Event<M>]) -> Self {
        Self { history, times: 2 }
    }

    /// Sets the maximum number of acknowledged deliveries of each event. The default is 2, and the
    /// minimum is 1.
    #[must_use]
    pub fn deliveries(mut self, times: usize) -> Self {
        self.times = times.max(1);
        self
    }
}

impl<M> fmt::Debug for Explorer<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self.history.iter().map(Event::id).collect();
        f.debug_struct("Explorer")
            .field("history", &ids)
            .field("deliveries", &self.times)
            .finish()
    }
}
