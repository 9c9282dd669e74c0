//! Many events, in one transaction.

use std::collections::HashMap;

use super::apply::{RETRY, apply_one, may_retry};
use super::closure::Nothing;
use super::incoming::{Incoming, Write};
use super::settle::settle;
use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::dialect::Flavor as _;
use crate::error::Result;
use crate::event::Event;
use crate::executor::Executor;
use crate::fetch::Fetch;
use crate::model::{Guard, Policy};
use crate::outcome::Outcome;
use crate::statement::{LookAll, MergeAll, OnPositions, Position, RemoveAll, UpsertAll};

/// How many records one statement is about: with Diesel's largest tables, of 128 columns, 32,000 binds; `SQLite` allows
/// 32,766 and PostgreSQL 65,535.
const CHUNK: usize = 250;

/// Applies events in one transaction, ordered by key and version, so that two who do so never wait for each other in a
/// circle; the outcomes are in the order of `events`.
pub(crate) async fn apply_all<M, X>(events: &[Event<M>], x: &mut X) -> Result<Vec<Outcome>>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let mut incoming = Vec::with_capacity(events.len());
    for (place, event) in events.iter().enumerate() {
        incoming.push((place, Incoming::check(event)?));
    }
    incoming.sort_by(|(_, one), (_, two)| {
        (&one.event.key, one.event.version).cmp(&(&two.event.key, two.event.version))
    });
    let mut retries = RETRY.attempts();
    loop {
        x.begin().await?;
        let done = apply_sorted(&incoming, x).await;
        match settle(done, x).await {
            Err(lost) if may_retry(&lost, x) => match retries.next() {
                Some(pause) => x.sleep(pause).await,
                None => return Err(lost),
            },
            done => return done,
        }
    }
}

type Placed<'e, M> = (usize, Incoming<'e, M>);

async fn apply_sorted<M, X>(incoming: &[Placed<'_, M>], x: &mut X) -> Result<Vec<Outcome>>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let mut outcomes: Vec<(usize, Outcome)> = Vec::with_capacity(incoming.len());
    let together = M::POLICY == Policy::Latest
        && M::GUARD == Guard::Position
        && x.dialect::<M::On>().await? != Dialect::Mysql;
    if together {
        // Of each record only the newest event counts: it has the whole record.
        let newest: Vec<&Placed<'_, M>> = incoming
            .chunk_by(|(_, one), (_, two)| one.event.key == two.event.key)
            .filter_map(<[_]>::last)
            .collect();
        let mut current = HashMap::with_capacity(newest.len());
        for chunk in newest.chunks(CHUNK) {
            apply_chunk(chunk, &mut current, &mut outcomes, x).await?;
        }
        for (place, superseded) in incoming {
            match current.get(superseded.event.key.as_str()) {
                Some((newest, current)) if newest != place => {
                    outcomes.push((*place, Outcome::Duplicate { current: *current }));
                }
                _ => {}
            }
        }
    } else {
        for (place, incoming) in incoming {
            let outcome = apply_one(incoming, x, &mut Nothing).await?;
            outcomes.push((*place, outcome));
        }
    }
    outcomes.sort_unstable_by_key(|(place, _)| *place);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// Applies the newest event of each record of a chunk, in a number of statements that does not depend on the chunk.
async fn apply_chunk<'e, M, X>(
    chunk: &[&Placed<'e, M>],
    current: &mut HashMap<&'e str, (usize, i64)>,
    outcomes: &mut Vec<(usize, Outcome)>,
    x: &mut X,
) -> Result<()>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let Some((_, first)) = chunk.first() else {
        return Ok(());
    };
    let failed = |error| first.failed(error);
    let positions: Vec<Position<'_>> = chunk
        .iter()
        .map(|(_, incoming)| incoming.position())
        .collect();
    let moved = OnPositions::<UpsertAll, <M as Fetch<X::Backend>>::On>::new(&positions);
    let moved: HashMap<String, i64> = M::On::pairs(x, moved)
        .await
        .map_err(failed)?
        .into_iter()
        .collect();

    let applied = || {
        chunk
            .iter()
            .filter(|(_, incoming)| moved.contains_key(&incoming.event.key))
    };
    let put =
        MergeAll::<M, X::Backend>::new(applied().filter_map(
            |(_, incoming)| match &incoming.write {
                Write::Put(model) => Some((*model, &incoming.version)),
                Write::Remove(_) => None,
            },
        ));
    if !put.is_empty() {
        x.execute(put).await.map_err(failed)?;
    }
    let remove =
        RemoveAll::<M, X::Backend>::new(applied().filter_map(
            |(_, incoming)| match &incoming.write {
                Write::Remove(id) => Some(id),
                Write::Put(_) => None,
            },
        ));
    if !remove.is_empty() {
        x.execute(remove).await.map_err(failed)?;
    }

    let behind: Vec<Position<'_>> = positions
        .iter()
        .filter(|position| !moved.contains_key(position.key))
        .copied()
        .collect();
    let mut found = HashMap::new();
    if !behind.is_empty() {
        let look = OnPositions::<LookAll, <M as Fetch<X::Backend>>::On>::new(&behind);
        found.extend(M::On::pairs(x, look).await.map_err(failed)?);
    }
    for (place, incoming) in chunk {
        let key = incoming.event.key.as_str();
        let outcome = if moved.contains_key(key) {
            Outcome::Applied
        } else {
            incoming.refused(found.get(key).copied())
        };
        let at = match outcome {
            Outcome::Duplicate { current } => current,
            _ => incoming.event.version,
        };
        current.insert(key, (*place, at));
        outcomes.push((*place, outcome));
    }
    Ok(())
}
