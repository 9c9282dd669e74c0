//! Parked events: they arrived too early, are stored until the events before them have arrived, and
//! are applied with them.

use serde::Deserialize;

use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::dialect::SqlFor as _;
use crate::error::{Error, Result};
use crate::event::Op;
use crate::executor::Executor;
use crate::operation::closure::AfterApply;
use crate::operation::reason::storable;
use crate::operation::replica::incoming::Incoming;
use crate::operation::replica::positions::{Advanced, on, run};
use crate::operation::replica::step::{advance, write};
use crate::operation::row_count::ends_the_transaction;
use crate::operation::transaction::Level;
use crate::outcome::Outcome;
use crate::statement::{Drop, Park, Position, Refuse, Repark, Unpark};
use crate::trace;

/// Parks the event until the one before it has arrived. The position is locked, at the version
/// `current`.
///
/// An event that is parked already and is next in order was rejected before. It is retried, and so
/// are the events behind it.
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
    let failed = |error| incoming.failed(error);
    let turn = incoming.event.turn();
    let position = Position {
        version: turn,
        ..incoming.position()
    };
    let parked = M::Sql::text(conn, on::<Unpark, M::Sql, C>(position)).await;
    let parked = parked.map_err(failed)?;
    // An event supersedes a deletion that has the same turn.
    let is_superseded = |parked: &str| is_derived(parked) && !incoming.is_derived();
    if parked.as_deref().is_none_or(is_superseded) {
        let event = incoming.to_park()?;
        let position = Position {
            body: &event,
            ..position
        };
        let kept = match parked {
            None => run::<Park, M::Sql, C>(position, conn).await,
            Some(_) => run::<Repark, M::Sql, C>(position, conn).await,
        };
        kept.map_err(failed)?;
    }
    if drain(incoming, current, dialect, conn, then).await? < turn {
        return Ok(Outcome::Parked);
    }
    Ok(Outcome::Applied)
}

/// Returns whether a parked event is a deletion without a version of its own.
fn is_derived(event: &str) -> bool {
    #[derive(Deserialize)]
    struct OfOp {
        op: Op,
    }
    serde_json::from_str::<OfOp>(event).is_ok_and(|event| event.op == Op::DeletedAt)
}

/// Drops the parked events that an applied event has superseded, and applies those that are next in
/// order.
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
    let dropped = run::<Drop, M::Sql, C>(applied.position(), conn).await;
    dropped.map_err(|error| applied.failed(error))?;
    drain(applied, applied.event.version, dialect, conn, then)
        .await
        .map(drop)
}

/// Applies the parked events of the record that are next in order after the version `current`.
/// Returns the turn of the last one. An event that cannot be applied stays parked, with the reason.
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
    let (mut current, mut done) = (current, current);
    while let Some(next) = current.checked_add(1) {
        let position = Position {
            version: next,
            ..incoming.position()
        };
        let found = M::Sql::text(conn, on::<Unpark, M::Sql, C>(position)).await;
        let Some(text) = found.map_err(failed)? else {
            return Ok(done);
        };
        // The writes of a rejected event are undone, and the events applied before it stay.
        conn.begin().await?;
        let error = match apply_parked(&text, dialect, conn, then).await {
            Ok(applied) => {
                conn.commit().await?;
                let Some(reached) = applied else {
                    return Ok(done);
                };
                (current, done) = (reached, next);
                run::<Drop, M::Sql, C>(position, conn)
                    .await
                    .map_err(failed)?;
                continue;
            }
            Err(error) => error,
        };
        let taken_back = conn.rollback().await;
        let refused = match error {
            Stopped::Refused(error) if !ends_the_transaction(&error) => error,
            Stopped::Refused(error) | Stopped::Failed(error) => return Err(error),
        };
        // Without its savepoint the transaction is over, whatever error the closure returned for a
        // deadlock.
        taken_back.map_err(failed)?;
        let reason = refused.to_string();
        trace::parked_event_refused(M::ENTITY, position.key, next, &reason);
        let refused = Position {
            body: &storable(&reason),
            ..position
        };
        run::<Refuse, M::Sql, C>(refused, conn)
            .await
            .map_err(failed)?;
        return Ok(done);
    }
    Ok(done)
}

/// Why a parked event was not applied.
enum Stopped {
    /// The event was rejected. It is not an event of this replica, the database rejects its row, or
    /// the caller's closure does.
    Refused(Error),
    /// The guard failed, so it is unknown whether the event can be applied.
    Failed(Error),
}

/// Applies a parked event, and returns the version reached. Returns `None` if the position is not at
/// a version that the event may follow.
async fn apply_parked<M, C, F>(
    text: &str,
    dialect: Dialect,
    conn: &mut C,
    then: &mut F,
) -> Result<Option<i64>, Stopped>
where
    C: Executor,
    M: Dependent<C::Backend>,
    F: AfterApply<M, C>,
{
    let event = M::unpark(text).map_err(|error| Stopped::Refused(Error::other(error)))?;
    let next = Incoming::check::<C::Backend>(&event).map_err(Stopped::Refused)?;
    let advanced = advance(&next, dialect, Level::OfTheSession, conn)
        .await
        .map_err(Stopped::Failed)?;
    if advanced == Advanced::Not {
        // The record is deleted at its version already.
        return Ok(next.is_derived().then_some(event.version));
    }
    let written = write(&next, advanced, dialect, conn).await;
    written.map_err(Stopped::Refused)?;
    then.then(conn, &event).await.map_err(Stopped::Refused)?;
    Ok(Some(event.version))
}
