//! One event, onto the replica: guard, write, the caller's own writes, commit.
//!
//! The rules and the order of the statements were model-checked; what looks like a shortcut here (a single statement
//! for guard and deletion, "is there a tombstone?", a look before the guard) loses events.

use std::time::Duration;

use super::closure::Then;
use super::follow::follow;
use super::incoming::{Incoming, Write, already_taken, not_written, target};
use super::outcome::is_unique_violation;
use super::positions::{self, Advanced, on, run};
use super::row::{insert_or_overtake, overtake, replace_row};
use super::settle::{Level, begin_at, settle};
use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::dialect::Flavor as _;
use crate::error::{Conflict, ConflictKind, Error, Result};
use crate::event::Event;
use crate::executor::Executor;
use crate::model::{Gap, Guard};
use crate::outcome::Outcome;
use crate::retry::Retry;
use crate::statement::{
    Anything, Current, Drop, FindVersion, IsParked, Merge, Park, Position, Record, Remove, Unpark,
};

/// How a deadlock or a serialization failure is retried if the caller has no open transaction. The conflicting
/// transactions have several statements, so the pauses must outgrow one that is slow or stalled. Half a minute of them
/// is more than a loaded machine needs, even where a closure of the caller's keeps the session's SERIALIZABLE.
pub(super) const RETRY: Retry = Retry::times(120).longest(Duration::from_millis(500));

/// Applies an event; `then` runs in the same transaction for each event that was applied, the parked ones that followed
/// it included. `alone` says that it does nothing.
pub(crate) async fn apply<M, X, F>(
    event: &Event<M>,
    alone: bool,
    x: &mut X,
    mut then: F,
) -> Result<Outcome>
where
    X: Executor,
    M: Dependent<X::Backend>,
    F: Then<M, X>,
{
    let incoming = Incoming::check::<X::Backend>(event)?;
    let mut retries = RETRY.attempts();
    let mut level = if alone && M::GAP == Gap::Park {
        Level::to_insert(x.dialect::<M::On>().await?)
    } else {
        Level::OfTheSession
    };
    loop {
        match attempt(&incoming, alone, level, x, &mut then).await {
            Err(lost) if may_retry(&lost, x) => match retries.next() {
                Some(pause) => x.sleep(pause).await,
                None => return Err(lost),
            },
            done => return done,
        }
        // Where a closure of the caller's runs inside, the level is the caller's.
        if alone {
            level = Level::ReadCommitted;
        }
    }
}

/// One try, as a unit.
async fn attempt<M, X, F>(
    incoming: &Incoming<'_, M>,
    alone: bool,
    level: Level,
    x: &mut X,
    then: &mut F,
) -> Result<Outcome>
where
    X: Executor,
    M: Dependent<X::Backend>,
    F: Then<M, X>,
{
    // A guard that is the row itself is one statement, and needs no transaction around it.
    if alone && M::GUARD == Guard::Row {
        return apply_one(incoming, x, then).await;
    }
    // In a transaction of the caller's there is a savepoint around guard and write, whose errors would end all of it on
    // PostgreSQL.
    if alone && M::GAP == Gap::Nack && level == Level::OfTheSession && !x.in_transaction() {
        let dialect = x.dialect::<M::On>().await?;
        if let Some(outcome) = follow(incoming, dialect, x).await? {
            return Ok(outcome);
        }
    }
    begin_at::<M::On, X>(level, x).await?;
    let done = apply_one(incoming, x, then).await;
    settle(done, x).await
}

/// A deadlock or a serialization failure ends the whole transaction: where it is the caller's, the caller must run it
/// again.
pub(super) fn may_retry<X: Executor>(error: &Error, x: &mut X) -> bool {
    error
        .conflict()
        .is_some_and(|conflict| conflict.kind() == ConflictKind::Serialization)
        && !x.in_transaction()
}

pub(super) async fn apply_one<M, X, F>(
    incoming: &Incoming<'_, M>,
    x: &mut X,
    then: &mut F,
) -> Result<Outcome>
where
    X: Executor,
    M: Dependent<X::Backend>,
    F: Then<M, X>,
{
    let dialect = x.dialect::<M::On>().await?;
    if M::GUARD == Guard::Row {
        let outcome = replace_row(incoming, dialect, x).await?;
        if outcome == Outcome::Applied {
            then.then(x, incoming.event).await?;
        }
        return Ok(outcome);
    }
    let mut advanced = advance(incoming, dialect, x).await?;
    if advanced == Advanced::Not {
        let outcome = look(incoming, x).await?;
        if M::GAP == Gap::Nack || !matches!(outcome, Outcome::Gap { .. }) {
            return Ok(outcome);
        }
        // The position is locked before the event is parked: otherwise the one that it waits for could commit in
        // between, and nobody would ever come for it.
        let locked =
            positions::lock::<M, X>(incoming.position(), incoming.nothing, dialect, x).await;
        locked.map_err(|error| incoming.failed(error))?;
        advanced = advance(incoming, dialect, x).await?;
        if advanced == Advanced::Not {
            return match look(incoming, x).await? {
                Outcome::Gap { .. } => park(incoming, x).await,
                outcome => Ok(outcome),
            };
        }
    }
    write(incoming, advanced, dialect, x).await?;
    then.then(x, incoming.event).await?;
    if M::GAP == Gap::Park {
        drain(incoming, dialect, x, then).await?;
    }
    Ok(Outcome::Applied)
}

/// The guard: moves the position onto the event's version, if it is at one that the event may follow.
async fn advance<M, X>(incoming: &Incoming<'_, M>, dialect: Dialect, x: &mut X) -> Result<Advanced>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let moved =
        positions::advance::<M, X>(incoming.position(), incoming.may_be_first(), dialect, x);
    moved.await.map_err(|error| incoming.failed(error))
}

/// Why the guard did not move: the replica is there already, or events are missing.
async fn look<M, X>(incoming: &Incoming<'_, M>, x: &mut X) -> Result<Outcome>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let current = positions::look::<M, X>(incoming.position(), x).await;
    Ok(incoming.refused(current.map_err(|error| incoming.failed(error))?))
}

/// The replica's row, under the guard.
async fn write<M, X>(
    incoming: &Incoming<'_, M>,
    advanced: Advanced,
    dialect: Dialect,
    x: &mut X,
) -> Result<()>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    match &incoming.write {
        Write::Remove(id) => remove(incoming, id, x).await,
        Write::Put(model) => put(incoming, model, advanced, dialect, x).await,
    }
}

async fn put<M, X>(
    incoming: &Incoming<'_, M>,
    model: &M,
    advanced: Advanced,
    dialect: Dialect,
    x: &mut X,
) -> Result<()>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let version = &incoming.version;
    let written = match dialect {
        Dialect::Postgres | Dialect::Sqlite => {
            x.execute(Merge::<Anything, M, _>::new(model, version))
                .await
        }
        Dialect::Mysql if advanced == Advanced::Made => {
            insert_or_overtake::<Anything, M, X>(model, version, x).await
        }
        Dialect::Mysql => overtake::<Anything, M, X>(incoming.event.op, model, version, x).await,
    };
    match written {
        Ok(0) => Err(not_written(&incoming.event.key, model, x).await),
        Ok(_) => Ok(()),
        // A refused INSERT ends no transaction on MySQL and MariaDB.
        Err(taken) if dialect == Dialect::Mysql && is_unique_violation(&taken) => {
            Err(already_taken(&incoming.event.key, model, taken, x).await)
        }
        Err(error) => Err(incoming.failed(error)),
    }
}

async fn remove<M, X>(incoming: &Incoming<'_, M>, id: &M::Id, x: &mut X) -> Result<()>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let removed = x.execute(Remove::<M, _>::new(id)).await;
    if removed.map_err(|error| incoming.failed(error))? > 0 {
        return Ok(());
    }
    // There may be no row of a record that was deleted before the replica heard of it.
    let look = FindVersion::<Current, M, X::Backend>::new(Record::At(id));
    match M::row_version(x, look).await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(Conflict::suppressed(target::<M>(&incoming.event.key), None).into()),
        Err(error) => Err(incoming.failed(error)),
    }
}

/// Keeps the event until the one before it has come. The position is locked.
async fn park<M, X>(incoming: &Incoming<'_, M>, x: &mut X) -> Result<Outcome>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let position = incoming.position();
    let parked = M::On::number(x, on::<IsParked, M, X>(position)).await;
    if parked.map_err(|error| incoming.failed(error))?.is_none() {
        let event = M::park(incoming.event).map_err(Error::other)?;
        // What does not read back would fail the event that it waits for, each time.
        M::unpark(&event).map_err(Error::other)?;
        let position = Position {
            event: &event,
            ..position
        };
        let kept = run::<Park, M, X>(position, x).await;
        kept.map_err(|error| incoming.failed(error))?;
    }
    Ok(Outcome::Parked)
}

/// Applies the parked events that have their turn now, and drops those that are superseded.
async fn drain<M, X, F>(
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
    let mut position = applied.position();
    loop {
        let dropped = run::<Drop, M, X>(position, x).await;
        dropped.map_err(|error| applied.failed(error))?;
        let Some(next) = position.version.checked_add(1) else {
            return Ok(());
        };
        position.version = next;
        let found = M::On::text(x, on::<Unpark, M, X>(position)).await;
        let Some(text) = found.map_err(|error| applied.failed(error))? else {
            return Ok(());
        };
        let event = M::unpark(&text).map_err(Error::other)?;
        let next = Incoming::check::<X::Backend>(&event)?;
        let advanced = advance(&next, dialect, x).await?;
        if advanced == Advanced::Not {
            return Ok(());
        }
        write(&next, advanced, dialect, x).await?;
        then.then(x, &event).await?;
    }
}
