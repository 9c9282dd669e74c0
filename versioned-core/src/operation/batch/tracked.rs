//! Batches of tracked models: each row gets the columns that were changed, and all rows are written
//! or none.

use crate::change::Change;
use crate::dialect::{Dialect, SqlFor};
use crate::error::{ConflictKind, Error, Result, RowConflict};
use crate::event::Op;
use crate::executor::Executor;
use crate::loadable::Loadable;
use crate::model::Fields;
use crate::operation::batch::plan::Plan;
use crate::operation::batch::work::{BatchOp as _, Saving};
use crate::operation::batch::{BatchError, arrays, at_once, attempted, json, values};
use crate::operation::outbox::event::{announce_rows, event_of};
use crate::operation::owner::tracked::{diff, read_only, save_excluded};
use crate::operation::owner::verify::verify;
use crate::operation::owner::write::Atomicity;
use crate::operation::owner::written::{Written, read_all};
use crate::operation::transaction::finish;
use crate::owner::Owner;
use crate::statement::ChangedColumns;
use crate::tracked::Tracked;

/// The write that a model needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nothing changed. The row must be at the loaded version.
    Nothing,
    /// Only excluded columns changed. The version stays.
    Excluded(ChangedColumns),
    /// These columns changed. The version moves.
    Columns(ChangedColumns),
}

impl Needs {
    fn moves(self) -> bool {
        matches!(self, Self::Columns(_))
    }
}

/// A set of columns, and the rows that get it.
type SetOfRows = (ChangedColumns, Vec<usize>);

/// The models of a batch, and the write that each of them needs.
struct Batch<M, V> {
    models: Vec<M>,
    needs: Vec<Needs>,
    plan: Plan<V>,
}

/// Writes the changed columns of all models, or nothing. Returns `None` for a model whose version
/// stays.
pub(crate) async fn save_all_changes<'m, M, C>(
    all: &'m mut [Tracked<M>],
    conn: &mut C,
) -> Result<Vec<Option<Change<'m, M>>>>
where
    C: Executor,
    M: Owner<C::Backend> + Fields + Clone,
{
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let mut needs = Vec::with_capacity(all.len());
    for tracked in all.iter_mut() {
        needs.push(needs_of(tracked)?);
    }
    let models: Vec<M> = all.iter().map(|tracked| M::clone(tracked)).collect();
    let moves = |row| needs.get(row).is_some_and(|needs: &Needs| needs.moves());
    let mut batch = Batch {
        plan: Plan::of_some(&models, moves)?,
        models,
        needs,
    };
    let mut written = written(&mut batch, conn).await?;
    let Batch { needs, plan, .. } = batch;
    let rows = all.iter_mut().zip(needs).zip(plan.next).enumerate();
    let changes = rows.map(|(row, ((tracked, needs), next))| {
        let (model, base) = tracked.parts();
        if needs.moves() {
            match written.get_mut(row).and_then(Option::take) {
                Some(found) => Written::Row(found).show(model),
                None => Written::AsGiven(next).show(model),
            }
        }
        base.clone_from(model);
        needs.moves().then(|| Change::new(Op::Updated, &*model))
    });
    Ok(changes.collect())
}

fn needs_of<M: Fields + crate::model::Versioned>(tracked: &mut Tracked<M>) -> Result<Needs> {
    let (model, base) = tracked.parts();
    let diff = diff(model, base)?;
    Ok(if model.loaded() != base.loaded() {
        // Another operation moved the model's version, so the original does not show the row.
        Needs::Columns(ChangedColumns::all())
    } else if !diff.read_only.is_empty() {
        return Err(read_only(model, diff));
    } else if !diff.changed.is_empty() {
        Needs::Columns(ChangedColumns::of(&diff))
    } else if !diff.excluded.is_empty() {
        Needs::Excluded(ChangedColumns::of(&diff))
    } else {
        Needs::Nothing
    })
}

/// Writes all rows or none. Returns the rows that were read again, by the index of their models.
async fn written<M, C>(batch: &mut Batch<M, M::Version>, conn: &mut C) -> Result<Vec<Option<M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let reads = M::OUTBOX || !M::COMPLETE;
    if M::OUTBOX {
        // An event that cannot be built is reported before anything is written.
        let rows = batch.models.iter_mut().zip(&batch.plan.next);
        for ((model, next), needs) in rows.zip(&batch.needs) {
            if needs.moves() {
                event_of(Op::Updated, model, next)?;
            }
        }
    }
    if !reads {
        if let Some(columns) = batch.only_set() {
            batch.plan.columns = Some(columns);
            if at_once::<Saving, M, C>(&mut batch.models, &batch.plan, conn).await? {
                return Ok(Vec::new());
            }
        } else if by_sets_at_once(batch, conn).await? {
            return Ok(Vec::new());
        }
    }
    conn.begin().await?;
    let done = write_and_read(batch, reads, conn).await;
    finish(done, conn).await
}

async fn write_and_read<M, C>(
    batch: &mut Batch<M, M::Version>,
    reads: bool,
    conn: &mut C,
) -> Result<Vec<Option<M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    if !reads {
        by_rows(batch, conn).await?;
        return Ok(Vec::new());
    }
    if !by_sets_at_once(batch, conn).await? {
        by_rows(batch, conn).await?;
    }
    let moved: Vec<usize> = batch.moved().collect();
    let models: Vec<&M> = moved
        .iter()
        .filter_map(|&row| batch.models.get(row))
        .collect();
    let mut found: Vec<Option<M>> = batch.models.iter().map(|_| None).collect();
    let rows = read_all(&models, conn).await?;
    announce_rows(Op::Updated, &rows, conn).await?;
    for (row, of_row) in moved.into_iter().zip(rows) {
        if let Some(found) = found.get_mut(row) {
            *found = Some(of_row);
        }
    }
    Ok(found)
}

impl<M, V> Batch<M, V> {
    /// The rows whose version moves, in the order in which they are locked.
    fn moved(&self) -> impl Iterator<Item = usize> {
        let moves = |row: &usize| self.needs.get(*row).is_some_and(|needs| needs.moves());
        self.plan.order.iter().copied().filter(moves)
    }

    /// The set of columns, if all rows get the same one.
    fn only_set(&self) -> Option<ChangedColumns> {
        match self.needs.split_first() {
            Some((Needs::Columns(columns), rest))
                if rest.iter().all(|needs| *needs == Needs::Columns(*columns)) =>
            {
                Some(*columns)
            }
            _ => None,
        }
    }

    /// The rows of each set of columns, if statements for sets are fewer than statements for rows.
    fn sets(&self) -> Option<Vec<SetOfRows>> {
        let mut sets: Vec<SetOfRows> = Vec::new();
        let mut rows = 0;
        for &row in &self.plan.order {
            match self.needs.get(row)? {
                Needs::Nothing => {}
                // Written without a guard, and therefore not locked with the others.
                Needs::Excluded(_) => return None,
                Needs::Columns(columns) => {
                    rows += 1;
                    match sets.iter_mut().find(|(set, _)| set == columns) {
                        Some((_, rows)) => rows.push(row),
                        None => sets.push((*columns, vec![row])),
                    }
                }
            }
        }
        (sets.len() * 2 <= rows).then_some(sets)
    }
}

/// Writes all rows with a statement for each set of columns, or none. Returns `false`, with nothing
/// written, if that is impossible or failed.
async fn by_sets_at_once<M, C>(batch: &mut Batch<M, M::Version>, conn: &mut C) -> Result<bool>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let known = <<M as Loadable<C::Backend>>::Sql as SqlFor<C::Backend>>::KNOWN;
    let (Some(dialect), true) = (known, M::WHOLE_KEY) else {
        return Ok(false);
    };
    let Some(sets) = batch.sets() else {
        return Ok(false);
    };
    if dialect == Dialect::Mysql && !json::fit::<Saving, M, C::Backend>(&batch.models, &batch.plan)?
    {
        return Ok(false);
    }
    conn.begin().await?;
    let written = by_sets(batch, sets, dialect, conn).await;
    attempted(written, conn).await
}

/// Locks all rows in their order, which no other batch reverses, and writes them set by set.
async fn by_sets<M, C>(
    batch: &mut Batch<M, M::Version>,
    sets: Vec<SetOfRows>,
    dialect: Dialect,
    conn: &mut C,
) -> Result<(), BatchError>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let Batch { models, plan, .. } = batch;
    match dialect {
        Dialect::Postgres => arrays::hold(models, plan, conn).await?,
        Dialect::Mysql => json::hold::<Saving, M, C>(models, plan, conn).await?,
        // The first write locks the database.
        Dialect::Sqlite => {}
    }
    let next = std::mem::take(&mut plan.next);
    let mut of_set = Plan {
        order: Vec::new(),
        next,
        columns: None,
    };
    let mut done = Ok(());
    for (columns, rows) in sets {
        (of_set.columns, of_set.order) = (Some(columns), rows);
        done = match dialect {
            Dialect::Postgres => arrays::chunks::<Saving, M, C>(models, &of_set, conn).await,
            Dialect::Mysql => json::write::<Saving, M, C>(models, &of_set, conn).await,
            Dialect::Sqlite => values::write::<Saving, M, C>(models, &of_set, conn).await,
        };
        if done.is_err() {
            break;
        }
    }
    plan.next = of_set.next;
    done?;
    if dialect == Dialect::Sqlite {
        for (model, needs) in models.iter().zip(&batch.needs) {
            if *needs == Needs::Nothing {
                verify(model, conn).await?;
            }
        }
    }
    Ok(())
}

/// Writes the rows one by one. After a conflict, the remaining rows are tried too, so that the error
/// names every conflict.
async fn by_rows<M, C>(batch: &mut Batch<M, M::Version>, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let Batch {
        models,
        needs,
        plan,
    } = batch;
    let mut conflicts = Vec::new();
    for &row in &plan.order {
        let (Some(model), Some(needs)) = (models.get_mut(row), needs.get(row)) else {
            continue;
        };
        let done = match (*needs, plan.next.get(row)) {
            (Needs::Columns(columns), Some(next)) => Saving::row(model, next, Some(columns), conn)
                .await
                .map(drop),
            (Needs::Excluded(columns), _) => {
                save_excluded(&*model, columns, Atomicity::Nested, conn).await
            }
            (Needs::Nothing | Needs::Columns(_), _) => verify(&*model, conn).await,
        };
        match done {
            Ok(()) => {}
            Err(Error::Conflict(conflict)) if conflict.kind() != ConflictKind::Serialization => {
                conflicts.push(RowConflict { row, conflict });
            }
            Err(error) => return Err(error),
        }
    }
    if conflicts.is_empty() {
        Ok(())
    } else {
        Err(Error::conflicts(conflicts))
    }
}
