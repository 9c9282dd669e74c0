//! Executes the resends that are requested.

use std::time::Duration;

use super::resend::{announce_page, resend_one, sends};
use super::snapshot::After;
use crate::dialect::SqlFor as _;
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::model::Versioned;
use crate::operation::reason::storable;
use crate::operation::requests::turn::{self, Claimed, Turn, Work, advance, postpone};
use crate::operation::requests::{Subject, on, run};
use crate::operation::row_count::ends_the_transaction;
use crate::operation::transaction::finish;
use crate::owner::Owner;
use crate::request::{Cursor, ItemOutcome, RequestKind, RequestState};
use crate::statement::{CountPending, FirstOpen, Record, Requests, SettleItem};
use crate::version::SequentialVersion;

/// The pause while too many events are pending.
const FULL: Duration = Duration::from_millis(200);

/// Reads the text of a key.
pub(crate) type ParseKey<Id> = dyn Fn(&str) -> Option<Id> + Send + Sync;

/// Executes the open resends of an owner: see [`turn::execute`].
pub(crate) async fn execute<M, C>(
    time: Duration,
    read_key: &ParseKey<M::Id>,
    conn: &mut C,
) -> Result<Option<Duration>>
where
    C: Executor,
    M: Owner<C::Backend>,
    M::Version: SequentialVersion,
{
    const { sends::<M>() };
    let subject = Subject {
        kind: RequestKind::Resend,
        replica: "",
        entity: M::ENTITY,
    };
    let resends = Resends::<M> { read_key };
    turn::execute::<M::Sql, C, _>(subject, time, &resends, conn).await
}

/// The resends of an owner.
struct Resends<'r, M: Versioned> {
    read_key: &'r ParseKey<M::Id>,
}

impl<M, C> Work<C> for Resends<'_, M>
where
    C: Executor,
    M: Owner<C::Backend>,
    M::Version: SequentialVersion,
{
    async fn step(&self, claimed: Claimed, conn: &mut C) -> Result<Turn> {
        step::<M, C>(claimed, self.read_key, conn).await
    }
}

/// Sends some records, unless too many events are pending.
async fn step<M, C>(mut claimed: Claimed, read_key: &ParseKey<M::Id>, conn: &mut C) -> Result<Turn>
where
    C: Executor,
    M: Owner<C::Backend>,
    M::Version: SequentialVersion,
{
    let left = claimed
        .terms
        .chosen
        .saturating_sub(claimed.progress.counts.total());
    let mut room = claimed.step().min(left);
    if let Some(most) = claimed.terms.pending {
        let most = u64::from(most);
        let pending = Requests {
            limit: i64::try_from(most).unwrap_or(i64::MAX),
            ..Requests::default()
        };
        let pending = M::Sql::number(conn, on::<CountPending, M::Sql>(pending)).await?;
        let pending = u64::try_from(pending.unwrap_or_default()).unwrap_or(0);
        room = room.min(most.saturating_sub(pending));
    }
    if room == 0 && left > 0 {
        let note = "it waits until the relay has published pending events";
        postpone::<M::Sql, C>(&claimed, FULL, note, conn).await?;
        return Ok(Turn::DueIn(FULL));
    }
    let (done, stopped) = if claimed.terms.everything {
        send_page::<M, C>(&mut claimed, room, read_key, conn).await?
    } else {
        send_items::<M, C>(&mut claimed, room, read_key, conn).await?
    };
    let state = if done < room && stopped.is_none() {
        RequestState::Done
    } else {
        claimed.progress.state(stopped.is_some(), &claimed.terms)
    };
    advance::<M::Sql, C>(&claimed, state, done, stopped.as_deref(), conn).await?;
    Ok(Turn::Worked(claimed.progress.counts))
}

/// Sends the records that were chosen. Returns their number, and why the request ends early.
async fn send_items<M, C>(
    claimed: &mut Claimed,
    room: u64,
    read_key: &ParseKey<M::Id>,
    conn: &mut C,
) -> Result<(u64, Option<String>)>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let first = Requests {
        id: claimed.request.id,
        item: claimed.progress.place,
        limit: i64::try_from(room).unwrap_or(i64::MAX),
        ..Requests::default()
    };
    let items = M::Sql::items(conn, on::<FirstOpen, M::Sql>(first)).await?;
    let mut done = 0;
    for (item, key, ..) in items {
        let (outcome, error) = send::<M, C>(&key, read_key, conn).await?;
        let error = error.unwrap_or_default();
        let settled = Requests {
            item,
            outcome: outcome.name(),
            error: &error,
            ..first
        };
        run::<SettleItem, M::Sql, C>(settled, conn).await?;
        done += 1;
        claimed.progress.place = item + 1;
        if let Some(reason) = claimed.progress.count(outcome, &claimed.terms) {
            return Ok((done, Some(format!("{reason}: record {key}: {error}"))));
        }
    }
    Ok((done, None))
}

/// Sends one record. Returns also the error of a failure.
async fn send<M, C>(
    key: &str,
    read_key: &ParseKey<M::Id>,
    conn: &mut C,
) -> Result<(ItemOutcome, Option<String>)>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let Some(id) = read_key(key).filter(|id| M::key_text(id) == key) else {
        return Ok((ItemOutcome::Unknown, None));
    };
    conn.begin().await?;
    let done = resend_one::<M, C>(Record::At(&id), conn).await;
    match finish(done, conn).await {
        Ok(false) => Ok((ItemOutcome::Queued, None)),
        Ok(true) => Ok((ItemOutcome::DeletionQueued, None)),
        Err(Error::NotFound { .. }) => Ok((ItemOutcome::Unknown, None)),
        Err(error) if ends_the_transaction(&error) => Err(error),
        Err(error) => Ok((ItemOutcome::Failed, Some(storable(&error.to_string())))),
    }
}

/// Sends the next page of all records. Returns its length, and why the request ends early.
async fn send_page<M, C>(
    claimed: &mut Claimed,
    room: u64,
    read_key: &ParseKey<M::Id>,
    conn: &mut C,
) -> Result<(u64, Option<String>)>
where
    C: Executor,
    M: Owner<C::Backend>,
    M::Version: SequentialVersion,
{
    let cursor = claimed.progress.cursor.take();
    let after = match &cursor {
        None => After::Nothing,
        Some(Cursor { key, deleted: true }) => After::Deleted(key),
        Some(Cursor { key, .. }) => match read_key(key) {
            Some(id) => After::Row(id),
            None => return Ok((0, Some(format!("the key {key} cannot be read")))),
        },
    };
    let limit = usize::try_from(room).unwrap_or(usize::MAX);
    conn.begin().await?;
    let page = announce_page::<M, C>(None, after, limit, conn).await;
    match finish(page, conn).await {
        Ok(page) => {
            for event in &page {
                let outcome = match event.data {
                    Some(_) => ItemOutcome::Queued,
                    None => ItemOutcome::DeletionQueued,
                };
                claimed.progress.count(outcome, &claimed.terms);
            }
            let last = page.last().map(|event| Cursor {
                key: event.key.clone(),
                deleted: event.data.is_none(),
            });
            claimed.progress.cursor = last.or(cursor);
            Ok((page.len() as u64, None))
        }
        Err(error) if ends_the_transaction(&error) => Err(error),
        Err(error) => {
            claimed.progress.cursor = cursor;
            Ok((0, Some(storable(&error.to_string()))))
        }
    }
}
