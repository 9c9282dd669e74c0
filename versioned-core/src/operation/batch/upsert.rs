//! `upsert_all`: saves or inserts many models, or none.

use crate::change::Change;
use crate::error::{ConflictKind, Error, Result, RowConflict};
use crate::event::Op;
use crate::executor::Executor;
use crate::operation::batch::plan::Plan;
use crate::operation::batch::work::{Inserting, Saving};
use crate::operation::batch::{at_once, many_at_once};
use crate::operation::owner::upsert::upsert_row;
use crate::operation::owner::write::Atomicity;
use crate::operation::owner::written::{Written, read_all};
use crate::operation::row_count::is_unique_violation;
use crate::operation::transaction::finish;
use crate::owner::Owner;

/// The writes of a batch, each with what it was and the index of its model.
type Upserted<M> = Vec<(usize, Op, Written<M>)>;

/// Saves or inserts all models, or none.
pub(crate) async fn upsert_all<'m, M, C>(
    models: &'m mut [M],
    conn: &mut C,
) -> Result<Vec<Change<'m, M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let plan = Plan::of_loaded(models)?;
    if models.is_empty() {
        return Ok(Vec::new());
    }
    let at_once = upsert_at_once(models, &plan, conn).await?;
    let written = if let Some(written) = at_once {
        written
    } else {
        conn.begin().await?;
        let done = rows(models, &plan, conn).await;
        finish(done, conn).await?
    };
    let mut shown: Vec<Option<(Op, Written<M>)>> = models.iter().map(|_| None).collect();
    for (row, op, written) in written {
        if let Some(shown) = shown.get_mut(row) {
            *shown = Some((op, written));
        }
    }
    let changes = models.iter_mut().zip(shown).filter_map(|(model, shown)| {
        let (op, written) = shown?;
        written.show(model);
        Some(Change::new(op, &*model))
    });
    Ok(changes.collect())
}

/// Inserts the new models and saves the others, with statements for many rows. Returns `None`, with
/// nothing written, if that is impossible or if a row is not as the version in memory says.
async fn upsert_at_once<M, C>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<Option<Upserted<M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    if many_at_once::<Inserting, M, C>(models)?.is_none()
        || many_at_once::<Saving, M, C>(models)?.is_none()
    {
        return Ok(None);
    }
    let (new, loaded) = plan.split::<M>();
    // One of the parts is all or none by itself.
    let done = if M::COMPLETE && (new.order.is_empty() || loaded.order.is_empty()) {
        both(models, &new, &loaded, conn).await
    } else {
        conn.begin().await?;
        let done = both_and_read(models, &new, &loaded, conn).await;
        match done {
            Ok(Some(_)) => conn.commit().await?,
            Ok(None) => conn.rollback().await?,
            Err(_) => drop(conn.rollback().await),
        }
        done
    };
    match done {
        // The row is at another version or gone, or is taken.
        Err(Error::Conflicts(_)) => Ok(None),
        Err(Error::Conflict(conflict)) if conflict.kind() != ConflictKind::Serialization => {
            Ok(None)
        }
        Err(Error::Database(error)) if is_unique_violation(&error) => Ok(None),
        done => done,
    }
}

async fn both<M, C>(
    models: &mut [M],
    new: &Plan<M::Version>,
    loaded: &Plan<M::Version>,
    conn: &mut C,
) -> Result<Option<Upserted<M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let inserted = new.order.is_empty() || at_once::<Inserting, M, C>(models, new, conn).await?;
    if !inserted {
        return Ok(None);
    }
    let saved = loaded.order.is_empty() || at_once::<Saving, M, C>(models, loaded, conn).await?;
    if !saved {
        return Ok(None);
    }
    let as_given =
        |plan: &Plan<M::Version>, row: &usize| plan.next.get(*row).cloned().map(Written::AsGiven);
    let inserted = new
        .order
        .iter()
        .filter_map(|row| Some((*row, Op::Created, as_given(new, row)?)));
    let saved = loaded
        .order
        .iter()
        .filter_map(|row| Some((*row, Op::Updated, as_given(loaded, row)?)));
    Ok(Some(inserted.chain(saved).collect()))
}

/// Like [`both`], in the open transaction, and reads what the database generates.
async fn both_and_read<M, C>(
    models: &mut [M],
    new: &Plan<M::Version>,
    loaded: &Plan<M::Version>,
    conn: &mut C,
) -> Result<Option<Upserted<M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let Some(mut written) = both(models, new, loaded, conn).await? else {
        return Ok(None);
    };
    if M::COMPLETE {
        return Ok(Some(written));
    }
    let models: Vec<&M> = models.iter().collect();
    let rows = read_all(&models, conn).await?.into_iter();
    let mut rows: Vec<_> = rows.map(|row| Some(Written::Row(row))).collect();
    for (row, _, written) in &mut written {
        if let Some(row) = rows.get_mut(*row).and_then(Option::take) {
            *written = row;
        }
    }
    Ok(Some(written))
}

/// Saves or inserts row by row, in the open transaction. After a conflict, the remaining rows are
/// tried too, so that the error names every conflict.
async fn rows<M, C>(models: &mut [M], plan: &Plan<M::Version>, conn: &mut C) -> Result<Upserted<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let first = M::initial_version();
    let mut conflicts = Vec::new();
    let mut all = Vec::with_capacity(models.len());
    for &row in &plan.order {
        let (Some(model), Some(next)) = (models.get_mut(row), plan.next.get(row)) else {
            continue;
        };
        match upsert_row(model, next, &first, Atomicity::Nested, conn).await {
            Ok((op, written)) => all.push((row, op, written)),
            Err(Error::Conflict(conflict)) if conflict.kind() != ConflictKind::Serialization => {
                conflicts.push(RowConflict { row, conflict });
            }
            Err(error) => return Err(error),
        }
    }
    if conflicts.is_empty() {
        Ok(all)
    } else {
        Err(Error::conflicts(conflicts))
    }
}
