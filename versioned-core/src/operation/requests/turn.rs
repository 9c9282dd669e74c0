//! A turn of an executor: it locks an open request, does a step of it, and writes the results, in
//! one transaction. A crash leaves nothing half done, and the lock is the claim: two executors never
//! have the same request.

use std::time::Duration;

use super::{on, run, shown};
use crate::dialect::{Dialect, SqlFor};
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::request::{Progress, Request, RequestKind, RequestState, Terms};
use crate::statement::{
    AdvanceRequest, ClaimRequest, CountTables, FirstDue, Requests, TouchRequest,
};

/// The pause if another executor has the request.
const TAKEN: Duration = Duration::from_millis(100);
/// The largest number of letters or records of a step.
const LARGEST: u64 = 100;

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// No request is open.
    Idle,
    /// The next one is due after this time.
    DueIn(Duration),
    Worked,
}

/// A request that this transaction has locked.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) request: Request,
    pub(crate) terms: Terms,
    pub(crate) progress: Progress,
}

impl Claimed {
    /// The number of letters or records for the next step: one until the canary is through, and no
    /// more than a tenth of a second's.
    pub(crate) fn step(&self) -> u64 {
        let counts = &self.progress.counts;
        if counts.applied + counts.queued + counts.deletions_queued < self.terms.canary {
            return 1;
        }
        let paced = self.terms.rate.map(|rate| u64::from(rate) / 10);
        paced.unwrap_or(LARGEST).clamp(1, LARGEST)
    }

    fn pause(&self, done: u64) -> i64 {
        let rate = self.terms.rate.map_or(0, u64::from);
        let micros = (done * 1_000_000).checked_div(rate);
        micros.map_or(0, |micros| i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// Returns whether the database has the tables of requests.
pub(crate) async fn exist<F, C>(conn: &mut C) -> Result<bool>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    let found = F::number(conn, on::<CountTables, F>(Requests::default())).await?;
    Ok(found.is_some_and(|tables| tables > 0))
}

/// Returns the time until the first open request of a subject is due.
pub(crate) async fn first_due<F, C>(
    kind: RequestKind,
    replica: &str,
    entity: &str,
    conn: &mut C,
) -> Result<Option<Duration>>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    let due = F::number(conn, on::<FirstDue, F>(of(kind, replica, entity))).await?;
    Ok(due.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0))))
}

/// Begins to write, and locks the first open request of a subject that is due. Returns `None` if
/// another executor has it.
pub(crate) async fn claim<F, C>(
    kind: RequestKind,
    replica: &str,
    entity: &str,
    conn: &mut C,
) -> Result<Option<Claimed>>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    let open = of(kind, replica, entity);
    if conn.dialect::<F>().await? == Dialect::Sqlite {
        run::<TouchRequest, F, C>(open, conn).await?;
    }
    let found = F::requests(conn, on::<ClaimRequest, F>(open)).await?;
    let Some(row) = found.into_iter().next() else {
        return Ok(None);
    };
    let progress = serde_json::from_str(&row.6).map_err(Error::other)?;
    let (request, terms) = shown(row);
    Ok(Some(Claimed {
        request,
        terms,
        progress,
    }))
}

/// What follows if nothing could be claimed.
pub(crate) const fn taken() -> Turn {
    Turn::DueIn(TAKEN)
}

/// Writes how far a request is, after a step with so many results. `stopped` tells why it ends
/// early.
pub(crate) async fn advance<F, C>(
    claimed: &Claimed,
    state: RequestState,
    done: u64,
    stopped: Option<&str>,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    let note = match (state, stopped) {
        (RequestState::Stopped, Some(reason)) => reason,
        _ => "",
    };
    write::<F, C>(claimed, state, claimed.pause(done), note, conn).await
}

/// Leaves a request open for a while, and writes why.
pub(crate) async fn postpone<F, C>(
    claimed: &Claimed,
    pause: Duration,
    note: &str,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    let pause = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
    write::<F, C>(claimed, RequestState::Open, pause, note, conn).await
}

async fn write<F, C>(
    claimed: &Claimed,
    state: RequestState,
    pause: i64,
    note: &str,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    let progress = serde_json::to_string(&claimed.progress).map_err(Error::other)?;
    let request = Requests {
        id: claimed.request.id,
        state: state.name(),
        progress: &progress,
        note,
        pause,
        ..Requests::default()
    };
    run::<AdvanceRequest, F, C>(request, conn).await?;
    Ok(())
}

fn of<'a>(kind: RequestKind, replica: &'a str, entity: &'a str) -> Requests<'a> {
    Requests {
        kind: kind.name(),
        replica,
        entity,
        ..Requests::default()
    }
}
