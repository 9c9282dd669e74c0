//! Applies many events in one transaction.

mod newest;

use self::newest::apply_newest;
use crate::dependent::Dependent;
use crate::error::Result;
use crate::event::{Event, Op};
use crate::executor::Executor;
use crate::model::Policy;
use crate::operation::closure::NoHook;
use crate::operation::replica::apply::{RETRY, apply_one, may_retry};
use crate::operation::replica::incoming::Incoming;
use crate::operation::transaction::{Level, begin_at, finish};
use crate::outcome::Outcome;

/// Applies events in one transaction, ordered by key and version, so that concurrent calls never
/// deadlock. Returns the outcomes in the order of `events`.
pub(crate) async fn apply_all<M, C>(events: &[Event<M>], conn: &mut C) -> Result<Vec<Outcome>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let mut incoming = Vec::with_capacity(events.len());
    for (place, event) in events.iter().enumerate() {
        incoming.push((place, Incoming::check::<C::Backend>(event)?));
    }
    incoming.sort_by(|(_, one), (_, two)| {
        let place = |incoming: &Incoming<'_, M>| {
            // A snapshot may repeat the version of another event.
            (incoming.event.version, incoming.event.op == Op::Snapshot)
        };
        (&one.event.key, place(one)).cmp(&(&two.event.key, place(two)))
    });
    let mut retries = RETRY.attempts();
    let mut level = Level::to_insert(conn.dialect::<M::Sql>().await?);
    loop {
        begin_at::<M::Sql, C>(level, conn).await?;
        let done = apply_sorted(&incoming, conn).await;
        match finish(done, conn).await {
            Err(lost) if may_retry(&lost, conn) => match retries.next() {
                Some(pause) => conn.sleep(pause).await,
                None => return Err(lost),
            },
            done => return done,
        }
        level = Level::ReadCommitted;
    }
}

/// An event, and its index in the caller's slice.
type Placed<'e, M> = (usize, Incoming<'e, M>);

async fn apply_sorted<M, C>(incoming: &[Placed<'_, M>], conn: &mut C) -> Result<Vec<Outcome>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let mut outcomes = if M::POLICY == Policy::Latest {
        apply_newest(incoming, conn).await?
    } else {
        let mut outcomes = Vec::with_capacity(incoming.len());
        for (place, incoming) in incoming {
            let outcome = apply_one(incoming, conn, &mut NoHook).await?;
            outcomes.push((*place, outcome));
        }
        outcomes
    };
    outcomes.sort_unstable_by_key(|(place, _)| *place);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}
