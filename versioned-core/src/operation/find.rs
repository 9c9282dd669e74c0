use super::outcome::failed;
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::owner::Owner;
use crate::statement::{AsSnapshot, Current, Find, Record};

/// Loads the row with this key.
pub(crate) async fn find<M, X>(id: &M::Id, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let record = Record::At(id);
    let answer = x.row(Find::<AsSnapshot, M, _>::new(record)).await;
    found(record, answer)
}

/// Loads the row with this key as it is now, also where the transaction's snapshot shows an older one.
pub(super) async fn find_current<M, X>(record: Record<'_, M>, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let answer = x.row(Find::<Current, M, _>::new(record)).await;
    found(record, answer)
}

/// Replaces the model by its row as it is now.
pub(crate) async fn reload<M, X>(model: &mut M, x: &mut X) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    *model = find_current(Record::Of(&*model), x).await?;
    Ok(())
}

fn found<M: crate::model::Versioned>(
    record: Record<'_, M>,
    answer: diesel::QueryResult<Option<M>>,
) -> Result<M> {
    match answer {
        Ok(Some(model)) => Ok(model),
        Ok(None) => Err(Error::NotFound {
            table: M::TABLE,
            id: record.key_text(),
        }),
        Err(error) => Err(failed(record, None, error)),
    }
}
