//! Purges tombstones, dead letters and parked events, in batches.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use diesel::QueryResult;

use crate::clock::{Clock, Waited, wait};
use crate::dialect::{Dialect, SqlFor as _};
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::loadable::Persisted;
use crate::operation::conditions::number;
use crate::operation::replica::positions::{on, run};
use crate::operation::transaction::{Level, begin_at, finish};
use crate::purged::{Purged, Retention};
use crate::statement::{
    Discard, HoldLetter, HoldPosition, HoldTombstone, Letters, Lock, LockPurge, OldLetters,
    OldParked, OldTombstones, OnLetters, Position, PurgeLetters, PurgeParked, PurgePosition,
    PurgeTombstones,
};
use crate::trace;

/// Deletes what is older than the retention says, and returns how much that was.
pub(crate) async fn purge<M, C>(retention: &Retention, conn: &mut C) -> Result<Purged>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    check(retention)?;
    let mut purge = Purge {
        retention,
        dialect: conn.dialect::<M::Sql>().await?,
        purged: Purged::default(),
        after: String::new(),
        letter: 0,
    };
    let done = purge.all::<M, C>(conn).await;
    let purged = purge.purged;
    if purged.rows() > 0 {
        trace::purged(
            M::ENTITY,
            purged.tombstones,
            purged.dead_letters,
            purged.parked,
        );
    }
    done.map(|()| purged)
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
}

impl Kind {
    /// The age in microseconds from which on it is purged.
    fn age(self, retention: &Retention) -> Option<i64> {
        let age = match self {
            Self::Letters => retention.dead_letters,
            Self::Parked => retention.parked,
            Self::Tombstones => retention.tombstones,
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
    dialect: Dialect,
    purged: Purged,
    /// The key from which on the next batch looks.
    after: String,
    /// The last letter of the batch before. MySQL.
    letter: i64,
}

impl Purge<'_> {
    /// Deletes one kind after the other. A deletion is kept while there is an event of its record,
    /// and so comes last.
    async fn all<M, C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: Executor,
        M: Persisted<C::Backend>,
    {
        for kind in [Kind::Letters, Kind::Parked, Kind::Tombstones] {
            self.after.clear();
            while let Some(age) = kind.age(self.retention) {
                if self.purged.rows() >= self.retention.most {
                    self.purged.has_more = true;
                    return Ok(());
                }
                match self.batch::<M, C>(kind, age, conn).await? {
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
    async fn batch<M, C>(&mut self, kind: Kind, age: i64, conn: &mut C) -> Result<Batch>
    where
        C: Executor,
        M: Persisted<C::Backend>,
    {
        let left = self.retention.most - self.purged.rows();
        let limit = self.retention.batch.min(left);
        if matches!(kind, Kind::Parked) {
            return self.parked::<M, C>(age, limit, conn).await;
        }
        if self.dialect == Dialect::Sqlite {
            return Ok(self.rows::<M, C>(kind, age, limit, conn).await?);
        }
        begin_at::<M::Sql, C>(Level::ReadCommitted, conn).await?;
        let done = match self.is_first::<M, C>(conn).await {
            Ok(true) => self.rows::<M, C>(kind, age, limit, conn).await,
            Ok(false) => Ok(Batch::OtherRuns),
            Err(error) => Err(error),
        };
        finish(done.map_err(Into::into), conn).await
    }

    /// Returns whether no other purge is running.
    async fn is_first<M, C>(&self, conn: &mut C) -> QueryResult<bool>
    where
        C: Executor,
        M: Persisted<C::Backend>,
    {
        if self.dialect != Dialect::Postgres {
            return Ok(true);
        }
        let all = Position::of::<M, C::Backend>();
        let locked = M::Sql::number(conn, on::<LockPurge, M::Sql, C>(all)).await?;
        Ok(locked == Some(1))
    }

    async fn rows<M, C>(
        &mut self,
        kind: Kind,
        age: i64,
        limit: usize,
        conn: &mut C,
    ) -> QueryResult<Batch>
    where
        C: Executor,
        M: Persisted<C::Backend>,
    {
        let is_mysql = self.dialect == Dialect::Mysql;
        let (found, deleted) = match kind {
            Kind::Tombstones if is_mysql => self.each_tombstone::<M, C>(age, limit, conn).await?,
            Kind::Letters if is_mysql => self.each_letter::<M, C>(age, limit, conn).await?,
            Kind::Letters => {
                let old = Letters {
                    at: age,
                    limit: number(limit),
                    ..Letters::of::<M, C::Backend>()
                };
                let purge = OnLetters::<PurgeLetters, M::Sql>::new(old);
                let deleted = M::Sql::pairs(conn, purge).await?.len();
                (deleted, deleted)
            }
            Kind::Tombstones | Kind::Parked => {
                let old = self.old::<M, C>(age, limit);
                let deleted = M::Sql::pairs(conn, on::<PurgeTombstones, M::Sql, C>(old)).await?;
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
            Kind::Tombstones | Kind::Parked => self.purged.tombstones += deleted,
        }
        Ok(if found < limit {
            Batch::Last
        } else {
            Batch::Full
        })
    }

    /// For statements about what is old.
    fn old<M, C>(&self, age: i64, limit: usize) -> Position<'_>
    where
        C: Executor,
        M: Persisted<C::Backend>,
    {
        Position {
            key: &self.after,
            at: age,
            newest: number(limit),
            ..Position::of::<M, C::Backend>()
        }
    }

    /// Deletes tombstones one by one, and returns how many were found and deleted. MySQL.
    async fn each_tombstone<M, C>(
        &mut self,
        age: i64,
        limit: usize,
        conn: &mut C,
    ) -> QueryResult<(usize, usize)>
    where
        C: Executor,
        M: Persisted<C::Backend>,
    {
        let old = self.old::<M, C>(age, limit);
        let found = M::Sql::pairs(conn, on::<OldTombstones, M::Sql, C>(old)).await?;
        let mut deleted = 0;
        for (key, _) in &found {
            let one = Position { key, ..old };
            let held = M::Sql::number(conn, on::<HoldTombstone, M::Sql, C>(one)).await?;
            if held.is_some() {
                deleted += run::<PurgePosition, M::Sql, C>(one, conn).await?;
            }
        }
        let count = found.len();
        self.after_last(found);
        Ok((count, deleted))
    }

    /// Deletes letters one by one, and returns how many were found and deleted. MySQL.
    async fn each_letter<M, C>(
        &mut self,
        age: i64,
        limit: usize,
        conn: &mut C,
    ) -> QueryResult<(usize, usize)>
    where
        C: Executor,
        M: Persisted<C::Backend>,
    {
        let old = Letters {
            id: self.letter,
            at: age,
            limit: number(limit),
            ..Letters::of::<M, C::Backend>()
        };
        let found = M::Sql::pairs(conn, OnLetters::<OldLetters, M::Sql>::new(old)).await?;
        let mut deleted = 0;
        for (_, id) in &found {
            let one = Letters { id: *id, ..old };
            let hold = OnLetters::<HoldLetter, M::Sql>::new(one);
            if M::Sql::number(conn, hold).await?.is_some() {
                deleted += conn.execute(OnLetters::<Discard, M::Sql>::new(one)).await?;
            }
            self.letter = *id;
        }
        Ok((found.len(), deleted))
    }

    /// Deletes the parked events of some records, each in a transaction. The position is locked, as
    /// by every operation that parks or applies an event of the record: an event that is parked once
    /// more must not be lost.
    async fn parked<M, C>(&mut self, age: i64, limit: usize, conn: &mut C) -> Result<Batch>
    where
        C: Executor,
        M: Persisted<C::Backend>,
    {
        let old = self.old::<M, C>(age, limit);
        let found = M::Sql::pairs(conn, on::<OldParked, M::Sql, C>(old)).await?;
        let mut deleted = 0;
        for (key, _) in &found {
            let one = Position { key, ..old };
            begin_at::<M::Sql, C>(Level::ReadCommitted, conn).await?;
            let done = parked_of::<M, C>(one, self.dialect, conn).await;
            deleted += finish(done, conn).await?;
        }
        self.purged.parked += deleted;
        let is_last = found.len() < limit;
        self.after_last(found);
        Ok(if is_last { Batch::Last } else { Batch::Full })
    }

    /// Goes on after the last of these keys.
    fn after_last(&mut self, found: Vec<(String, i64)>) {
        if let Some((mut key, _)) = found.into_iter().next_back() {
            key.push('\u{1}');
            self.after = key;
        }
    }
}

async fn parked_of<M, C>(old: Position<'_>, dialect: Dialect, conn: &mut C) -> QueryResult<usize>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    let is_held = match dialect {
        Dialect::Sqlite => run::<Lock, M::Sql, C>(old, conn).await? > 0,
        Dialect::Postgres | Dialect::Mysql => {
            let held = M::Sql::number(conn, on::<HoldPosition, M::Sql, C>(old)).await?;
            held.is_some()
        }
    };
    if !is_held {
        return Ok(0);
    }
    run::<PurgeParked, M::Sql, C>(old, conn).await
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
