//! Applies the events of many records in a number of statements that does not depend on the number
//! of records, on PostgreSQL: lock the positions, decide in memory, write the positions, write the
//! rows.

use std::collections::{HashMap, HashSet};

use diesel::QueryResult;
use diesel::result::Error as DieselError;

use crate::dependent::Dependent;
use crate::dialect::{Dialect, NoArray, SqlFor as _};
use crate::error::{Conflict, Error, Result, is_serialization_failure};
use crate::executor::Executor;
use crate::model::{DependentModel, Gap, WriteKind};
use crate::operation::replica::apply_all::record::apply_record;
use crate::operation::replica::apply_all::{Outcomes, Placed};
use crate::operation::replica::incoming::{Incoming, Reached, Write, failed_event, target};
use crate::operation::replica::positions::Advanced;
use crate::operation::replica::step::{remove, write};
use crate::operation::transaction::{Level, finish};
use crate::outcome::Outcome;
use crate::statement::{
    BatchRows, Counted, DeletedOf, EnterAll, Keys, LockEach, MergeAll, MoveAll, Moves, ParkedOf,
    Positions, Removed, RowsOf,
};

/// The number of records in one statement. All values of a statement are held in memory.
const CHUNK: usize = 2_000;

/// Applies the events of records, which are ordered by key, and each by version.
pub(crate) async fn apply_sets<M, C>(
    records: &[&[Placed<'_, M>]],
    level: Level,
    outcomes: &mut Outcomes,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    for chunk in records.chunks(CHUNK) {
        apply_chunk(chunk, level, outcomes, conn).await?;
    }
    Ok(())
}

/// A record whose position moves.
struct Moving<'i, 'e, M: DependentModel> {
    record: &'i [Placed<'e, M>],
    outcomes: Vec<Outcome>,
    /// The last event that applies.
    last: &'i Incoming<'e, M>,
    /// The key of the row that an event before it deletes.
    deleted: Option<&'i M::Id>,
}

async fn apply_chunk<M, C>(
    chunk: &[&[Placed<'_, M>]],
    level: Level,
    outcomes: &mut Outcomes,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let Some((_, first)) = chunk.first().and_then(|record| record.first()) else {
        return Ok(());
    };
    let failed = |error| first.failed(error);
    let keys = chunk.iter().filter_map(|record| record.first());
    let keys: Vec<String> = keys.map(|(_, first)| first.event.key.clone()).collect();
    let all = Positions {
        replica: M::replica(),
        entity: M::ENTITY,
        keys: &keys,
    };
    let found = M::Sql::pairs(conn, LockEach::<M::Sql>::new(all)).await;
    let found: HashMap<String, i64> = found.map_err(failed)?.into_iter().collect();
    // Another transaction parks an event only after it has locked the position. One query with
    // both would see the parked events as of its beginning, before it waited for the lock.
    let mut parked = HashSet::new();
    if M::GAP == Gap::Park {
        let found = M::Sql::pairs(conn, ParkedOf::<M::Sql>::new(all)).await;
        parked = keys_of(found.map_err(failed)?);
    }

    let depends = |(record, key): (&&[Placed<'_, M>], &String)| {
        let current = found.get(key).copied();
        let on = |current| {
            let mut events = record.iter();
            events.any(|(_, incoming)| incoming.depends_on_deletion(current))
        };
        current.is_some_and(on)
    };
    let mut deleted = HashSet::new();
    if chunk.iter().zip(&keys).any(depends) {
        let found = M::Sql::pairs(conn, DeletedOf::<M::Sql>::new(all)).await;
        deleted = keys_of(found.map_err(failed)?);
    }

    let (mut moving, mut entering) = (Vec::new(), Vec::new());
    // The records that need statements of their own.
    let mut single = Vec::new();
    for (record, key) in chunk.iter().copied().zip(&keys) {
        let current = found.get(key).map(|version| Reached {
            version: *version,
            is_deleted: deleted.contains(key),
        });
        let Decided {
            outcomes: decided,
            last,
            deleted,
        } = decide(record, current);
        let is_gap = |outcome: &Outcome| matches!(outcome, Outcome::Gap { .. });
        if M::GAP == Gap::Park && (parked.contains(key) || decided.iter().any(is_gap)) {
            single.push(record);
            continue;
        }
        let Some(last) = last else {
            outcomes.set_all(record, decided);
            continue;
        };
        let own = Moving {
            record,
            outcomes: decided,
            last,
            deleted,
        };
        if current.is_some() {
            moving.push(own);
        } else {
            entering.push(own);
        }
    }
    if !moving.is_empty() {
        let moved = conn
            .execute(MoveAll::<M::Sql>::new(&moves_of(&moving)))
            .await;
        if moved.map_err(failed)? != moving.len() {
            return Err(Conflict::unwritten(target::<M>(&first.event.key), None).into());
        }
    }
    if !entering.is_empty() {
        let entered = M::Sql::pairs(conn, EnterAll::<M::Sql>::new(&moves_of(&entering))).await;
        let entered = keys_of(entered.map_err(failed)?);
        for own in entering {
            if entered.contains(&own.last.event.key) {
                moving.push(own);
            } else {
                // Another transaction has created the position since the query.
                single.push(own.record);
            }
        }
    }
    write_all(&moving, conn).await?;
    for own in moving {
        outcomes.set_all(own.record, own.outcomes);
    }
    for record in single {
        apply_record(record, level, outcomes, conn).await?;
    }
    Ok(())
}

fn keys_of(pairs: Vec<(String, i64)>) -> HashSet<String> {
    pairs.into_iter().map(|(key, _)| key).collect()
}

/// What the events of a record do.
struct Decided<'i, 'e, M: DependentModel> {
    outcomes: Vec<Outcome>,
    last: Option<&'i Incoming<'e, M>>,
    deleted: Option<&'i M::Id>,
}

/// Decides what each event of a record does at a replica that is at `current`.
fn decide<'i, 'e, M: DependentModel>(
    record: &'i [Placed<'e, M>],
    mut current: Option<Reached>,
) -> Decided<'i, 'e, M> {
    let mut decided = Decided {
        outcomes: Vec::with_capacity(record.len()),
        last: None,
        deleted: None,
    };
    for (_, incoming) in record {
        if !incoming.follows(current) {
            decided.outcomes.push(incoming.refused(current));
            continue;
        }
        current = Some(incoming.reaches());
        decided.outcomes.push(Outcome::Applied);
        decided.deleted = decided.last.and_then(Incoming::removes).or(decided.deleted);
        decided.last = Some(incoming);
    }
    decided
}

fn moves_of<M: DependentModel>(moving: &[Moving<'_, '_, M>]) -> Moves {
    Moves::new(moving.iter().map(|own| own.last.position()))
}

/// Writes and deletes the rows of records whose position has moved.
async fn write_all<M, C>(moving: &[Moving<'_, '_, M>], conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let mut put = BatchRows {
        models: Vec::with_capacity(moving.len()),
        next: Vec::with_capacity(moving.len()),
        by: WriteKind::Insert,
        columns: None,
    };
    let mut removed = Vec::new();
    for own in moving {
        // A record that is created again begins with a new row.
        removed.extend(own.deleted);
        match &own.last.write {
            Write::Put(model, version) => {
                put.models.push(*model);
                put.next.push(version);
            }
            Write::Remove(id) if own.deleted.is_none() => removed.push(id),
            Write::Remove(_) => {}
        }
    }
    // Another record may have taken a unique value of a deleted one.
    let removed = Keys::<M>::new(removed.into_iter());
    if !removed.is_empty() {
        remove_all(&removed, conn).await?;
    }
    put_all(moving, &put, conn).await
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
async fn put_all<M, C>(
    moving: &[Moving<'_, '_, M>],
    put: &BatchRows<'_, M>,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let Some(first) = put.models.first() else {
        return Ok(());
    };
    let failed = |error| failed_event::<M>(&M::key_text(&first.id()), error);
    if !M::may_change_key() {
        let merge = MergeAll::new(put).map_err(failed)?;
        return match conn.execute(merge).await {
            Ok(rows) if rows == put.models.len() => Ok(()),
            // A column is an array.
            Err(error) if !NoArray::is_why(&error) => Err(failed(error)),
            _ => put_each(moving, conn).await,
        };
    }
    // The database may treat two of the keys as equal, which fails the statement, or may store
    // another key.
    conn.begin().await?;
    let merged = merge_kept(put, conn).await;
    match finish(merged, conn).await {
        Err(error) if is_serialization_failure(&error) => Err(failed(error)),
        Err(_) => put_each(moving, conn).await,
        Ok(()) => Ok(()),
    }
}

/// Writes the rows, or fails if one of them is not found by its key afterwards.
async fn merge_kept<M, C>(put: &BatchRows<'_, M>, conn: &mut C) -> QueryResult<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let rows = conn.execute(MergeAll::new(put)?).await?;
    let ids: Vec<M::Id> = put.models.iter().map(|model| model.id()).collect();
    let keys = Keys::<M>::new(ids.iter());
    let kept = M::Sql::number(conn, RowsOf::<Counted, M, _>::new(&keys)).await?;
    let all = i64::try_from(put.models.len()).ok();
    if rows == put.models.len() && kept == all {
        Ok(())
    } else {
        Err(DieselError::RollbackTransaction)
    }
}

/// Writes row by row, which reports the row that fails.
async fn put_each<M, C>(moving: &[Moving<'_, '_, M>], conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    for own in moving {
        if matches!(own.last.write, Write::Put(..)) {
            write(own.last, Advanced::Moved, Dialect::Postgres, conn).await?;
        }
    }
    Ok(())
}
