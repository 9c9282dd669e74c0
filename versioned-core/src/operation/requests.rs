//! Requests: stored, listed and canceled without a model. Whoever executes them has the model.

pub(crate) mod serve;
pub(crate) mod store;
pub(crate) mod turn;

use diesel::QueryResult;

use crate::dialect::{Item, Requested, SqlFor};
use crate::error::Result;
use crate::event::time_of;
use crate::executor::Executor;
use crate::outbox::SupportedBackend;
use crate::request::{
    ItemOutcome, Progress, Request, RequestItem, RequestKind, RequestState, Terms,
};
use crate::runner::Runner;
use crate::statement::{
    CancelRequest, Choice, Choose, ItemPage, OnRequests, OpenRequests, RequestPage, RequestValue,
    Requests, SqlTemplate,
};

pub(super) type Sql<C> = <<C as Runner>::Backend as SupportedBackend>::Sql;

/// What a request is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) kind: RequestKind,
    /// Empty for an owner.
    pub(crate) replica: &'a str,
    pub(crate) entity: &'a str,
}

/// Counts stop here, so that none reads a large table.
pub(crate) const MOST: i64 = 10_001;

/// Loads requests in the order of their ids, after the one with the id `after`.
pub(crate) async fn list<C>(after: i64, most: usize, conn: &mut C) -> Result<Vec<Request>>
where
    C: Executor<Backend: SupportedBackend>,
{
    let page = Requests {
        id: after,
        limit: i64::try_from(most).unwrap_or(i64::MAX),
        ..Requests::default()
    };
    let found = Sql::<C>::requests(conn, on::<RequestPage, Sql<C>>(page)).await?;
    Ok(found.into_iter().map(|row| shown(row).0).collect())
}

/// Counts the records that open resends have still to send, as far as their number is known. Without
/// the tables of requests, it is 0.
#[cfg_attr(
    not(feature = "metrics"),
    allow(dead_code, reason = "used by the feature `metrics`")
)]
pub(crate) async fn resends_left<C>(conn: &mut C) -> Result<u64>
where
    C: Executor<Backend: SupportedBackend>,
{
    if !turn::exist::<Sql<C>, C>(conn).await? {
        return Ok(0);
    }
    let open = Requests {
        kind: RequestKind::Resend.name(),
        limit: MOST,
        ..Requests::default()
    };
    let found = Sql::<C>::requests(conn, on::<OpenRequests, Sql<C>>(open)).await?;
    let left = found.into_iter().filter_map(|row| shown(row).0.left());
    Ok(left.fold(0, u64::saturating_add))
}

/// Loads a request.
pub(crate) async fn find<C>(id: i64, conn: &mut C) -> Result<Option<Request>>
where
    C: Executor<Backend: SupportedBackend>,
{
    Ok(load(id, conn).await?.map(|(request, _)| request))
}

async fn load<C>(id: i64, conn: &mut C) -> Result<Option<(Request, Terms)>>
where
    C: Executor<Backend: SupportedBackend>,
{
    let page = Requests {
        id: id.saturating_sub(1),
        limit: 1,
        ..Requests::default()
    };
    let found = Sql::<C>::requests(conn, on::<RequestPage, Sql<C>>(page)).await?;
    let found = found.into_iter().map(shown);
    Ok(found.into_iter().find(|(request, _)| request.id == id))
}

/// Loads the letters or records of a request, after the item `after`.
pub(crate) async fn results<C>(
    id: i64,
    after: i64,
    most: usize,
    conn: &mut C,
) -> Result<Vec<RequestItem>>
where
    C: Executor<Backend: SupportedBackend>,
{
    let page = Requests {
        id,
        item: after,
        limit: i64::try_from(most).unwrap_or(i64::MAX),
        ..Requests::default()
    };
    let found = Sql::<C>::items(conn, on::<ItemPage, Sql<C>>(page)).await?;
    Ok(found.into_iter().map(shown_item).collect())
}

/// Counts the letters that the filter of a request matches and that are newer than it.
pub(crate) async fn newer<C>(id: i64, conn: &mut C) -> Result<u64>
where
    C: Executor<Backend: SupportedBackend>,
{
    let Some((request, terms)) = load(id, conn).await? else {
        return Ok(0);
    };
    if request.kind != RequestKind::Redrive {
        return Ok(0);
    }
    let choice = Choice {
        replica: &request.replica,
        entity: &request.entity,
        filter: &terms.filter,
        above: terms.newest,
        newest: i64::MAX,
        limit: MOST,
    };
    count(choice, conn).await
}

async fn count<C>(choice: Choice<'_>, conn: &mut C) -> Result<u64>
where
    C: Executor<Backend: SupportedBackend>,
{
    let flavor = std::marker::PhantomData;
    let found = Sql::<C>::numbers(conn, Choose::<Sql<C>> { choice, flavor }).await?;
    Ok(found.len() as u64)
}

/// Cancels a request. Returns `false` if it is not open.
pub(crate) async fn cancel<C>(id: i64, conn: &mut C) -> Result<bool>
where
    C: Executor<Backend: SupportedBackend>,
{
    let request = Requests {
        id,
        ..Requests::default()
    };
    // It waits for the step that runs now.
    Ok(run::<CancelRequest, Sql<C>, C>(request, conn).await? > 0)
}

/// Returns a request and its terms.
pub(crate) fn shown(row: Requested) -> (Request, Terms) {
    let (id, kind, replica, entity, state, terms, progress, note, created_at, last_at) = row;
    // A newer version of this crate may have stored it.
    let terms: Terms = serde_json::from_str(&terms).unwrap_or_default();
    let progress: Progress = serde_json::from_str(&progress).unwrap_or_default();
    let request = Request {
        id,
        kind: RequestKind::of(&kind),
        replica,
        entity,
        state: RequestState::of(&state),
        filter: terms.filter.clone(),
        chosen: terms.chosen,
        beyond_limit: terms.beyond,
        counts: progress.counts,
        note: (!note.is_empty()).then_some(note),
        requested_by: terms.by.clone(),
        reason: terms.why.clone(),
        created_at: time_of(created_at),
        last_at: (last_at > 0).then(|| time_of(last_at)),
    };
    (request, terms)
}

pub(crate) fn shown_item((item, key, version, outcome, error, at): Item) -> RequestItem {
    RequestItem {
        item,
        key: (!key.is_empty()).then_some(key),
        version,
        outcome: ItemOutcome::of(&outcome),
        error: (!error.is_empty()).then_some(error),
        at: (at > 0).then(|| time_of(at)),
    }
}

pub(crate) fn on<T, F>(values: Requests<'_>) -> OnRequests<'_, T, F>
where
    T: SqlTemplate<RequestValue>,
    F: ?Sized,
{
    OnRequests::new(values)
}

pub(crate) async fn run<T, F, C>(values: Requests<'_>, conn: &mut C) -> QueryResult<usize>
where
    T: SqlTemplate<RequestValue>,
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    conn.execute(on::<T, F>(values)).await
}
