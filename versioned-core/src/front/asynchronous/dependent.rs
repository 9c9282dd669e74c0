//! `TicketCopy::apply(&event, conn).await`: the methods of a dependent.

use std::future::Future;

use super::{AfterApplyFn, AsyncExecutor, Closure};
use crate::connection::{AsyncConnection, PipelinedConnection};
use crate::dependent::Dependent;
use crate::error::Result;
use crate::event::Event;
use crate::model::{DependentModel, FromJson};
use crate::operation::{self, NoHook};
use crate::outcome::Outcome;

/// The methods of a replica on a `diesel-async` connection. They run the same statements and return
/// the same outcomes and errors as those of
/// [`prelude::DependentDsl`](crate::prelude::DependentDsl).
///
/// | purpose | functions |
/// | --- | --- |
/// | apply an event | [`apply`](DependentDsl::apply), [`apply_json`](DependentDsl::apply_json); both return an [`Outcome`] |
/// | apply an event together with writes of the caller | [`apply_with`](DependentDsl::apply_with) |
/// | apply many events in one transaction | [`apply_all`](DependentDsl::apply_all) |
/// | read | [`find`](DependentDsl::find), [`find_by_event`](DependentDsl::find_by_event) |
/// | maintain | [`retention`](crate::retention), [`compare`](crate::compare), [`rebuild_async`](crate::positions::rebuild_async) |
///
/// The futures are `Send`. If a future is dropped before it completes, whether the event was
/// applied is unknown. Do not acknowledge the event; the broker redelivers it, and `apply` detects
/// a duplicate.
pub trait DependentDsl: DependentModel {
    /// Applies an event if it is the next one of its record, and returns what happened.
    ///
    /// See [`prelude::DependentDsl::apply`](crate::prelude::DependentDsl::apply) for the SQL and
    /// the errors.
    fn apply<C>(event: &Event<Self>, conn: &mut C) -> impl Future<Output = Result<Outcome>> + Send
    where
        C: AsyncConnection,
        Self: Dependent<C::Db>,
    {
        async move { operation::apply(event, None, true, &mut AsyncExecutor::new(conn), NoHook).await }
    }

    /// Applies the event with this JSON, as [`apply`](DependentDsl::apply) does.
    ///
    /// See [`prelude::DependentDsl::apply_json`](crate::prelude::DependentDsl::apply_json) for the
    /// details and the errors.
    fn apply_json<C>(json: &str, conn: &mut C) -> impl Future<Output = Result<Outcome>> + Send
    where
        C: AsyncConnection,
        Self: Dependent<C::Db> + FromJson,
    {
        async move { operation::apply_json::<Self, _>(json, &mut AsyncExecutor::new(conn)).await }
    }

    /// Applies an event, as [`apply`](DependentDsl::apply) does, and runs the `async` closure
    /// `then` in the same transaction.
    ///
    /// See [`prelude::DependentDsl::apply_with`](crate::prelude::DependentDsl::apply_with) for the
    /// details and the errors.
    fn apply_with<C, F>(
        event: &Event<Self>,
        conn: &mut C,
        then: F,
    ) -> impl Future<Output = Result<Outcome>> + Send
    where
        C: AsyncConnection,
        Self: Dependent<C::Db>,
        for<'x, 'e> F: AsyncFnMut(&'x mut C, &'e Event<Self>) -> Result<()>
            + AfterApplyFn<&'x mut C, &'e Event<Self>, Fut: Send>
            + Send,
    {
        async move {
            operation::apply(
                event,
                None,
                false,
                &mut AsyncExecutor::new(conn),
                Closure(then),
            )
            .await
        }
    }

    /// Applies events in one transaction, and returns an outcome for each in the order of `events`.
    ///
    /// See [`prelude::DependentDsl::apply_all`](crate::prelude::DependentDsl::apply_all) for the
    /// details and the errors.
    fn apply_all<C>(
        events: &[Event<Self>],
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Outcome>>> + Send
    where
        C: AsyncConnection,
        Self: Dependent<C::Db>,
    {
        async move { operation::apply_all(events, &[], &mut AsyncExecutor::new(conn)).await }
    }

    /// Loads the replica with this key.
    ///
    /// See [`prelude::DependentDsl::find`](crate::prelude::DependentDsl::find) for the SQL and the
    /// errors.
    fn find<C>(id: &Self::Id, conn: &mut C) -> impl Future<Output = Result<Self>> + Send
    where
        C: PipelinedConnection,
        Self: Dependent<C::Db>,
    {
        async move { operation::find(id, &mut AsyncExecutor::pipelined(conn)).await }
    }

    /// Loads the replica onto which this event can be applied: the row with its key, at the version
    /// before it.
    ///
    /// See [`prelude::DependentDsl::find_by_event`](crate::prelude::DependentDsl::find_by_event)
    /// for the details and the errors.
    fn find_by_event<C>(
        event: &Event<Self>,
        conn: &mut C,
    ) -> impl Future<Output = Result<Self>> + Send
    where
        C: AsyncConnection,
        Self: Dependent<C::Db>,
    {
        async move { operation::find_before(event, &mut AsyncExecutor::new(conn)).await }
    }
}

impl<M: DependentModel> DependentDsl for M {}
