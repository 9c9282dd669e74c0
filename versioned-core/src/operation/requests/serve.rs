//! Looks for open resends again and again, for those who have their models.

use std::collections::BTreeMap;
use std::future;
use std::pin::pin;
use std::time::Duration;

use super::{Sql, on, run as run_statement};
use crate::clock::{Clock, Waited, wait};
use crate::dialect::SqlFor as _;
use crate::error::Result;
use crate::event::duration_of;
use crate::executor::Executor;
use crate::outbox::{RelayProblem, SupportedBackend};
use crate::request::RequestKind;
use crate::statement::{NoteRequests, OpenEntities, Requests};

/// The pause between two looks.
pub(crate) const EVERY: Duration = Duration::from_secs(2);
/// The time for the requests of one model before it is the next one's turn.
pub(crate) const TIME: Duration = Duration::from_secs(1);
/// The pause if there are no tables of requests.
const NO_TABLES: Duration = Duration::from_secs(60);
/// The longest pause while the database fails.
const LONGEST: Duration = Duration::from_secs(30);

/// The entities with open resends.
#[derive(Debug, Default)]
pub(crate) struct Open {
    due: BTreeMap<String, Duration>,
    next: Option<Duration>,
}

impl Open {
    /// Returns whether a request of an entity is due.
    pub(crate) fn is_due(&self, entity: &str) -> bool {
        self.due.get(entity).is_some_and(Duration::is_zero)
    }

    /// Notes when the next request of an entity is due.
    pub(crate) fn next_of(&mut self, due: Option<Duration>) {
        self.next = [self.next, due].into_iter().flatten().min();
    }

    /// Returns when the next one is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.next
    }
}

/// Looks for open resends, and writes into those of other entities that nobody here has them.
pub(crate) async fn look<C>(entities: &[&str], conn: &mut C) -> Result<Open>
where
    C: Executor<Backend: SupportedBackend>,
{
    let kind = RequestKind::Resend.name();
    let resends = Requests {
        kind,
        ..Requests::default()
    };
    let found = Sql::<C>::pairs(conn, on::<OpenEntities, Sql<C>>(resends)).await?;
    let mut open = Open::default();
    for (entity, micros) in found {
        if !entities.contains(&entity.as_str()) {
            let note = format!("add the model of `{entity}` to a resender: none that runs has it");
            let unknown = Requests {
                entity: &entity,
                note: &note,
                ..resends
            };
            run_statement::<NoteRequests, Sql<C>, C>(unknown, conn).await?;
            continue;
        }
        let pause = duration_of(micros);
        if !pause.is_zero() {
            open.next_of(Some(pause));
        }
        open.due.insert(entity, pause);
    }
    Ok(open)
}

/// The result of a look.
#[derive(Debug)]
enum Look {
    /// The next request is due after this time. `None` if none is open.
    Next(Option<Duration>),
    NoTables,
    /// It was reported.
    Failed,
}

/// Who executes requests: with which models, and on which connections.
pub(crate) trait Service: Send {
    type Conn: Send;

    /// Opens a connection.
    fn connect(&mut self) -> impl Future<Output = Result<Self::Conn, String>> + Send;

    /// Returns whether the database has the tables of requests.
    fn has_tables(&mut self, conn: &mut Self::Conn) -> impl Future<Output = Result<bool>> + Send;

    /// Looks once, and executes what is due. Returns the time until the next request is due.
    fn run_once(
        &mut self,
        conn: &mut Self::Conn,
    ) -> impl Future<Output = Result<Option<Duration>>> + Send;

    fn report(&self, problem: &RelayProblem<'_>);
}

/// A service with its connection, which is replaced after a failure.
struct Line<S: Service> {
    service: S,
    conn: Option<S::Conn>,
    has_tables: bool,
}

impl<S: Service> Line<S> {
    async fn look(&mut self) -> Look {
        let connected = match self.conn.take() {
            Some(conn) => Ok(conn),
            None => self.service.connect().await,
        };
        let mut conn = match connected {
            Ok(conn) => conn,
            Err(error) => {
                self.service.report(&RelayProblem::NotConnected(&error));
                return Look::Failed;
            }
        };
        match self.look_on(&mut conn).await {
            Ok(look) => {
                self.conn = Some(conn);
                look
            }
            Err(error) => {
                self.service.report(&RelayProblem::Failed(&error));
                Look::Failed
            }
        }
    }

    async fn look_on(&mut self, conn: &mut S::Conn) -> Result<Look> {
        self.has_tables = self.has_tables || self.service.has_tables(conn).await?;
        if !self.has_tables {
            return Ok(Look::NoTables);
        }
        self.service.run_once(conn).await.map(Look::Next)
    }
}

/// Looks again and again until `shutdown` is ready.
pub(crate) async fn run<K, S, D>(clock: &K, every: Duration, service: S, shutdown: D)
where
    K: Clock,
    S: Service,
    D: Future,
{
    let mut line = Line {
        service,
        conn: None,
        has_tables: false,
    };
    let mut shutdown = pin!(shutdown);
    let (mut pause, mut away) = (Duration::ZERO, every);
    while wait(clock, pause, &mut shutdown, future::pending::<()>()).await != Waited::Stopped {
        pause = match line.look().await {
            Look::Next(due) => {
                away = every;
                due.map_or(every, |due| due.min(every))
            }
            Look::NoTables => NO_TABLES,
            Look::Failed => {
                let pause = away;
                away = away.saturating_mul(2).min(LONGEST.max(every));
                pause
            }
        };
    }
}
