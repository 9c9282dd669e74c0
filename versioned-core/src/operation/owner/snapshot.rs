//! `snapshot`: pages of events with the current records, for replicas that join late.

use crate::dialect::SqlFor as _;
use crate::error::Result;
use crate::event::Op;
use crate::event::{self, Event};
use crate::executor::Executor;
use crate::model::{ShowScope, Versioned};
use crate::operation::replica::positions::on;
use crate::operation::row_count::failed;
use crate::owner::Owner;
use crate::statement::{AsSnapshot, FirstTombstones, Page, Position, Reading, Record, Tombstones};
use crate::version::SequentialVersion;

/// Returns the page after the event `after`.
pub(crate) async fn snapshot<M, C>(
    scope: Option<&dyn ShowScope<C::Backend>>,
    after: Option<&Event<M>>,
    limit: usize,
    conn: &mut C,
) -> Result<Vec<Event<M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
    M::Version: SequentialVersion,
{
    page::<AsSnapshot, M, C>(scope, After::of(after), limit, conn).await
}

/// The place after which a page begins.
pub(crate) enum After<'a, M: Versioned> {
    Nothing,
    Row(M::Id),
    /// The key of a record that is deleted.
    Deleted(&'a str),
}

impl<'a, M: Versioned> After<'a, M> {
    pub(crate) fn of(last: Option<&'a Event<M>>) -> Self {
        match last {
            None => Self::Nothing,
            Some(Event {
                data: Some(row), ..
            }) => Self::Row(row.id()),
            Some(Event {
                data: None, key, ..
            }) => Self::Deleted(key),
        }
    }
}

/// Returns the page after `after`, whose rows are read as `R` says. The rows come first,
/// in the order of their keys. With `tombstones`, the deletions follow, in the order of the text of
/// their keys, except in a scope, which deletions do not have.
pub(crate) async fn page<R, M, C>(
    scope: Option<&dyn ShowScope<C::Backend>>,
    after: After<'_, M>,
    limit: usize,
    conn: &mut C,
) -> Result<Vec<Event<M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
    M::Version: SequentialVersion,
    R: Reading,
{
    let at = event::now();
    let mut page = Vec::new();
    let tombstones_after = match after {
        After::Deleted(key) => Some(key),
        After::Row(id) => {
            rows::<R, M, C>(scope, Some(&id), limit, &at, &mut page, conn).await?;
            None
        }
        After::Nothing => {
            rows::<R, M, C>(scope, None, limit, &at, &mut page, conn).await?;
            None
        }
    };
    let room = limit.saturating_sub(page.len());
    if M::TOMBSTONES && scope.is_none() && room > 0 {
        let position = Position {
            key: tombstones_after.unwrap_or_default(),
            newest: i64::try_from(room).unwrap_or(i64::MAX),
            ..Position::of::<M, C::Backend>()
        };
        let deleted = match tombstones_after {
            None => M::Sql::pairs(conn, on::<FirstTombstones, M::Sql, C>(position)).await?,
            Some(_) => M::Sql::pairs(conn, on::<Tombstones, M::Sql, C>(position)).await?,
        };
        for (key, version) in deleted {
            page.push(Event {
                entity: M::ENTITY.into(),
                key,
                version,
                op: Op::Snapshot,
                at: at.clone(),
                data: None,
                trace: None,
                metadata: None,
            });
        }
    }
    Ok(page)
}

async fn rows<R, M, C>(
    scope: Option<&dyn ShowScope<C::Backend>>,
    after: Option<&M::Id>,
    limit: usize,
    at: &str,
    page: &mut Vec<Event<M>>,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
    M::Version: SequentialVersion,
    R: Reading,
{
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = M::rows(
        conn,
        Page::<R, M, C::Backend>::new(scope, after.map(Record::At), limit),
    )
    .await;
    let rows = found.map_err(|error| match after {
        Some(after) => failed::<M>(Record::At(after), None, error),
        None => error.into(),
    })?;
    page.extend(rows.into_iter().map(|row| Event {
        entity: M::ENTITY.into(),
        key: M::key_text(&row.id()),
        version: row.loaded().number(),
        op: Op::Snapshot,
        at: at.to_owned(),
        data: Some(row),
        trace: None,
        metadata: None,
    }));
    Ok(())
}
