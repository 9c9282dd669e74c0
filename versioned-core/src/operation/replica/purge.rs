//! Purges tombstones, dead letters, parked events and ended requests, in batches.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use diesel::QueryResult;

use crate::backlog::Count;
use crate::clock::{Clock, Waited, wait};
use crate::counters;
use crate::dialect::{Dialect, SqlFor};
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::loadable::Persisted;
use crate::operation::conditions::number;
use crate::operation::replica::positions::{on, run};
use crate::operation::requests::{on as on_request, run as run_request};
use crate::operation::transaction::{Level, begin_at, finish};
use crate::purged::{Old, Purged, Retention};
use crate::statement::{
    CountOldLetters, CountOldParked, CountOldRequests, CountOldTombstones, Discard, HoldLetter,
    HoldPosition, HoldRequest, HoldTombstone, Letters, Lock, LockPurge, OldLetters, OldParked,
    OldRequests, OldTombstones, OnLetters, Position, PurgeItems, PurgeLetters, PurgeParked,
    PurgePosition, PurgeRequest, PurgeTombstones, Requests, TouchRequest,
};
use crate::trace;

/// Deletes what is older than the retention says, and returns how much that was.
pub(crate) async fn purge<M, C>(retention: &Retention, conn: &mut C) -> Result<Purged>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    purge_of::<M::Sql, C>(retention, M::replica(), M::ENTITY, conn).await
}

/// As [`purge`], by the names in the tables. An owner has an empty replica.
pub(crate) async fn purge_of<F, C>(
    retention: &Retention,
    replica: &str,
    entity: &str,
    conn: &mut C,
) -> Result<Purged>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    check(retention)?;
    let mut purge = Purge {
        retention,
        replica,
        entity,
        dialect: conn.dialect::<F>().await?,
        purged: Purged::default(),
        after: String::new(),
        id: 0,
    };
    let done = purge.all::<F, C>(conn).await;
    let purged = purge.purged;
    counters::purged(&purged);
    if purged.rows() > 0 {
        trace::purged(
            entity,
            purged.tombstones,
            purged.dead_letters,
            purged.parked,
            purged.requests,
        );
    }
    done.map(|()| purged)
}

/// Counts what a purge would delete, each up to `most`. Writes nothing.
pub(crate) async fn old<F, C>(
    retention: &Retention,
    replica: &str,
    entity: &str,
    most: u64,
    conn: &mut C,
) -> Result<Old>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    check(retention)?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut old = Old::default();
    for kind in KINDS {
        let Some(at) = kind.age(retention) else {
            continue;
        };
        let position = Position {
            at,
            newest: limit,
            ..Position::named(replica, entity)
        };
        let letters = Letters {
            at,
            limit,
            ..Letters::named(replica, entity)
        };
        let requests = Requests {
            replica,
            entity,
            pause: at,
            limit,
            ..Requests::default()
        };
        let (found, count) = match kind {
            Kind::Letters => {
                let count = OnLetters::<CountOldLetters, F>::new(letters);
                (F::number(conn, count).await?, &mut old.dead_letters)
            }
            Kind::Parked => {
                let count = on::<CountOldParked, F, C>(position);
                (F::number(conn, count).await?, &mut old.parked)
            }
            Kind::Tombstones => {
                let count = on::<CountOldTombstones, F, C>(position);
                (F::number(conn, count).await?, &mut old.tombstones)
            }
            Kind::Requests => {
                let count = on_request::<CountOldRequests, F>(requests);
                (F::number(conn, count).await?, &mut old.requests)
            }
        };
        *count = Count::up_to(most, found.unwrap_or(0));
    }
    Ok(old)
}

/// Refuses to forget deletions of which an event may still be kept.
fn check(retention: &Retention) -> Result<()> {
    let Some(tombstones) = retention.tombstones else {
        return Ok(());
    };
    for (kind, age) in [
        ("dead letters", retention.dead_letters),
        ("parked events", retention.parked),
    ] {
        if age.is_some_and(|age| age > tombstones) {
            return Err(Error::other(format!(
                "keep tombstones for at least as long as {kind}: an event that is applied after its \
                 record's deletion was purged restores the record"
            )));
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Letters,
    Parked,
    Tombstones,
    Requests,
}

/// A deletion is kept while there is an event of its record, and so comes after the events.
const KINDS: [Kind; 4] = [
    Kind::Letters,
    Kind::Parked,
    Kind::Tombstones,
    Kind::Requests,
];

impl Kind {
    /// The age in microseconds from which on it is purged.
    fn age(self, retention: &Retention) -> Option<i64> {
        let age = match self {
            Self::Letters => retention.dead_letters,
            Self::Parked => retention.parked,
            Self::Tombstones => retention.tombstones,
            Self::Requests => retention.requests,
        };
        // The time of the database minus the age does not overflow then.
        age.map(|age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX / 2))
    }
}

enum Batch {
    /// There may be more.
    Full,
    Last,
    OtherRuns,
}

/// A purge that runs.
struct Purge<'r> {
    retention: &'r Retention,
    replica: &'r str,
    entity: &'r str,
    dialect: Dialect,
    purged: Purged,
    /// The key from which on the next batch looks.
    after: String,
    /// The last request of the batch before, or on MySQL the last letter.
    id: i64,
}

impl Purge<'_> {
    /// Deletes one kind after the other.
    async fn all<F, C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: Executor,
        F: SqlFor<C::Backend> + ?Sized,
    {
        for kind in KINDS {
            self.after.clear();
            self.id = 0;
            while let Some(age) = kind.age(self.retention) {
                if self.purged.rows() >= self.retention.most {
                    self.purged.has_more = true;
                    return Ok(());
                }
                match self.batch::<F, C>(kind, age, conn).await? {
                    Batch::Last => break,
                    Batch::OtherRuns => {
                        self.purged.is_other_running = true;
                        return Ok(());
                    }
                    Batch::Full => conn.sleep(self.retention.pause).await,
                }
            }
        }
        Ok(())
    }

    /// Deletes a batch, in a transaction.
    async fn batch<F, C>(&mut self, kind: Kind, age: i64, conn: &mut C) -> Result<Batch>
    where
        C: Executor,
        F: SqlFor<C::Backend> + ?Sized,
    {
        let left = self.retention.most - self.purged.rows();
        let limit = self.retention.batch.min(left);
        match kind {
            Kind::Parked => return self.parked::<F, C>(age, limit, conn).await,
            Kind::Requests => return self.requests::<F, C>(age, limit, conn).await,
            Kind::Letters | Kind::Tombstones => {}
        }
        if self.dialect == Dialect::Sqlite {
            return Ok(self.rows::<F, C>(kind, age, limit, conn).await?);
        }
        begin_at::<F, C>(Level::ReadCommitted, conn).await?;
        let done = match self.is_first::<F, C>(conn).await {
            Ok(true) => self.rows::<F, C>(kind, age, limit, conn).await,
            Ok(false) => Ok(Batch::OtherRuns),
            Err(error) => Err(error),
        };
        finish(done.map_err(Into::into), conn).await
    }

    /// Returns whether no other purge is running.
    async fn is_first<F, C>(&self, conn: &mut C) -> QueryResult<bool>
    where
        C: Executor,
        F: SqlFor<C::Backend> + ?Sized,
    {
        if self.dialect != Dialect::Postgres {
            return Ok(true);
        }
        let all = Position::named(self.replica, self.entity);
        let locked = F::number(conn, on::<LockPurge, F, C>(all)).await?;
        Ok(locked == Some(1))
    }

    async fn rows<F, C>(
        &mut self,
        kind: Kind,
        age: i64,
        limit: usize,
        conn: &mut C,
    ) -> QueryResult<Batch>
    where
        C: Executor,
        F: SqlFor<C::Backend> + ?Sized,
    {
        let is_mysql = self.dialect == Dialect::Mysql;
        let (found, deleted) = match kind {
            Kind::Tombstones if is_mysql => self.each_tombstone::<F, C>(age, limit, conn).await?,
            Kind::Letters if is_mysql => self.each_letter::<F, C>(age, limit, conn).await?,
            Kind::Letters => {
                let old = Letters {
                    at: age,
                    limit: number(limit),
                    ..Letters::named(self.replica, self.entity)
                };
                let purge = OnLetters::<PurgeLetters, F>::new(old);
                let deleted = F::pairs(conn, purge).await?.len();
                (deleted, deleted)
            }
            Kind::Tombstones | Kind::Parked | Kind::Requests => {
                let old = self.old(age, limit);
                let deleted = F::pairs(conn, on::<PurgeTombstones, F, C>(old)).await?;
                let count = deleted.len();
                self.after = deleted
                    .into_iter()
                    .map(|(key, _)| key)
                    .max()
                    .unwrap_or_default();
                (count, count)
            }
        };
        match kind {
            Kind::Letters => self.purged.dead_letters += deleted,
            Kind::Tombstones | Kind::Parked | Kind::Requests => self.purged.tombstones += deleted,
        }
        Ok(if found < limit {
            Batch::Last
        } else {
            Batch::Full
        })
    }

    /// For statements about what is old.
    fn old(&self, age: i64, limit: usize) -> Position<'_> {
        Position {
            key: &self.after,
            at: age,
            newest: number(limit),
            ..Position::named(self.replica, self.entity)
        }
    }

    /// Deletes tombstones one by one, and returns how many were found and deleted. MySQL.
    async fn each_tombstone<F, C>(
        &mut self,
        age: i64,
        limit: usize,
        conn: &mut C,
    ) -> QueryResult<(usize, usize)>
    where
        C: Executor,
        F: SqlFor<C::Backend> + ?Sized,
    {
        let old = self.old(age, limit);
        let found = F::pairs(conn, on::<OldTombstones, F, C>(old)).await?;
        let mut deleted = 0;
        for (key, _) in &found {
            let one = Position { key, ..old };
            let held = F::number(conn, on::<HoldTombstone, F, C>(one)).await?;
            if held.is_some() {
                deleted += run::<PurgePosition, F, C>(one, conn).await?;
            }
        }
        let count = found.len();
        self.after_last(found);
        Ok((count, deleted))
    }

    /// Deletes letters one by one, and returns how many were found and deleted. MySQL.
    async fn each_letter<F, C>(
        &mut self,
        age: i64,
        limit: usize,
        conn: &mut C,
    ) -> QueryResult<(usize, usize)>
    where
        C: Executor,
        F: SqlFor<C::Backend> + ?Sized,
    {
        let old = Letters {
            id: self.id,
            at: age,
            limit: number(limit),
            ..Letters::named(self.replica, self.entity)
        };
        let found = F::pairs(conn, OnLetters::<OldLetters, F>::new(old)).await?;
        let mut deleted = 0;
        for (_, id) in &found {
            let one = Letters { id: *id, ..old };
            let hold = OnLetters::<HoldLetter, F>::new(one);
            if F::number(conn, hold).await?.is_some() {
                deleted += conn.execute(OnLetters::<Discard, F>::new(one)).await?;
            }
            self.id = *id;
        }
        Ok((found.len(), deleted))
    }

    /// Deletes the parked events of some records, each in a transaction. The position is locked, as
    /// by every operation that parks or applies an event of the record: an event that is parked once
    /// more must not be lost.
    async fn parked<F, C>(&mut self, age: i64, limit: usize, conn: &mut C) -> Result<Batch>
    where
        C: Executor,
        F: SqlFor<C::Backend> + ?Sized,
    {
        let old = self.old(age, limit);
        let found = F::pairs(conn, on::<OldParked, F, C>(old)).await?;
        let mut deleted = 0;
        for (key, _) in &found {
            let one = Position { key, ..old };
            begin_at::<F, C>(Level::ReadCommitted, conn).await?;
            let done = parked_of::<F, C>(one, self.dialect, conn).await;
            deleted += finish(done, conn).await?;
        }
        self.purged.parked += deleted;
        let is_last = found.len() < limit;
        self.after_last(found);
        Ok(if is_last { Batch::Last } else { Batch::Full })
    }

    /// Deletes ended requests, each with its items, and the items in transactions of their own if
    /// they are many.
    async fn requests<F, C>(&mut self, age: i64, limit: usize, conn: &mut C) -> Result<Batch>
    where
        C: Executor,
        F: SqlFor<C::Backend> + ?Sized,
    {
        let old = Requests {
            id: self.id,
            replica: self.replica,
            entity: self.entity,
            pause: age,
            limit: number(limit),
            ..Requests::default()
        };
        let found = F::numbers(conn, on_request::<OldRequests, F>(old)).await?;
        for id in &found {
            self.id = *id;
            let one = Requests { id: *id, ..old };
            loop {
                begin_at::<F, C>(Level::ReadCommitted, conn).await?;
                let done = request::<F, C>(one, self.dialect, conn).await;
                match finish(done, conn).await? {
                    Ended::Locked => break,
                    Ended::Deleted => {
                        self.purged.requests += 1;
                        break;
                    }
                    Ended::HasMore => conn.sleep(self.retention.pause).await,
                }
            }
        }
        Ok(if found.len() < limit {
            Batch::Last
        } else {
            Batch::Full
        })
    }

    /// Goes on after the last of these keys.
    fn after_last(&mut self, found: Vec<(String, i64)>) {
        if let Some((mut key, _)) = found.into_iter().next_back() {
            key.push('\u{1}');
            self.after = key;
        }
    }
}

async fn parked_of<F, C>(old: Position<'_>, dialect: Dialect, conn: &mut C) -> QueryResult<usize>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    let is_held = match dialect {
        Dialect::Sqlite => run::<Lock, F, C>(old, conn).await? > 0,
        Dialect::Postgres | Dialect::Mysql => {
            let held = F::number(conn, on::<HoldPosition, F, C>(old)).await?;
            held.is_some()
        }
    };
    if !is_held {
        return Ok(0);
    }
    run::<PurgeParked, F, C>(old, conn).await
}

/// What became of an ended request.
enum Ended {
    /// Another purge has it.
    Locked,
    /// It has more items.
    HasMore,
    Deleted,
}

/// Deletes some items of a request that has ended, and after the last of them the request.
async fn request<F, C>(request: Requests<'_>, dialect: Dialect, conn: &mut C) -> QueryResult<Ended>
where
    C: Executor,
    F: SqlFor<C::Backend> + ?Sized,
{
    if dialect == Dialect::Sqlite {
        run_request::<TouchRequest, F, C>(request, conn).await?;
    }
    let held = F::number(conn, on_request::<HoldRequest, F>(request)).await?;
    if held.is_none() {
        return Ok(Ended::Locked);
    }
    let items = run_request::<PurgeItems, F, C>(request, conn).await?;
    if number(items) >= request.limit {
        return Ok(Ended::HasMore);
    }
    run_request::<PurgeRequest, F, C>(request, conn).await?;
    Ok(Ended::Deleted)
}

/// Purges on a connection.
pub(crate) trait Purging: Send {
    fn purge(&mut self) -> impl Future<Output = Result<Purged>> + Send;
}

/// Purges now and then, until `shutdown` is ready.
pub(crate) async fn keep_purging<K: Clock>(
    clock: &K,
    every: Duration,
    mut purging: impl Purging,
    mut report: impl FnMut(Result<Purged>),
    shutdown: impl Future,
) {
    let mut shutdown = pin!(shutdown);
    loop {
        report(purging.purge().await);
        if wait(clock, every, &mut shutdown, pending::<()>()).await == Waited::Stopped {
            return;
        }
    }
}
