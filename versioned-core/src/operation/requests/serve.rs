//! Looks for open resends again and again, for those who have their models.

use std::collections::BTreeMap;
use std::future;
use std::pin::pin;
use std::time::Duration;

use super::{Sql, on, run as run_statement};
use crate::clock::{Clock, Waited, wait};
use crate::dialect::SqlFor as _;
use crate::error::Result;
use crate::executor::Executor;
use crate::outbox::SupportedBackend;
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
#[derive(Debug)]
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
    let (mut due, mut next) = (BTreeMap::new(), None);
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
        let pause = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        if !pause.is_zero() {
            next = [next, Some(pause)].into_iter().flatten().min();
        }
        due.insert(entity, pause);
    }
    Ok(Open { due, next })
}

/// The result of a look.
#[derive(Debug)]
pub(crate) enum Look {
    /// The next request is due after this time. `None` if none is open.
    Next(Option<Duration>),
    NoTables,
    /// It was reported.
    Failed,
}

/// A connection that is replaced after a failure.
pub(crate) trait Line: Send {
    /// Looks once, and executes what is due.
    fn look(&mut self) -> impl Future<Output = Look> + Send;
}

/// Looks again and again until `shutdown` is ready.
pub(crate) async fn run<K, L, S>(clock: &K, every: Duration, mut line: L, shutdown: S)
where
    K: Clock,
    L: Line,
    S: Future,
{
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
