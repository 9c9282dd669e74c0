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

/// The methods of a replica on a `diesel-async` connection: those of
/// [`prelude::DependentDsl`](crate::prelude::DependentDsl), with the same statements, outcomes and
/// errors.
pub trait DependentDsl: DependentModel {
    /// As [`prelude::DependentDsl::apply`](crate::prelude::DependentDsl::apply).
    fn apply<C>(event: &Event<Self>, conn: &mut C) -> impl Future<Output = Result<Outcome>> + Send
    where
        C: AsyncConnection,
        Self: Dependent<C::Db>,
    {
        async move { operation::apply(event, None, true, &mut AsyncExecutor::new(conn), NoHook).await }
    }

    /// As [`prelude::DependentDsl::apply_json`](crate::prelude::DependentDsl::apply_json).
    fn apply_json<C>(json: &str, conn: &mut C) -> impl Future<Output = Result<Outcome>> + Send
    where
        C: AsyncConnection,
        Self: Dependent<C::Db> + FromJson,
    {
        async move { operation::apply_json::<Self, _>(json, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`prelude::DependentDsl::apply_with`](crate::prelude::DependentDsl::apply_with).
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

    /// As [`prelude::DependentDsl::apply_all`](crate::prelude::DependentDsl::apply_all).
    fn apply_all<C>(
        events: &[Event<Self>],
        conn: &mut C,
    ) -> impl Future<Output = Result<Vec<Outcome>>> + Send
    where
        C: AsyncConnection,
        Self: Dependent<C::Db>,
    {
        async move { operation::apply_all(events, &mut AsyncExecutor::new(conn)).await }
    }

    /// As [`prelude::DependentDsl::find`](crate::prelude::DependentDsl::find).
    fn find<C>(id: &Self::Id, conn: &mut C) -> impl Future<Output = Result<Self>> + Send
    where
        C: PipelinedConnection,
        Self: Dependent<C::Db>,
    {
        async move { operation::find(id, &mut AsyncExecutor::pipelined(conn)).await }
    }

    /// As [`prelude::DependentDsl::find_by_event`](crate::prelude::DependentDsl::find_by_event).
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
