//! Applies many events in one transaction.
//!
//! The events of one record become one write, of the last event that applies. On PostgreSQL, the
//! records of a batch become one write too (`sets.rs`).

mod record;
mod sets;

use self::record::apply_record;
use self::sets::apply_sets;
use diesel::backend::Backend;

use crate::dependent::Dependent;
use crate::dialect::{Dialect, SqlFor};
use crate::error::{Error, Result};
use crate::event::{Event, Op};
use crate::executor::Executor;
use crate::loadable::Loadable;
use crate::model::{DependentModel, Guard, Policy};
use crate::operation::closure::NoHook;
use crate::operation::replica::apply::apply_one;
use crate::operation::replica::incoming::Incoming;
use crate::operation::row_count::is_unique_violation;
use crate::operation::transaction::{Level, RETRY, begin_at, finish, may_retry};
use crate::outcome::Outcome;

/// An event, and its index in the caller's slice.
type Placed<'e, M> = (usize, Incoming<'e, M>);

/// The order in which the records of a batch are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// By key, so that concurrent batches never deadlock.
    ByKey,
    /// As the caller gave them, event by event. Two records may have swapped a unique value.
    AsGiven,
}

/// Applies events in one transaction. `json` has the events as received, if that is known. Returns
/// the outcomes in the order of `events`.
pub(crate) async fn apply_all<M, C>(
    events: &[Event<M>],
    json: &[Option<&str>],
    conn: &mut C,
) -> Result<Vec<Outcome>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let incoming = in_turn(events, json)?;
    let mut retries = RETRY.attempts();
    let mut level = Level::to_insert(conn.dialect::<M::Sql>().await?);
    let mut order = Order::ByKey;
    loop {
        let effective = level.in_effect(conn);
        begin_at::<M::Sql, C>(level, conn).await?;
        let done = match order {
            Order::ByKey => apply_by_key(&incoming, effective, conn).await,
            Order::AsGiven => apply_as_given(&incoming, effective, conn).await,
        };
        match finish(done, conn).await {
            Err(lost) if may_retry(&lost, conn) => match retries.next() {
                Some(pause) => conn.sleep(pause).await,
                None => return Err(lost),
            },
            Err(Error::Database(taken))
                if order == Order::ByKey && incoming.len() > 1 && is_unique_violation(&taken) =>
            {
                order = Order::AsGiven;
            }
            done => return done,
        }
        level = Level::ReadCommitted;
    }
}

/// Checks the events, and puts them in the order of their keys and turns.
fn in_turn<'e, M, DB>(
    events: &'e [Event<M>],
    json: &[Option<&'e str>],
) -> Result<Vec<Placed<'e, M>>>
where
    M: Dependent<DB>,
    DB: Backend,
{
    let mut checked = Vec::with_capacity(events.len());
    // Of a type without the model: a sort is long, and is compiled once for all models.
    let mut order: Vec<(&str, i64, bool, bool, usize)> = Vec::with_capacity(events.len());
    for (place, event) in events.iter().enumerate() {
        let mut incoming = Incoming::check::<DB>(event)?;
        incoming.json = json.get(place).copied().flatten();
        // A snapshot may repeat the version of another event. An event supersedes a deletion that
        // has its turn.
        let (is_own, is_snapshot) = (!incoming.is_derived(), event.op == Op::Snapshot);
        order.push((&event.key, event.turn(), is_own, is_snapshot, place));
        checked.push(Some(incoming));
    }
    order.sort_unstable();
    Ok(order
        .into_iter()
        .filter_map(|(.., place)| Some((place, checked.get_mut(place)?.take()?)))
        .collect())
}

/// Applies the events record by record.
async fn apply_by_key<M, C>(
    incoming: &[Placed<'_, M>],
    level: Level,
    conn: &mut C,
) -> Result<Vec<Outcome>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let mut outcomes = Outcomes::of(incoming.len());
    // Each event is the whole record, so that only the newest one counts.
    let relevant = records(incoming).map(|record| match M::POLICY {
        Policy::Latest => record.get(record.len() - 1..).unwrap_or(record),
        Policy::Sequential => record,
    });
    let known = <<M as Loadable<C::Backend>>::Sql as SqlFor<C::Backend>>::KNOWN;
    if known == Some(Dialect::Postgres) && M::GUARD == Guard::Position {
        let relevant: Vec<_> = relevant.collect();
        apply_sets(&relevant, level, &mut outcomes, conn).await?;
    } else {
        for record in relevant {
            apply_record(record, level, &mut outcomes, conn).await?;
        }
    }
    if M::POLICY == Policy::Latest {
        for record in records(incoming) {
            outcomes.supersede(record);
        }
    }
    Ok(outcomes.in_order())
}

/// Applies event by event. The events of one record take the places of that record's events, in
/// the order of their versions.
async fn apply_as_given<M, C>(
    incoming: &[Placed<'_, M>],
    level: Level,
    conn: &mut C,
) -> Result<Vec<Outcome>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let mut turns = vec![None; incoming.len()];
    for record in records(incoming) {
        let mut places: Vec<usize> = record.iter().map(|(place, _)| *place).collect();
        places.sort_unstable();
        for (turn, placed) in places.into_iter().zip(record) {
            if let Some(turn) = turns.get_mut(turn) {
                *turn = Some(placed);
            }
        }
    }
    let mut outcomes = Outcomes::of(incoming.len());
    for (place, incoming) in turns.into_iter().flatten() {
        let outcome = apply_one(incoming, level, conn, &mut NoHook).await?;
        outcomes.set(*place, outcome);
    }
    Ok(outcomes.in_order())
}

/// The events of each record.
fn records<'i, 'e, M: DependentModel>(
    incoming: &'i [Placed<'e, M>],
) -> impl Iterator<Item = &'i [Placed<'e, M>]> {
    incoming.chunk_by(|(_, one), (_, two)| one.event.key == two.event.key)
}

/// The outcomes of a batch, by the indices of the events.
struct Outcomes(Vec<Option<Outcome>>);

impl Outcomes {
    fn of(events: usize) -> Self {
        Self(vec![None; events])
    }

    fn set(&mut self, place: usize, outcome: Outcome) {
        if let Some(own) = self.0.get_mut(place) {
            *own = Some(outcome);
        }
    }

    fn set_all<M: DependentModel>(&mut self, record: &[Placed<'_, M>], outcomes: Vec<Outcome>) {
        for ((place, _), outcome) in record.iter().zip(outcomes) {
            self.set(*place, outcome);
        }
    }

    /// The events before the newest one of a record are duplicates.
    fn supersede<M: DependentModel>(&mut self, record: &[Placed<'_, M>]) {
        let Some(((newest, incoming), superseded)) = record.split_last() else {
            return;
        };
        let current = match self.0.get(*newest) {
            Some(Some(Outcome::Duplicate { current })) => *current,
            _ => incoming.event.version,
        };
        for (place, _) in superseded {
            self.set(*place, Outcome::Duplicate { current });
        }
    }

    fn in_order(self) -> Vec<Outcome> {
        self.0.into_iter().flatten().collect()
    }
}
