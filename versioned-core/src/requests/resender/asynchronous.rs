//! The resender, on connections of `diesel-async`.

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncConnection;

use super::{Connecting, Models, Sql};
use crate::clock::Tokio;
use crate::error::Result;
use crate::front::asynchronous::AsyncExecutor;
use crate::operation::owner::requested::{ParseKey, execute};
use crate::operation::requests::serve::{self, TIME};
use crate::operation::requests::turn::exist;
use crate::outbox::{RelayProblem, SupportedBackend};
use crate::owner::Owner;
use crate::version::SequentialVersion;

type Working<'c> = Pin<Box<dyn Future<Output = Result<Option<Duration>>> + Send + 'c>>;

/// Executes the open resends of one model.
type Work<C> = Box<dyn for<'c> Fn(&'c mut C) -> Working<'c> + Send + Sync>;

/// As [`Resender`](super::Resender), on connections of `diesel-async`. Run it as a task.
///
/// ```no_run
/// # use diesel::prelude::*;
/// # use diesel_async::AsyncPgConnection;
/// # use versioned_core::async_prelude::*;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, serde::Serialize, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner, outbox)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
/// use versioned_core::requests::AsyncResender;
///
/// # #[cfg(feature = "postgres")]
/// # async fn f(shutdown: versioned_core::outbox::Shutdown) {
/// let connect = || AsyncPgConnection::establish("postgres:///tickets");
/// AsyncResender::new().model::<Ticket>().run(connect, shutdown).await;
/// # }
/// ```
pub struct AsyncResender<C> {
    models: Models<Work<C>>,
}

impl<C: AsyncConnection<Backend: SupportedBackend>> AsyncResender<C> {
    /// Creates a resender without models.
    #[allow(
        clippy::new_without_default,
        reason = "without models, it does nothing"
    )]
    pub fn new() -> Self {
        Self {
            models: Models::new(),
        }
    }

    /// As [`Resender::model`](super::Resender::model).
    #[must_use]
    pub fn model<M>(self) -> Self
    where
        M: Owner<C::Backend>,
        M::Id: FromStr + 'static,
        M::Version: SequentialVersion,
    {
        self.model_with::<M>(|key| key.parse().ok())
    }

    /// As [`Resender::model_with`](super::Resender::model_with).
    #[must_use]
    pub fn model_with<M>(
        mut self,
        parse: impl Fn(&str) -> Option<M::Id> + Send + Sync + 'static,
    ) -> Self
    where
        M: Owner<C::Backend>,
        M::Id: 'static,
        M::Version: SequentialVersion,
    {
        let parse: Arc<ParseKey<M::Id>> = Arc::new(parse);
        let work: Work<C> = Box::new(move |conn: &mut C| {
            let parse = Arc::clone(&parse);
            Box::pin(
                async move { execute::<M, _>(TIME, &*parse, &mut AsyncExecutor::new(conn)).await },
            )
        });
        self.models.all.push((M::ENTITY, work));
        self
    }

    /// Sets the pause between two looks for requests. The default is 2 s. A look is one query.
    #[must_use]
    pub fn poll(mut self, every: Duration) -> Self {
        self.models.every = every;
        self
    }

    /// Calls `report` for each problem, for a log or a counter.
    #[must_use]
    pub fn on_problem(
        mut self,
        report: impl Fn(&RelayProblem<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.models.on_problem = Some(Arc::new(report));
        self
    }

    /// As [`Resender::run_once`](super::Resender::run_once). A future that is dropped before it completes rolls its step back and
    /// leaves the connection broken.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Resender::run_once`](super::Resender::run_once).
    pub async fn run_once(&self, conn: &mut C) -> Result<Option<Duration>> {
        let entities = self.models.entities();
        let mut open = serve::look(&entities, &mut AsyncExecutor::new(conn)).await?;
        for (entity, work) in &self.models.all {
            if open.is_due(entity) {
                open.next_of(work(conn).await?);
            }
        }
        Ok(open.next())
    }

    /// As [`Resender::run`](super::Resender::run), with tokio's timer. Dropping the future also ends it.
    pub async fn run<E, Fut>(
        &self,
        connect: impl FnMut() -> Fut + Send,
        shutdown: impl Future + Send,
    ) where
        Fut: Future<Output = Result<C, E>> + Send,
        E: fmt::Display + Send,
    {
        let service = Connecting {
            resender: self,
            connect,
        };
        serve::run(&Tokio, self.models.every, service, shutdown).await;
    }
}

impl<C> fmt::Debug for AsyncResender<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncResender")
            .field("entities", &self.models.entities())
            .finish_non_exhaustive()
    }
}

impl<F, Fut, C, E> serve::Service for Connecting<&AsyncResender<C>, F>
where
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = Result<C, E>> + Send,
    C: AsyncConnection<Backend: SupportedBackend>,
    E: fmt::Display + Send,
{
    type Conn = C;

    async fn connect(&mut self) -> Result<C, String> {
        (self.connect)().await.map_err(|error| error.to_string())
    }

    async fn has_tables(&mut self, conn: &mut C) -> Result<bool> {
        exist::<Sql<C::Backend>, _>(&mut AsyncExecutor::new(conn)).await
    }

    async fn run_once(&mut self, conn: &mut C) -> Result<Option<Duration>> {
        self.resender.run_once(conn).await
    }

    fn report(&self, problem: &RelayProblem<'_>) {
        self.resender.models.report(problem);
    }
}
