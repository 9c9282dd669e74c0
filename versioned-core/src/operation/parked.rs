//! Events that came too early: kept until those before them have come, and applied with them.

use super::closure::Then;
use super::incoming::Incoming;
use super::outcome::ends_the_transaction;
use super::positions::{Advanced, on, run};
use super::reason::storable;
use super::step::{advance, write};
use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::dialect::Flavor as _;
use crate::error::{Error, Result};
use crate::event::micros_now;
use crate::executor::Executor;
use crate::outcome::Outcome;
use crate::statement::{Drop, IsParked, Park, Position, Refuse, Unpark};
use crate::trace;

/// Keeps the event until the one before it has come. The position is locked, at the version `current`.
///
/// An event that is kept already and has its turn was refused before: it is tried again, and what waits behind it.
pub(super) async fn park<M, X, F>(
    incoming: &Incoming<'_, M>,
    current: i64,
    dialect: Dialect,
    x: &mut X,
    then: &mut F,
) -> Result<Outcome>
where
    X: Executor,
    M: Dependent<X::Backend>,
    F: Then<M, X>,
{
    let position = incoming.position();
    let parked = M::On::number(x, on::<IsParked, M, X>(position)).await;
    if parked.map_err(|error| incoming.failed(error))?.is_none() {
        let event = incoming.to_park()?;
        let position = Position {
            body: &event,
            at: micros_now(),
            ..position
        };
        let kept = run::<Park, M, X>(position, x).await;
        kept.map_err(|error| incoming.failed(error))?;
    }
    let reached = drain(incoming, current, dialect, x, then).await?;
    if reached < position.version {
        return Ok(Outcome::Parked);
    }
    Ok(Outcome::Applied)
}

/// Drops the kept events that an event which was applied has superseded, and applies those that have their turn now.
pub(super) async fn follow_up<M, X, F>(
    applied: &Incoming<'_, M>,
    dialect: Dialect,
    x: &mut X,
    then: &mut F,
) -> Result<()>
where
    X: Executor,
    M: Dependent<X::Backend>,
    F: Then<M, X>,
{
    let dropped = run::<Drop, M, X>(applied.position(), x).await;
    dropped.map_err(|error| applied.failed(error))?;
    drain(applied, applied.event.version, dialect, x, then)
        .await
        .map(drop)
}

/// Applies the kept events of the record of `incoming` that have their turn, from the version `current` on; the version that is
/// reached. One that cannot be applied stays, and says why.
async fn drain<M, X, F>(
    incoming: &Incoming<'_, M>,
    current: i64,
    dialect: Dialect,
    x: &mut X,
    then: &mut F,
) -> Result<i64>
where
    X: Executor,
    M: Dependent<X::Backend>,
    F: Then<M, X>,
{
    let failed = |error| incoming.failed(error);
    let mut position = Position {
        version: current,
        ..incoming.position()
    };
    while let Some(next) = position.version.checked_add(1) {
        let before = position.version;
        position.version = next;
        let found = M::On::text(x, on::<Unpark, M, X>(position)).await;
        let Some(text) = found.map_err(failed)? else {
            return Ok(before);
        };
        // What it writes is undone if it is refused, and what was applied before it stays.
        x.begin().await?;
        let error = match apply_parked(&text, dialect, x, then).await {
            Ok(applied) => {
                x.commit().await?;
                if !applied {
                    return Ok(before);
                }
                run::<Drop, M, X>(position, x).await.map_err(failed)?;
                continue;
            }
            Err(error) => error,
        };
        let taken_back = x.rollback().await;
        let refused = match error {
            Stopped::Refused(error) if !ends_the_transaction(&error) => error,
            Stopped::Refused(error) | Stopped::Failed(error) => return Err(error),
        };
        // Without its savepoint the transaction is over, whatever the closure made of the deadlock.
        taken_back.map_err(failed)?;
        let reason = refused.to_string();
        trace::parked_event_refused(M::ENTITY, position.key, next, &reason);
        let refused = Position {
            body: &storable(&reason),
            ..position
        };
        run::<Refuse, M, X>(refused, x).await.map_err(failed)?;
        return Ok(before);
    }
    Ok(position.version)
}

/// Why a kept event was not applied.
enum Stopped {
    /// It cannot be: it is no event of this replica, the database does not take its row, or the caller's closure refuses it.
    Refused(Error),
    /// That is not known.
    Failed(Error),
}

/// Applies a kept event; false if the position is not where it expects it.
async fn apply_parked<M, X, F>(
    text: &str,
    dialect: Dialect,
    x: &mut X,
    then: &mut F,
) -> Result<bool, Stopped>
where
    X: Executor,
    M: Dependent<X::Backend>,
    F: Then<M, X>,
{
    let event = M::unpark(text).map_err(|error| Stopped::Refused(Error::other(error)))?;
    let next = Incoming::check::<X::Backend>(&event).map_err(Stopped::Refused)?;
    let advanced = advance(&next, dialect, x).await.map_err(Stopped::Failed)?;
    if advanced == Advanced::Not {
        return Ok(false);
    }
    let written = write(&next, advanced, dialect, x).await;
    written.map_err(Stopped::Refused)?;
    then.then(x, &event).await.map_err(Stopped::Refused)?;
    Ok(true)
}
