//! Events that came too early: kept until those before them have come, and applied with them.

use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::dialect::SqlFor as _;
use crate::error::{Error, Result};
use crate::event::micros_now;
use crate::executor::Executor;
use crate::operation::closure::AfterApply;
use crate::operation::reason::storable;
use crate::operation::replica::incoming::Incoming;
use crate::operation::replica::positions::{Advanced, on, run};
use crate::operation::replica::step::{advance, write};
use crate::operation::row_count::ends_the_transaction;
use crate::outcome::Outcome;
use crate::statement::{Drop, IsParked, Park, Position, Refuse, Unpark};
use crate::trace;

/// Keeps the event until the one before it has come. The position is locked, at the version `current`.
///
/// An event that is kept already and has its turn was refused before: it is tried again, and what waits behind it.
pub(crate) async fn park<M, C, F>(
    incoming: &Incoming<'_, M>,
    current: i64,
    dialect: Dialect,
    conn: &mut C,
    then: &mut F,
) -> Result<Outcome>
where
    C: Executor,
    M: Dependent<C::Backend>,
    F: AfterApply<M, C>,
{
    let position = incoming.position();
    let parked = M::Sql::number(conn, on::<IsParked, M, C>(position)).await;
    if parked.map_err(|error| incoming.failed(error))?.is_none() {
        let event = incoming.to_park()?;
        let position = Position {
            body: &event,
            at: micros_now(),
            ..position
        };
        let kept = run::<Park, M, C>(position, conn).await;
        kept.map_err(|error| incoming.failed(error))?;
    }
    let reached = drain(incoming, current, dialect, conn, then).await?;
    if reached < position.version {
        return Ok(Outcome::Parked);
    }
    Ok(Outcome::Applied)
}

/// Drops the kept events that an event which was applied has superseded, and applies those that have their turn now.
pub(crate) async fn follow_up<M, C, F>(
    applied: &Incoming<'_, M>,
    dialect: Dialect,
    conn: &mut C,
    then: &mut F,
) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
    F: AfterApply<M, C>,
{
    let dropped = run::<Drop, M, C>(applied.position(), conn).await;
    dropped.map_err(|error| applied.failed(error))?;
    drain(applied, applied.event.version, dialect, conn, then)
        .await
        .map(drop)
}

/// Applies the kept events of the record of `incoming` that have their turn, from the version `current` on; the version that is
/// reached. One that cannot be applied stays, and says why.
async fn drain<M, C, F>(
    incoming: &Incoming<'_, M>,
    current: i64,
    dialect: Dialect,
    conn: &mut C,
    then: &mut F,
) -> Result<i64>
where
    C: Executor,
    M: Dependent<C::Backend>,
    F: AfterApply<M, C>,
{
    let failed = |error| incoming.failed(error);
    let mut position = Position {
        version: current,
        ..incoming.position()
    };
    while let Some(next) = position.version.checked_add(1) {
        let before = position.version;
        position.version = next;
        let found = M::Sql::text(conn, on::<Unpark, M, C>(position)).await;
        let Some(text) = found.map_err(failed)? else {
            return Ok(before);
        };
        // What it writes is undone if it is refused, and what was applied before it stays.
        conn.begin().await?;
        let error = match apply_parked(&text, dialect, conn, then).await {
            Ok(applied) => {
                conn.commit().await?;
                if !applied {
                    return Ok(before);
                }
                run::<Drop, M, C>(position, conn).await.map_err(failed)?;
                continue;
            }
            Err(error) => error,
        };
        let taken_back = conn.rollback().await;
        let refused = match error {
            Stopped::Reschedule(error) if !ends_the_transaction(&error) => error,
            Stopped::Reschedule(error) | Stopped::Failed(error) => return Err(error),
        };
        // Without its savepoint the transaction is over, whatever the closure made of the deadlock.
        taken_back.map_err(failed)?;
        let reason = refused.to_string();
        trace::parked_event_refused(M::ENTITY, position.key, next, &reason);
        let refused = Position {
            body: &storable(&reason),
            ..position
        };
        run::<Refuse, M, C>(refused, conn).await.map_err(failed)?;
        return Ok(before);
    }
    Ok(position.version)
}

/// Why a kept event was not applied.
enum Stopped {
    /// It cannot be: it is no event of this replica, the database does not take its row, or the caller's closure refuses it.
    Reschedule(Error),
    /// That is not known.
    Failed(Error),
}

/// Applies a kept event; false if the position is not where it expects it.
async fn apply_parked<M, C, F>(
    text: &str,
    dialect: Dialect,
    conn: &mut C,
    then: &mut F,
) -> Result<bool, Stopped>
where
    C: Executor,
    M: Dependent<C::Backend>,
    F: AfterApply<M, C>,
{
    let event = M::unpark(text).map_err(|error| Stopped::Reschedule(Error::other(error)))?;
    let next = Incoming::check::<C::Backend>(&event).map_err(Stopped::Reschedule)?;
    let advanced = advance(&next, dialect, conn)
        .await
        .map_err(Stopped::Failed)?;
    if advanced == Advanced::Not {
        return Ok(false);
    }
    let written = write(&next, advanced, dialect, conn).await;
    written.map_err(Stopped::Reschedule)?;
    then.then(conn, &event).await.map_err(Stopped::Reschedule)?;
    Ok(true)
}
