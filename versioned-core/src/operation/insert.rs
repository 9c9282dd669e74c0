use super::outcome::failed;
use super::settle::settle;
use super::tombstone::first_version;
use crate::change::Change;
use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::owner::Owner;
use crate::statement::{Insert, Record};

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
        insert_at(model, &first, x).await?;
        first
    };
    model.set_version(first);
    Ok(Change::new(Op::Created, model))
}

async fn insert_after_deletion<M, X>(model: &M, x: &mut X) -> Result<M::Version>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let first = first_version(model, x).await?;
    insert_at(model, &first, x).await?;
    Ok(first)
}

/// Inserts the model at the version that it carries.
pub(crate) async fn import<M, X>(model: &M, x: &mut X) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    insert_at(model, model.loaded(), x).await
}

async fn insert_at<M, X>(model: &M, version: &M::Version, x: &mut X) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    match x.execute(Insert::new(model, version)).await {
        Ok(_) => Ok(()),
        Err(error) => Err(failed(Record::Of(model), None, error)),
    }
}
