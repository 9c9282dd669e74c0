use super::announce::{self, announce_row, event_of, event_of_import, reads_back};
use super::outcome::failed;
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
        let done = insert_after_deletion(model, x).await;
        settle(done, x).await?
    } else {
        let first = M::initial_version();
        insert_at(Op::Created, model, &first, x).await?;
        first
    };
    model.set_version(first);
    Ok(Change::new(Op::Created, model))
}

async fn insert_after_deletion<M, X>(model: &mut M, x: &mut X) -> Result<M::Version>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let first = first_version(&*model, x).await?;
    insert_at(Op::Created, model, &first, x).await?;
    Ok(first)
}

async fn insert_at<M, X>(op: Op, model: &mut M, version: &M::Version, x: &mut X) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    if reads_back::<M, X::Backend>() {
        return insert_then_read(op, model, version, x).await;
    }
    let event = event_of(op, model, version)?;
    insert_with(event, model, version, x).await
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
    let event = event_of_import(model)?;
    insert_with(event, model, version, x).await
}

async fn insert_with<M, X>(
    event: Option<Outgoing>,
    model: &M,
    version: &M::Version,
    x: &mut X,
) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    match announce::write::<M, _, _>(Insert::new(model, version), event, x).await {
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
    insert_with(None, model, version, x).await?;
    let row = read_back(Record::Of(model), None, x).await?;
    announce_row(op, &row, x).await
}
