//! Applies the events of one record, in as few writes as there are runs of consecutive versions.

use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::error::{Conflict, Result};
use crate::executor::Executor;
use crate::model::{DependentModel, Gap, Guard};
use crate::operation::closure::NoHook;
use crate::operation::replica::advance::follow;
use crate::operation::replica::apply::apply_one;
use crate::operation::replica::apply_all::{Outcomes, Placed};
use crate::operation::replica::incoming::{Incoming, Reached, target};
use crate::operation::replica::parked::follow_up;
use crate::operation::replica::positions::{self, Advanced};
use crate::operation::replica::step::{advance, remove, write};
use crate::operation::transaction::Level;
use crate::outcome::Outcome;
use crate::statement::{Advance, Position};

/// Applies the events of one record, which are ordered by version.
pub(crate) async fn apply_record<M, C>(
    record: &[Placed<'_, M>],
    level: Level,
    outcomes: &mut Outcomes,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    // Where the replica is, once it is known.
    let mut current = None;
    let mut rest = record;
    while let Some(((place, first), behind)) = rest.split_first() {
        if let Some(refused) = refused(first, current) {
            outcomes.set(*place, refused);
            rest = behind;
            continue;
        }
        let (run, behind_run) = rest.split_at(run_length(rest));
        if run.len() > 1 {
            if let Some(last) = apply_run(run, level, conn).await? {
                for (place, _) in run {
                    outcomes.set(*place, Outcome::Applied);
                }
                current = Some(last);
                rest = behind_run;
                continue;
            }
        }
        let outcome = apply_first(first, level, conn).await?;
        current = match outcome {
            // Parked events may have followed.
            Outcome::Applied if M::GAP == Gap::Park => None,
            Outcome::Applied => Some(first.reaches()),
            Outcome::Duplicate { current } | Outcome::Gap { current, .. } => {
                Some(Reached::at(current))
            }
            Outcome::Parked => None,
        };
        outcomes.set(*place, outcome);
        rest = behind;
    }
    Ok(())
}

/// The outcome of an event that may not follow the current version, if that is known. An event that
/// must be parked needs statements.
fn refused<M: DependentModel>(
    incoming: &Incoming<'_, M>,
    current: Option<Reached>,
) -> Option<Outcome> {
    if current.is_none() || incoming.follows(current) {
        return None;
    }
    let outcome = incoming.refused(current);
    let is_parked = M::GAP == Gap::Park && matches!(outcome, Outcome::Gap { .. });
    (!is_parked).then_some(outcome)
}

/// The length of the run at the beginning, in which each event may follow the one before it.
fn run_length<M: DependentModel>(events: &[Placed<'_, M>]) -> usize {
    if M::GUARD == Guard::Row {
        return 1;
    }
    let follows = |pair: &&[Placed<'_, M>]| match pair {
        [(_, one), (_, two)] => two.follows(Some(one.reaches())),
        _ => false,
    };
    1 + events.windows(2).take_while(follows).count()
}

/// Applies a run of consecutive events as one write, that of the last one, and returns what it
/// reaches. Returns `None` if the first event may not be applied.
async fn apply_run<M, C>(
    run: &[Placed<'_, M>],
    level: Level,
    conn: &mut C,
) -> Result<Option<Reached>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let (Some((_, first)), Some(((_, last), before))) = (run.first(), run.split_last()) else {
        return Ok(None);
    };
    let dialect = conn.dialect::<M::Sql>().await?;
    let advanced = advance(first, dialect, level, conn).await?;
    if advanced == Advanced::Not {
        return Ok(None);
    }
    let from = first.event.version;
    if last.reaches() != first.reaches() {
        let position = Position {
            oldest: from,
            newest: from,
            ..last.position()
        };
        let moved = positions::run::<Advance, M::Sql, C>(position, conn).await;
        if moved.map_err(|error| last.failed(error))? == 0 {
            return Err(Conflict::unwritten(target::<M>(&last.event.key), None).into());
        }
    }
    // A record that is created again begins with a new row.
    if let Some(id) = before.iter().rev().find_map(|(_, event)| event.removes()) {
        remove::<M, C>(&last.event.key, id, conn).await?;
    }
    write(last, advanced, dialect, conn).await?;
    if M::GAP == Gap::Park {
        follow_up(last, dialect, conn, &mut NoHook).await?;
    }
    Ok(Some(last.reaches()))
}

/// Applies one event. On MySQL, position and row are one statement where that locks no gaps.
async fn apply_first<M, C>(
    incoming: &Incoming<'_, M>,
    level: Level,
    conn: &mut C,
) -> Result<Outcome>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let dialect = conn.dialect::<M::Sql>().await?;
    let is_one_statement =
        dialect == Dialect::Mysql && M::GUARD == Guard::Position && M::GAP == Gap::Nack;
    if is_one_statement && level == Level::ReadCommitted {
        if let Some(outcome) = follow(incoming, dialect, conn).await? {
            return Ok(outcome);
        }
    }
    apply_one(incoming, level, conn, &mut NoHook).await
}
