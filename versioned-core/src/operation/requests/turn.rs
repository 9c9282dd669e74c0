//! A turn of an executor: it locks an open request, does a step of it, and writes the results, in
//! one transaction. A crash leaves nothing half done, and the lock is the claim: two executors never
//! have the same request.

use std::time::{Duration, Instant};

use super::{Subject, on, run, shown};
use crate::counters;
use crate::dialect::{Dialect, SqlFor};
use crate::error::{Error, Result};
use crate::event::duration_of;
use crate::executor::Executor;
use crate::operation::transaction::{Level, RETRY, begin_at, finish, may_retry};
use crate::request::{Counts, Progress, Request, RequestKind, RequestState, Terms};
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
    /// A step was done. These are the results of the request until now.
    Worked(Counts),
}

/// How the requests of one kind are executed.
pub(crate) trait Work<C>: Sync {
    /// Does a step of a request, in the open transaction.
    fn step(&self, claimed: Claimed, conn: &mut C) -> impl Future<Output = Result<Turn>> + Send;
}

/// Executes the open requests of a subject until none is due, or the time is over. Returns the time
/// until the next one is due, or `None` if none is open.
pub(crate) async fn execute<F, C, W>(
    subject: Subject<'_>,
    time: Duration,
    work: &W,
    conn: &mut C,
) -> Result<Option<Duration>>
where
    F: SqlFor<C::Backend> + ?Sized,
    C: Executor,
    W: Work<C>,
{
    let start = Instant::now();
    loop {
        match take_turn::<F, C, W>(subject, work, conn).await? {
            Turn::Idle => return Ok(None),
            Turn::DueIn(pause) => return Ok(Some(pause)),
            Turn::Worked(_) if start.elapsed() >= time => return Ok(Some(Duration::ZERO)),
            Turn::Worked(_) => {}
        }
    }
}

async fn take_turn<F, C, W>(subject: Subject<'_>, work: &W, conn: &mut C) -> Result<Turn>
where
    F: SqlFor<C::Backend> + ?Sized,
    C: Executor,
    W: Work<C>,
{
    // Without a transaction, because there is mostly nothing to do.
    match first_due::<F, C>(subject, conn).await? {
        None => return Ok(Turn::Idle),
        Some(pause) if !pause.is_zero() => return Ok(Turn::DueIn(pause)),
        Some(_) => {}
    }
    let mut retries = RETRY.attempts();
    loop {
        begin_at::<F, C>(Level::ReadCommitted, conn).await?;
        let mut before = Counts::default();
        let done = async {
            match claim::<F, C>(subject, conn).await? {
                None => Ok(Turn::DueIn(TAKEN)),
                Some(claimed) => {
                    before = claimed.progress.counts;
                    work.step(claimed, conn).await
                }
            }
        };
        let done = done.await;
        match finish(done, conn).await {
            Err(lost) if may_retry(&lost, conn) => match retries.next() {
                Some(pause) => conn.sleep(pause).await,
                None => return Err(lost),
            },
            done => {
                if let (Ok(Turn::Worked(after)), RequestKind::Resend) = (&done, subject.kind) {
                    counters::resent(subject.entity, before, *after);
                }
                return done;
            }
        }
    }
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
async fn first_due<F, C>(subject: Subject<'_>, conn: &mut C) -> Result<Option<Duration>>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    let due = F::number(conn, on::<FirstDue, F>(of(subject))).await?;
    Ok(due.map(duration_of))
}

/// Begins to write, and locks the first open request of a subject that is due. Returns `None` if
/// another executor has it.
async fn claim<F, C>(subject: Subject<'_>, conn: &mut C) -> Result<Option<Claimed>>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    let open = of(subject);
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

fn of(subject: Subject<'_>) -> Requests<'_> {
    Requests {
        kind: subject.kind.name(),
        replica: subject.replica,
        entity: subject.entity,
        ..Requests::default()
    }
}
