//! Forgets one record of a replica for good.

use crate::dependent::Dependent;
use crate::error::Result;
use crate::event::{Event, Op};
use crate::executor::Executor;
use crate::operation::closure::NoHook;
use crate::operation::replica::apply::apply_one;
use crate::operation::replica::incoming::Incoming;
use crate::operation::replica::positions::run;
use crate::operation::replica::step::remove;
use crate::operation::transaction::{Level, RETRY, begin_at, finish, may_retry};
use crate::outcome::Outcome;
use crate::statement::{DiscardRecord, Drop, Letters, OnLetters};

/// Deletes a record's row, its parked events and its dead letters, and remembers that it is deleted
/// for good.
pub(crate) async fn forget<M, C>(id: &M::Id, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let key = M::key_text(id);
    let event: Event<M> = Event::new(Op::DeletedForever, M::ENTITY, key, i64::MAX, None);
    let incoming = Incoming::check::<C::Backend>(&event)?;
    let mut retries = RETRY.attempts();
    loop {
        let level = Level::ReadCommitted.in_effect(conn);
        begin_at::<M::Sql, C>(Level::ReadCommitted, conn).await?;
        let done = forget_one(&incoming, level, conn).await;
        match finish(done, conn).await {
            Err(lost) if may_retry(&lost, conn) => match retries.next() {
                Some(pause) => conn.sleep(pause).await,
                None => return Err(lost),
            },
            done => return done,
        }
    }
}

/// Forgets a record of the key that a request has, in a savepoint of the open transaction.
pub(crate) async fn forget_key<M, C>(key: &str, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let event: Event<M> = Event::new(Op::DeletedForever, M::ENTITY, key, i64::MAX, None);
    let incoming = Incoming::check::<C::Backend>(&event)?;
    conn.begin().await?;
    // The turn has begun it.
    let done = forget_one(&incoming, Level::ReadCommitted, conn).await;
    finish(done, conn).await
}

async fn forget_one<M, C>(incoming: &Incoming<'_, M>, level: Level, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    // The letters are locked before the position, as they are when they are applied again.
    discard(incoming, conn).await?;
    let outcome = apply_one(incoming, level, conn, &mut NoHook).await?;
    // Of a record that was forgotten before, the row may have been written by hand.
    if let (Outcome::Duplicate { .. }, Some(id)) = (outcome, incoming.removes()) {
        remove::<M, C>(&incoming.event.key, id, conn).await?;
    }
    run::<Drop, M::Sql, C>(incoming.position(), conn).await?;
    // A consumer may have kept one meanwhile.
    discard(incoming, conn).await
}

async fn discard<M, C>(incoming: &Incoming<'_, M>, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let letters = Letters {
        key: &incoming.event.key,
        ..Letters::of::<M, C::Backend>()
    };
    conn.execute(OnLetters::<DiscardRecord, M::Sql>::new(letters))
        .await?;
    Ok(())
}
