//! Stores a request, with the letters or records that it chooses.

use std::marker::PhantomData;

use super::{MOST, Sql, Subject, count, find, on, run};
use crate::dialect::{Dialect, SqlFor as _};
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::operation::transaction::{Level, begin_at, finish};
use crate::outbox::SupportedBackend;
use crate::request::{Progress, Request, RequestState, Terms};
use crate::statement::{
    AddItem, AmendRequest, Choice, LastItem, LastRequest, LettersOfRequest, NewestLetter, Requests,
    StoreRequest, TouchRequest,
};

/// The letters that a request would choose now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) number: u64,
    pub(crate) beyond: u64,
    pub(crate) newest: i64,
}

/// Counts the letters that a redrive would choose. Writes nothing.
pub(crate) async fn plan<C>(subject: Subject<'_>, terms: &Terms, conn: &mut C) -> Result<Chosen>
where
    C: Executor<Backend: SupportedBackend>,
{
    let newest = newest(subject, conn).await?;
    let limit = i64::try_from(terms.limit).unwrap_or(i64::MAX);
    let choice = Choice {
        limit: limit.saturating_add(MOST),
        ..choice(subject, terms, newest)
    };
    let matched = count(choice, conn).await?;
    let chosen = matched.min(terms.limit);
    Ok(Chosen {
        number: chosen,
        beyond: matched - chosen,
        newest,
    })
}

/// Stores a redrive and the letters that it chooses.
pub(crate) async fn redrive<C>(subject: Subject<'_>, terms: Terms, conn: &mut C) -> Result<Request>
where
    C: Executor<Backend: SupportedBackend>,
{
    begin_at::<Sql<C>, C>(Level::ReadCommitted, conn).await?;
    let done = store_redrive(subject, terms, conn).await;
    finish(done, conn).await
}

async fn store_redrive<C>(subject: Subject<'_>, terms: Terms, conn: &mut C) -> Result<Request>
where
    C: Executor<Backend: SupportedBackend>,
{
    let id = store(subject, &terms, conn).await?;
    let newest = newest(subject, conn).await?;
    let letters = LettersOfRequest::<Sql<C>> {
        request: id,
        choice: choice(subject, &terms, newest),
        flavor: PhantomData,
    };
    let chosen = conn.execute(letters).await? as u64;
    let request = Requests {
        id,
        ..Requests::default()
    };
    let last = Sql::<C>::number(conn, on::<LastItem, Sql<C>>(request)).await?;
    let more = Choice {
        above: last.unwrap_or_default(),
        limit: MOST,
        ..choice(subject, &terms, newest)
    };
    let beyond = if chosen < terms.limit {
        0
    } else {
        count(more, conn).await?
    };
    let terms = Terms {
        chosen,
        beyond,
        newest,
        ..terms
    };
    amended(id, &terms, conn).await
}

/// Stores a request of these records, or of all records.
pub(crate) async fn records<C>(
    subject: Subject<'_>,
    terms: Terms,
    keys: &[String],
    conn: &mut C,
) -> Result<Request>
where
    C: Executor<Backend: SupportedBackend>,
{
    begin_at::<Sql<C>, C>(Level::ReadCommitted, conn).await?;
    let done = async {
        let id = store(subject, &terms, conn).await?;
        for (item, key) in (1..).zip(keys) {
            let item = Requests {
                id,
                item,
                key,
                ..Requests::default()
            };
            run::<AddItem, Sql<C>, C>(item, conn).await?;
        }
        amended(id, &terms, conn).await
    };
    let done = done.await;
    finish(done, conn).await
}

/// Stores a request, and returns its id.
async fn store<C>(subject: Subject<'_>, terms: &Terms, conn: &mut C) -> Result<i64>
where
    C: Executor<Backend: SupportedBackend>,
{
    let terms = json(terms)?;
    let progress = json(&Progress::default())?;
    let request = Requests {
        kind: subject.kind.name(),
        replica: subject.replica,
        entity: subject.entity,
        state: RequestState::Open.name(),
        terms: &terms,
        progress: &progress,
        ..Requests::default()
    };
    let dialect = conn.dialect::<Sql<C>>().await?;
    if dialect == Dialect::Sqlite {
        // A transaction that reads first fails if another connection writes in between.
        run::<TouchRequest, Sql<C>, C>(request, conn).await?;
    }
    let id = if dialect == Dialect::Mysql {
        run::<StoreRequest, Sql<C>, C>(request, conn).await?;
        Sql::<C>::number(conn, on::<LastRequest, Sql<C>>(request)).await?
    } else {
        Sql::<C>::number(conn, on::<StoreRequest, Sql<C>>(request)).await?
    };
    id.ok_or_else(|| Error::other("the database returned no id of the new request"))
}

/// Completes the terms of a request, and returns it.
async fn amended<C>(id: i64, terms: &Terms, conn: &mut C) -> Result<Request>
where
    C: Executor<Backend: SupportedBackend>,
{
    let state = if terms.chosen == 0 {
        RequestState::Done
    } else {
        RequestState::Open
    };
    let request = Requests {
        id,
        state: state.name(),
        terms: &json(terms)?,
        ..Requests::default()
    };
    run::<AmendRequest, Sql<C>, C>(request, conn).await?;
    let stored = find(id, conn).await?;
    stored.ok_or_else(|| Error::other("the new request is gone"))
}

async fn newest<C>(subject: Subject<'_>, conn: &mut C) -> Result<i64>
where
    C: Executor<Backend: SupportedBackend>,
{
    let letters = Requests {
        replica: subject.replica,
        entity: subject.entity,
        ..Requests::default()
    };
    let newest = Sql::<C>::number(conn, on::<NewestLetter, Sql<C>>(letters)).await?;
    Ok(newest.unwrap_or_default())
}

fn choice<'a>(subject: Subject<'a>, terms: &'a Terms, newest: i64) -> Choice<'a> {
    Choice {
        replica: subject.replica,
        entity: subject.entity,
        filter: &terms.filter,
        above: 0,
        newest,
        limit: i64::try_from(terms.limit).unwrap_or(i64::MAX),
    }
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Error::other)
}
