//! Executes resends beside a relay.

#[cfg(feature = "async")]
mod asynchronous;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::LoadConnection;

#[cfg(feature = "async")]
pub use self::asynchronous::AsyncResender;
use crate::clock::{Parking, block_on};
use crate::error::Result;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::operation::owner::requested::{ParseKey, execute};
use crate::operation::requests::serve::{self, TIME};
use crate::operation::requests::turn::exist;
use crate::outbox::{RelayProblem, SupportedBackend};
use crate::owner::Owner;
use crate::version::SequentialVersion;

/// Executes the open resends of one model.
type Work<C> = Box<dyn Fn(&mut C) -> Result<Option<Duration>> + Send + Sync>;

/// Hears of the problems of a resender.
type Hook = Arc<dyn Fn(&RelayProblem<'_>) + Send + Sync>;

/// The models of a resender, each with its work `W`, and its settings.
struct Models<W> {
    all: Vec<(&'static str, W)>,
    every: Duration,
    on_problem: Option<Hook>,
}

impl<W> Models<W> {
    fn new() -> Self {
        Self {
            all: Vec::new(),
            every: serve::EVERY,
            on_problem: None,
        }
    }

    fn entities(&self) -> Vec<&'static str> {
        self.all.iter().map(|(entity, _)| *entity).collect()
    }

    fn report(&self, problem: &RelayProblem<'_>) {
        crate::outbox::trace::relay_problem(problem);
        if let Some(report) = &self.on_problem {
            report(problem);
        }
    }
}

/// Executes [resends](super::Resend) of the models that are added to it, on blocking connections.
/// Run it beside the [relay](crate::outbox::Relay) of the outbox, on a thread of its own. Any number
/// may run.
///
/// A relay knows no models, so it cannot load a record. A resend of an entity that no `Resender` has
/// stays open, and its [note](super::Request::note) says so.
///
/// ```no_run
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, serde::Serialize, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner, outbox)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
/// use versioned_core::outbox::Shutdown;
/// use versioned_core::requests::Resender;
///
/// let shutdown = Shutdown::new();
/// let stop = shutdown.clone();
/// let resender = Resender::new().model::<Ticket>().on_problem(|problem| eprintln!("{problem}"));
/// let connect = || SqliteConnection::establish("tickets.db");
/// let thread = std::thread::spawn(move || resender.run(connect, stop));
/// ```
pub struct Resender<C> {
    models: Models<Work<C>>,
}

impl<C: LoadConnection<Backend: SupportedBackend>> Resender<C> {
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

    /// Adds a model, whose key is one column that is parsed from text.
    #[must_use]
    pub fn model<M>(self) -> Self
    where
        M: Owner<C::Backend>,
        M::Id: FromStr + 'static,
        M::Version: SequentialVersion,
    {
        self.model_with::<M>(|key| key.parse().ok())
    }

    /// Adds a model. `parse` reads the text of a key as it is in events, and returns `None` for what
    /// is no key. It is for keys of several columns.
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
        let parse: Box<ParseKey<M::Id>> = Box::new(parse);
        let work = move |conn: &mut C| {
            let mut executor = BlockingExecutor::new(conn);
            poll_ready(execute::<M, _>(TIME, &*parse, &mut executor))
        };
        self.models.all.push((M::ENTITY, Box::new(work)));
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

    /// Executes the open resends for up to a second per model. Returns the time until the next one is
    /// due, or `None` if none is open that this resender can execute.
    ///
    /// ```sql
    /// SELECT entity, MIN(due) - now FROM versioned_requests WHERE state = 'open' AND kind = 'resend' GROUP BY entity
    /// BEGIN;
    /// SELECT .. FROM versioned_requests WHERE state = 'open' .. LIMIT 1 FOR UPDATE SKIP LOCKED;
    /// SELECT COUNT(*) FROM (SELECT 1 FROM versioned_outbox LIMIT 1000) AS p;
    /// SELECT .. FROM tickets WHERE id = $1 FOR UPDATE;     -- for each record of the step
    /// INSERT INTO versioned_outbox ..;
    /// UPDATE versioned_request_items SET outcome = 'queued' ..;
    /// UPDATE versioned_requests SET state = .., progress = .. WHERE id = $1;
    /// COMMIT;
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`](crate::Error::Database) if a statement about the requests fails. The step that failed is
    /// rolled back, and the request stays open.
    pub fn run_once(&self, conn: &mut C) -> Result<Option<Duration>> {
        let entities = self.models.entities();
        let mut open = poll_ready(serve::look(&entities, &mut BlockingExecutor::new(conn)))?;
        for (entity, work) in &self.models.all {
            if open.is_due(entity) {
                open.next_of(work(conn)?);
            }
        }
        Ok(open.next())
    }

    /// Executes resends until `shutdown` is ready.
    ///
    /// `connect` opens the connection, and a new one after each error of the database. Without the
    /// [tables of requests](crate::Migrations::with_requests), it looks once a minute whether they
    /// exist.
    pub fn run<E: fmt::Display>(
        &self,
        connect: impl FnMut() -> Result<C, E> + Send,
        shutdown: impl Future + Send,
    ) where
        C: Send,
    {
        let service = Connecting {
            resender: self,
            connect,
        };
        block_on(serve::run(&Parking, self.models.every, service, shutdown));
    }
}

impl<C> fmt::Debug for Resender<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resender")
            .field("entities", &self.models.entities())
            .finish_non_exhaustive()
    }
}

/// A resender with what opens its connections.
struct Connecting<R, F> {
    resender: R,
    connect: F,
}

impl<F, C, E> serve::Service for Connecting<&Resender<C>, F>
where
    F: FnMut() -> Result<C, E> + Send,
    C: LoadConnection<Backend: SupportedBackend> + Send,
    E: fmt::Display,
{
    type Conn = C;

    async fn connect(&mut self) -> Result<C, String> {
        (self.connect)().map_err(|error| error.to_string())
    }

    async fn has_tables(&mut self, conn: &mut C) -> Result<bool> {
        poll_ready(exist::<Sql<C::Backend>, _>(&mut BlockingExecutor::new(
            conn,
        )))
    }

    async fn run_once(&mut self, conn: &mut C) -> Result<Option<Duration>> {
        self.resender.run_once(conn)
    }

    fn report(&self, problem: &RelayProblem<'_>) {
        self.resender.models.report(problem);
    }
}

type Sql<DB> = <DB as SupportedBackend>::Sql;
