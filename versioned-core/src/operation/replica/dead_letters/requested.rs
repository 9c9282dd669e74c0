//! Executes the requests of a replica: redrives, and records to forget.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::time::Duration;

use super::{again, message_of, reason_of, run as run_letter};
use crate::dependent::Dependent;
use crate::dialect::{Item, Letter, SqlFor as _};
use crate::error::Result;
use crate::executor::Executor;
use crate::format::Reading;
use crate::model::{FromJson, Gap};
use crate::operation::replica::current::version_of;
use crate::operation::replica::forget::forget_key;
use crate::operation::replica::positions::on as on_position;
use crate::operation::requests::turn::{self, Claimed, Turn, Work, advance};
use crate::operation::requests::{Subject, on, run};
use crate::operation::row_count::ends_the_transaction;
use crate::operation::transaction::finish;
use crate::outcome::Outcome;
use crate::request::{ItemOutcome, RequestKind, RequestState};
use crate::statement::{
    DiscardEach, FirstOpen, Letters, LettersOf, Look, OpenOfRecord, Position, Requests, Retried,
    SettleEach, SettleItem, Unpark,
};

/// Executes the open requests of a replica: see [`turn::execute`].
pub(crate) async fn execute<M, C>(
    time: Duration,
    reading: Reading<'_>,
    conn: &mut C,
) -> Result<Option<Duration>>
where
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    let redrives = Subject {
        kind: RequestKind::Redrive,
        replica: M::replica(),
        entity: M::ENTITY,
    };
    let forgets = Subject {
        kind: RequestKind::Forget,
        ..redrives
    };
    let work = Redrives::<M> {
        reading,
        model: PhantomData,
    };
    let forgotten =
        turn::execute::<M::Sql, C, _>(forgets, time, &Forgets(work.model), conn).await?;
    let applied = turn::execute::<M::Sql, C, _>(redrives, time, &work, conn).await?;
    Ok([forgotten, applied].into_iter().flatten().min())
}

/// The requests to forget records of a replica.
struct Forgets<M>(PhantomData<fn() -> M>);

impl<M, C> Work<C> for Forgets<M>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    /// Forgets one record, so that a step locks the rows of one.
    async fn step(&self, mut claimed: Claimed, conn: &mut C) -> Result<Turn> {
        let first = Requests {
            id: claimed.request.id,
            item: claimed.progress.place,
            limit: 1,
            ..Requests::default()
        };
        let found = M::Sql::items(conn, on::<FirstOpen, M::Sql>(first)).await?;
        let Some((item, key, ..)) = found.into_iter().next() else {
            advance::<M::Sql, C>(&claimed, RequestState::Done, 0, None, conn).await?;
            return Ok(Turn::Worked(claimed.progress.counts));
        };
        let (outcome, error) = match forget_key::<M, C>(&key, conn).await {
            Ok(()) => (ItemOutcome::Forgotten, None),
            Err(error) if ends_the_transaction(&error) => return Err(error),
            Err(error) => (ItemOutcome::Failed, Some(reason_of(&error))),
        };
        let error = error.as_deref().unwrap_or_default();
        let settled = Requests {
            item,
            outcome: outcome.name(),
            error,
            ..first
        };
        run::<SettleItem, M::Sql, C>(settled, conn).await?;
        claimed.progress.place = item;
        let stopped = claimed.progress.count(outcome, &claimed.terms);
        let stopped = stopped.map(|reason| format!("{reason}: record {key}: {error}"));
        let state = claimed.progress.state(stopped.is_some(), &claimed.terms);
        advance::<M::Sql, C>(&claimed, state, 1, stopped.as_deref(), conn).await?;
        Ok(Turn::Worked(claimed.progress.counts))
    }
}

/// The redrives of a replica.
struct Redrives<'r, M> {
    reading: Reading<'r>,
    model: PhantomData<fn() -> M>,
}

impl<M, C> Work<C> for Redrives<'_, M>
where
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    async fn step(&self, claimed: Claimed, conn: &mut C) -> Result<Turn> {
        step::<M, C>(claimed, self.reading, conn).await
    }
}

/// The results of a step.
#[derive(Debug, Default)]
struct Results {
    /// The letters that are deleted.
    gone: Vec<i64>,
    by_outcome: HashMap<&'static str, Vec<i64>>,
    number: u64,
    stopped: Option<String>,
}

/// Applies some letters of one record, the lowest version first.
async fn step<M, C>(mut claimed: Claimed, reading: Reading<'_>, conn: &mut C) -> Result<Turn>
where
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    let items = next_items::<M, C>(&mut claimed, conn).await?;
    let ids: Vec<i64> = items.iter().map(|(item, ..)| *item).collect();
    let letters = LettersOf::<M::Sql> {
        replica: M::replica(),
        entity: M::ENTITY,
        key: items.first().map_or("", |(_, key, ..)| key),
        ids: &ids,
        flavor: PhantomData,
    };
    let mut letters: HashMap<i64, Letter> = if ids.is_empty() {
        HashMap::new()
    } else {
        let found = M::Sql::letters(conn, letters).await?;
        found.into_iter().map(|letter| (letter.0, letter)).collect()
    };
    let mut results = Results::default();
    for item in items {
        let letter = letters.remove(&item.0);
        let (outcome, is_gone, error) = match letter {
            Some(letter) => try_letter::<M, C>(letter, reading, conn).await?,
            None => (without_letter::<M, C>(&item, conn).await?, false, None),
        };
        results.number += 1;
        if is_gone {
            results.gone.push(item.0);
        }
        if let Some(error) = &error {
            let failed = Requests {
                id: claimed.request.id,
                item: item.0,
                outcome: outcome.name(),
                error,
                ..Requests::default()
            };
            run::<SettleItem, M::Sql, C>(failed, conn).await?;
        } else {
            let settled = results.by_outcome.entry(outcome.name()).or_default();
            settled.push(item.0);
        }
        if let Some(reason) = claimed.progress.count(outcome, &claimed.terms) {
            let error = error.unwrap_or_default();
            results.stopped = Some(format!("{reason}: letter {}: {error}", item.0));
            break;
        }
    }
    write::<M, C>(&claimed, &results, conn).await?;
    Ok(Turn::Worked(claimed.progress.counts))
}

/// Returns the letters of the next step, which are of one record.
async fn next_items<M, C>(claimed: &mut Claimed, conn: &mut C) -> Result<Vec<Item>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let first = Requests {
        id: claimed.request.id,
        item: claimed.progress.place,
        limit: 1,
        ..Requests::default()
    };
    let mut found = M::Sql::items(conn, on::<FirstOpen, M::Sql>(first)).await?;
    let Some((place, key, ..)) = found.first() else {
        return Ok(found);
    };
    claimed.progress.place = *place;
    if !key.is_empty() {
        let of_record = Requests {
            key: &key.clone(),
            limit: i64::try_from(claimed.step()).unwrap_or(1),
            ..first
        };
        found = M::Sql::items(conn, on::<OpenOfRecord, M::Sql>(of_record)).await?;
    }
    Ok(found)
}

/// Applies a letter. Returns also whether the letter is not needed any more, and the error.
async fn try_letter<M, C>(
    letter: Letter,
    reading: Reading<'_>,
    conn: &mut C,
) -> Result<(ItemOutcome, bool, Option<String>)>
where
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    let key = letter.1.clone();
    let values = Letters {
        key: &key,
        version: letter.2,
        id: letter.0,
        ..Letters::of::<M, C::Backend>()
    };
    conn.begin().await?;
    let done = again::<M, C>(values, &message_of(letter), reading, conn).await;
    match finish(done, conn).await {
        Ok(Outcome::Gap { .. }) => Ok((ItemOutcome::Waiting, false, None)),
        Ok(Outcome::Parked) => Ok((ItemOutcome::Waiting, true, None)),
        // `forget` has moved the position to the end.
        Ok(Outcome::Duplicate { current: i64::MAX }) => Ok((ItemOutcome::Forgotten, true, None)),
        Ok(Outcome::Duplicate { .. }) => Ok((ItemOutcome::Superseded, true, None)),
        Ok(_) => Ok((ItemOutcome::Applied, true, None)),
        Err(error) if ends_the_transaction(&error) => Err(error),
        Err(error) => {
            let reason = reason_of(&error);
            let refused = Letters {
                reason: &reason,
                ..values
            };
            // It fails too if the connection is gone.
            run_letter::<Retried, M, C>(refused, conn).await?;
            Ok((ItemOutcome::Failed, false, Some(reason)))
        }
    }
}

/// Returns what became of a letter that does not exist any more.
async fn without_letter<M, C>(item: &Item, conn: &mut C) -> Result<ItemOutcome>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let (_, key, version, ..) = item;
    if key.is_empty() {
        return Ok(ItemOutcome::Forgotten);
    }
    match version_of::<Look, M, C>(key, conn).await? {
        Some(i64::MAX) => return Ok(ItemOutcome::Forgotten),
        Some(current) if current >= *version => return Ok(ItemOutcome::Superseded),
        _ => {}
    }
    if M::GAP == Gap::Park {
        let position = Position {
            key,
            version: *version,
            ..Position::of::<M, C::Backend>()
        };
        let parked = M::Sql::text(conn, on_position::<Unpark, M::Sql, C>(position)).await?;
        if parked.is_some() {
            return Ok(ItemOutcome::Waiting);
        }
    }
    Ok(ItemOutcome::Forgotten)
}

/// Writes the results of a step.
async fn write<M, C>(claimed: &Claimed, results: &Results, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let flavor = PhantomData;
    if !results.gone.is_empty() {
        let gone = DiscardEach::<M::Sql> {
            replica: M::replica(),
            entity: M::ENTITY,
            ids: &results.gone,
            flavor,
        };
        conn.execute(gone).await?;
    }
    for (outcome, items) in &results.by_outcome {
        let settled = SettleEach::<M::Sql> {
            request: claimed.request.id,
            outcome,
            items,
            flavor,
        };
        conn.execute(settled).await?;
    }
    let state = if results.number == 0 {
        RequestState::Done
    } else {
        let is_stopped = results.stopped.is_some();
        claimed.progress.state(is_stopped, &claimed.terms)
    };
    let stopped = results.stopped.as_deref();
    advance::<M::Sql, C>(claimed, state, results.number, stopped, conn).await
}
