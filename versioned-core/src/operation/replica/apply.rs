//! Applies one event to a replica: guard, write, the caller's own writes, commit.
//!
//! Apparent shortcuts lose events. Examples are one statement for guard and deletion, a check for a
//! tombstone, and a query before the guard. `tests/tests/dependent/explorer.rs` tries the rules in
//! every delivery order. `tests/tests/dependent/scenarios/stress.rs` tests the order of the
//! statements at each isolation level.

use crate::dependent::Dependent;
use crate::error::Result;
use crate::event::{Event, EventError};
use crate::executor::Executor;
use crate::model::{FromJson, Gap, Guard};
use crate::operation::closure::{AfterApply, NoHook};
use crate::operation::replica::advance::follow;
use crate::operation::replica::incoming::Incoming;
use crate::operation::replica::parked::{follow_up, park};
use crate::operation::replica::positions::{self, Advanced};
use crate::operation::replica::row::replace_row;
use crate::operation::replica::step::{advance, look, write};
use crate::operation::transaction::{Level, RETRY, begin_at, finish, may_retry};
use crate::outcome::Outcome;

/// Applies an event, or parks it as `json` if it arrives too early. `then` runs in the same
/// transaction for each applied event, including the parked ones that followed. `alone` states that
/// `then` does nothing.
pub(crate) async fn apply<M, C, F>(
    event: &Event<M>,
    json: Option<&str>,
    alone: bool,
    conn: &mut C,
    mut then: F,
) -> Result<Outcome>
where
    C: Executor,
    M: Dependent<C::Backend>,
    F: AfterApply<M, C>,
{
    let mut incoming = Incoming::check::<C::Backend>(event)?;
    incoming.json = json;
    let mut retries = RETRY.attempts();
    let mut level = if alone && M::GAP == Gap::Park {
        Level::to_insert(conn.dialect::<M::Sql>().await?)
    } else {
        Level::OfTheSession
    };
    loop {
        match attempt(&incoming, alone, level, conn, &mut then).await {
            Err(lost) if may_retry(&lost, conn) => match retries.next() {
                Some(pause) => conn.sleep(pause).await,
                None => return Err(lost),
            },
            done => return done,
        }
        // If a closure of the caller runs inside, the caller chooses the level.
        if alone {
            level = Level::ReadCommitted;
        }
    }
}

/// Parses and applies an event.
pub(crate) async fn apply_json<M, C>(json: &str, conn: &mut C) -> Result<Outcome>
where
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    let event = serde_json::from_str(json).map_err(|error| EventError::Unreadable {
        reason: error.to_string(),
    })?;
    apply::<M, _, _>(&event, Some(json), true, conn, NoHook).await
}

/// Makes one attempt, which is atomic.
async fn attempt<M, C, F>(
    incoming: &Incoming<'_, M>,
    alone: bool,
    level: Level,
    conn: &mut C,
    then: &mut F,
) -> Result<Outcome>
where
    C: Executor,
    M: Dependent<C::Backend>,
    F: AfterApply<M, C>,
{
    // With the row as the guard, guard and write are one statement, which needs no transaction
    // around it.
    if alone && M::GUARD == Guard::Row {
        return apply_one(incoming, Level::OfTheSession, conn, then).await;
    }
    // A caller's transaction needs a savepoint around guard and write, because their errors would
    // abort it on PostgreSQL.
    if alone && M::GAP == Gap::Nack && level == Level::OfTheSession && !conn.in_transaction() {
        let dialect = conn.dialect::<M::Sql>().await?;
        if let Some(outcome) = follow(incoming, dialect, conn).await? {
            return Ok(outcome);
        }
    }
    let effective = level.in_effect(conn);
    begin_at::<M::Sql, C>(level, conn).await?;
    let done = apply_one(incoming, effective, conn, then).await;
    finish(done, conn).await
}

/// Applies an event, in a transaction at this level.
pub(crate) async fn apply_one<M, C, F>(
    incoming: &Incoming<'_, M>,
    level: Level,
    conn: &mut C,
    then: &mut F,
) -> Result<Outcome>
where
    C: Executor,
    M: Dependent<C::Backend>,
    F: AfterApply<M, C>,
{
    let dialect = conn.dialect::<M::Sql>().await?;
    if M::GUARD == Guard::Row {
        let outcome = replace_row(incoming, dialect, conn).await?;
        if outcome == Outcome::Applied {
            then.then(conn, incoming.event).await?;
        }
        return Ok(outcome);
    }
    let mut advanced = advance(incoming, dialect, level, conn).await?;
    if advanced == Advanced::Not {
        let outcome = look(incoming, conn).await?;
        if M::GAP == Gap::Nack || !matches!(outcome, Outcome::Gap { .. }) {
            return Ok(outcome);
        }
        // The position is locked before the event is parked. Otherwise the event that it waits for
        // could commit in between, and nothing would ever apply the parked one.
        let locked =
            positions::lock::<M::Sql, C>(incoming.position(), incoming.nothing, dialect, conn)
                .await;
        locked.map_err(|error| incoming.failed(error))?;
        advanced = advance(incoming, dialect, level, conn).await?;
        if advanced == Advanced::Not {
            return match look(incoming, conn).await? {
                Outcome::Gap { current, .. } => park(incoming, current, dialect, conn, then).await,
                outcome => Ok(outcome),
            };
        }
    }
    write(incoming, advanced, dialect, conn).await?;
    then.then(conn, incoming.event).await?;
    if M::GAP == Gap::Park {
        follow_up(incoming, dialect, conn, then).await?;
    }
    Ok(Outcome::Applied)
}
