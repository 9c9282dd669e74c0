use super::announce::{self, Unit, announce_row, event_of, event_of_row, reads_back};
use super::outcome::{failed, not_inserted};
use super::settle::{read_back, settle};
use super::tombstone::first_version;
use crate::change::Change;
use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::owner::Owner;
use crate::statement::{Insert, Outgoing, Record};

/// Inserts the model at the initial version.
pub(crate) async fn insert<'m, M, X>(model: &'m mut M, x: &mut X) -> Result<Change<'m, M>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let first = if M::TOMBSTONES {
        x.begin().await?;
        let done = insert_row(model, Unit::Part, x).await;
        settle(done, x).await?
    } else {
        insert_row(model, Unit::Alone, x).await?
    };
    model.set_version(first);
    Ok(Change::new(Op::Created, model))
}

/// Inserts the row, with `tombstones` in a transaction; the version that it got. The model in memory stays.
pub(super) async fn insert_row<M, X>(model: &mut M, unit: Unit, x: &mut X) -> Result<M::Version>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let first = if M::TOMBSTONES {
        first_version(&*model, x).await?
    } else {
        M::initial_version()
    };
    if reads_back::<M, X::Backend>() {
        insert_then_read(Op::Created, model, &first, x).await?;
    } else {
        let event = event_of(Op::Created, model, &first)?;
        insert_with(event, model, &first, unit, x).await?;
    }
    Ok(first)
}

/// Inserts the model at the version that it carries.
pub(crate) async fn import<M, X>(model: &M, x: &mut X) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let version = model.loaded();
    if reads_back::<M, X::Backend>() {
        return insert_then_read(Op::Snapshot, model, version, x).await;
    }
    let event = event_of_row(Op::Snapshot, model)?;
    insert_with(event, model, version, Unit::Alone, x).await
}

async fn insert_with<M, X>(
    event: Option<Outgoing>,
    model: &M,
    version: &M::Version,
    unit: Unit,
    x: &mut X,
) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    match announce::write::<M, _, _>(Insert::new(model, version), event, unit, x).await {
        Ok(0) => Err(not_inserted(Record::Of(model), x).await),
        Ok(_) => Ok(()),
        Err(error) => Err(failed(Record::Of(model), None, error)),
    }
}

async fn insert_then_read<M, X>(op: Op, model: &M, version: &M::Version, x: &mut X) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    x.begin().await?;
    let done = insert_read_announce(op, model, version, x).await;
    settle(done, x).await
}

async fn insert_read_announce<M, X>(
    op: Op,
    model: &M,
    version: &M::Version,
    x: &mut X,
) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    insert_with(None, model, version, Unit::Part, x).await?;
    let row = read_back(Record::Of(model), None, x).await?;
    announce_row(op, &row, x).await
}
