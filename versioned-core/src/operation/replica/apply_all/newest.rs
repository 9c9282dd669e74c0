//! Applies events that each contain the whole record, so that only the newest event of a record
//! counts.

use std::collections::HashMap;

use diesel::result::Error as DieselError;

use crate::dependent::Dependent;
use crate::dialect::NoArray;
use crate::dialect::{Dialect, SqlFor};
use crate::error::{Error, Result, is_serialization_failure};
use crate::event::Op;
use crate::executor::Executor;
use crate::loadable::Loadable;
use crate::model::{DependentModel, Guard, WriteKind};
use crate::operation::closure::NoHook;
use crate::operation::replica::apply::apply_one;
use crate::operation::replica::apply_all::Placed;
use crate::operation::replica::incoming::{Write, failed_event, not_written};
use crate::operation::replica::step::remove;
use crate::operation::transaction::finish;
use crate::outcome::Outcome;
use crate::statement::{
    Anything, BatchRows, Counted, Keys, LookAll, Merge, MergeAll, Positions, Removed, RowsOf,
    UpsertAll,
};

/// The number of records in one statement, on PostgreSQL. All values of a statement are held in
/// memory.
const CHUNK: usize = 2_000;

/// Applies the newest event of each record. The others are then duplicates. The events must be
/// ordered by key and version.
pub(crate) async fn apply_newest<M, C>(
    incoming: &[Placed<'_, M>],
    conn: &mut C,
) -> Result<Vec<(usize, Outcome)>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let records = || incoming.chunk_by(|(_, one), (_, two)| one.event.key == two.event.key);
    let newest: Vec<&Placed<'_, M>> = records().filter_map(<[_]>::last).collect();
    let known = <<M as Loadable<C::Backend>>::Sql as SqlFor<C::Backend>>::KNOWN;
    let mut outcomes = Vec::with_capacity(newest.len());
    if M::GUARD == Guard::Position && known == Some(Dialect::Postgres) {
        for chunk in newest.chunks(CHUNK) {
            apply_chunk(chunk, &mut outcomes, conn).await?;
        }
    } else {
        for (_, incoming) in &newest {
            outcomes.push(apply_one(incoming, conn, &mut NoHook).await?);
        }
    }
    let mut answers = Vec::with_capacity(incoming.len());
    for (record, outcome) in records().zip(outcomes) {
        let Some(((place, newest), superseded)) = record.split_last() else {
            continue;
        };
        let current = match outcome {
            Outcome::Duplicate { current } => current,
            _ => newest.event.version,
        };
        let duplicate = |(place, _): &Placed<'_, M>| (*place, Outcome::Duplicate { current });
        answers.extend(superseded.iter().map(duplicate));
        answers.push((*place, outcome));
    }
    Ok(answers)
}

/// Applies one event for each of many records, in a number of statements that does not depend on
/// the number of records.
async fn apply_chunk<M, C>(
    chunk: &[&Placed<'_, M>],
    outcomes: &mut Vec<Outcome>,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let Some((_, first)) = chunk.first() else {
        return Ok(());
    };
    let failed = |error| first.failed(error);
    let mut moved = HashMap::new();
    // Only a snapshot may repeat the version of its position.
    for again in [false, true] {
        let of_kind = chunk
            .iter()
            .filter(|(_, incoming)| (incoming.event.op == Op::Snapshot) == again);
        let all = of_kind.map(|(_, incoming)| incoming.position());
        let all = Positions::new(M::replica(), M::ENTITY, again, all);
        if !all.is_empty() {
            let pairs = M::Sql::pairs(conn, UpsertAll::<M::Sql>::new(&all)).await;
            moved.extend(pairs.map_err(failed)?);
        }
    }

    let mut put = BatchRows {
        models: Vec::with_capacity(moved.len()),
        next: Vec::with_capacity(moved.len()),
        by: WriteKind::Insert,
    };
    let (mut removed, mut behind) = (Vec::new(), Vec::new());
    for (_, incoming) in chunk {
        match &incoming.write {
            _ if !moved.contains_key(&incoming.event.key) => {
                behind.push(incoming.event.key.clone());
            }
            Write::Put(model) => {
                put.models.push(*model);
                put.next.push(&incoming.version);
            }
            Write::Remove(id) => removed.push(id),
        }
    }
    put_all(chunk, &put, conn).await?;
    let removed = Keys::<M>::new(removed.into_iter());
    if !removed.is_empty() {
        remove_all(&removed, conn).await?;
    }
    let mut found = HashMap::new();
    if !behind.is_empty() {
        let look = LookAll::<M::Sql>::new(M::replica(), M::ENTITY, &behind);
        found.extend(M::Sql::pairs(conn, look).await.map_err(failed)?);
    }
    outcomes.extend(chunk.iter().map(|(_, incoming)| {
        let key = incoming.event.key.as_str();
        if moved.contains_key(key) {
            Outcome::Applied
        } else {
            incoming.refused(found.get(key).copied())
        }
    }));
    Ok(())
}

/// Deletes the replica's rows. A record that was deleted before the replica received any event of
/// it has no row.
async fn remove_all<M, C>(keys: &Keys<'_, M>, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let removed = conn.execute(RowsOf::<Removed, M, _>::new(keys)).await;
    let all = match removed {
        Ok(rows) => rows == keys.0.len(),
        // A key column is an array.
        Err(error) if NoArray::is_why(&error) => false,
        Err(error) => return Err(failed_first(keys, error)),
    };
    if all {
        return Ok(());
    }
    let left = M::Sql::number(conn, RowsOf::<Counted, M, _>::new(keys)).await;
    match left {
        Ok(Some(0)) => return Ok(()),
        Ok(_) => {}
        Err(error) if NoArray::is_why(&error) => {}
        Err(error) => return Err(failed_first(keys, error)),
    }
    // Deleting row by row reports which deletion was suppressed.
    for id in &keys.0 {
        remove::<M, C>(&M::key_text(id), id, conn).await?;
    }
    Ok(())
}

fn failed_first<M: DependentModel>(keys: &Keys<'_, M>, error: DieselError) -> Error {
    let key = keys.0.first().map(|id| M::key_text(id));
    failed_event::<M>(&key.unwrap_or_default(), error)
}

/// Writes the replica's rows.
async fn put_all<M, C>(chunk: &[&Placed<'_, M>], put: &BatchRows<'_, M>, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let Some((_, first)) = chunk.first().filter(|_| !put.models.is_empty()) else {
        return Ok(());
    };
    let merge = MergeAll::new(put).map_err(|error| first.failed(error))?;
    if !M::has_coarse_key() {
        return match conn.execute(merge).await {
            Ok(rows) if rows == put.models.len() => Ok(()),
            // A column is an array.
            Err(error) if !NoArray::is_why(&error) => Err(first.failed(error)),
            _ => put_each(put, conn).await,
        };
    }
    // The database may treat two of the keys as equal, which fails the statement.
    conn.begin().await?;
    let merged = match conn.execute(merge).await {
        Ok(rows) if rows == put.models.len() => Ok(()),
        Ok(_) => Err(DieselError::RollbackTransaction),
        Err(error) => Err(error),
    };
    match finish(merged, conn).await {
        Err(error) if is_serialization_failure(&error) => Err(first.failed(error)),
        Err(_) => put_each(put, conn).await,
        Ok(()) => Ok(()),
    }
}

/// Writes row by row, which reports the row that fails.
async fn put_each<M, C>(put: &BatchRows<'_, M>, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    for (model, version) in put.models.iter().zip(&put.next) {
        let key = M::key_text(&model.id());
        let merge = Merge::<Anything, M, _>::new(model, version);
        if conn
            .execute(merge)
            .await
            .map_err(|error| failed_event::<M>(&key, error))?
            == 0
        {
            return Err(not_written(&key, *model, conn).await);
        }
    }
    Ok(())
}
