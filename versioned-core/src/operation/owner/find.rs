//! `find` and `reload`: reads of one row by its key.

use crate::dependent::Dependent;
use crate::error::{Error, Result};
use crate::event::{Event, EventError};
use crate::loadable::Persisted;
use crate::model::Versioned;
use crate::operation::replica::incoming::read_key;
use crate::operation::row_count::failed;
use crate::runner::Runner;
use crate::statement::{AsSnapshot, Current, Find, Record};
use crate::version::SequentialVersion;

/// Loads the row with this key.
pub(crate) async fn find<M, C>(id: &M::Id, conn: &mut C) -> Result<M>
where
    C: Runner,
    M: Persisted<C::Backend>,
{
    let record = Record::At(id);
    let answer = M::row(conn, Find::<AsSnapshot, M, C::Backend>::new(record)).await;
    found(record, answer)
}

/// Loads the current row with this key, even if the transaction's snapshot shows an older one.
pub(crate) async fn find_current<M, C>(record: Record<'_, M>, conn: &mut C) -> Result<M>
where
    C: Runner,
    M: Persisted<C::Backend>,
{
    let answer = M::row(conn, Find::<Current, M, C::Backend>::new(record)).await;
    found(record, answer)
}

/// Replaces the model with its current row.
pub(crate) async fn reload<M, C>(model: &mut M, conn: &mut C) -> Result<()>
where
    C: Runner,
    M: Persisted<C::Backend>,
{
    *model = find_current(Record::Of(&*model), conn).await?;
    Ok(())
}

fn found<M: Versioned>(record: Record<'_, M>, answer: diesel::QueryResult<Option<M>>) -> Result<M> {
    match answer {
        Ok(Some(model)) => Ok(model),
        Ok(None) => Err(Error::NotFound {
            table: M::table_name(),
            id: record.key_text(),
        }),
        Err(error) => Err(failed(record, None, error)),
    }
}

/// Loads the row that `event` follows: the one with its key, at the version before it.
pub(crate) async fn find_before<M, C>(event: &Event<M>, conn: &mut C) -> Result<M>
where
    C: Runner,
    M: Dependent<C::Backend>,
{
    let id = read_key::<M>(&event.key).ok_or_else(|| EventError::Key {
        received: event.key.clone(),
    })?;
    let row: M = find(&id, conn).await?;
    if Some(row.loaded().number()) == event.version.checked_sub(1) {
        Ok(row)
    } else {
        Err(Error::NotFound {
            table: M::table_name(),
            id: event.key.clone(),
        })
    }
}
