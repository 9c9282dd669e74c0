//! The replica's own row as the guard, for records that are never deleted.

use diesel::QueryResult;

use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::operation::replica::incoming::{
    Incoming, Reached, Write, already_taken, keeps_key, not_written,
};
use crate::operation::row_count::is_unique_violation;
use crate::operation::transaction::finish;
use crate::outcome::Outcome;
use crate::statement::{
    AsSnapshot, Current, FindVersion, Insert, Merge, NoNewer, Older, Overwrite, Record, Replacing,
    Save,
};
use crate::version::SequentialVersion;

/// Writes the row if it is at a version that the event may follow.
pub(crate) async fn replace_row<M, C>(
    incoming: &Incoming<'_, M>,
    dialect: Dialect,
    conn: &mut C,
) -> Result<Outcome>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    // `Incoming::check` rejects deletions with this guard.
    let Write::Put(model, version) = &incoming.write else {
        return Ok(incoming.refused(None));
    };
    if !incoming.may_change_key(model, dialect) {
        return replace_any(incoming, model, version, dialect, conn).await;
    }
    conn.begin().await?;
    let done = async {
        let outcome = replace_any(incoming, model, version, dialect, conn).await?;
        if outcome == Outcome::Applied {
            keeps_key(incoming, model, dialect, conn).await?;
        }
        Ok(outcome)
    };
    let done = done.await;
    finish(done, conn).await
}

async fn replace_any<M, C>(
    incoming: &Incoming<'_, M>,
    model: &M,
    version: &M::Version,
    dialect: Dialect,
    conn: &mut C,
) -> Result<Outcome>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    if incoming.event.op == Op::Snapshot {
        replace::<NoNewer, M, C>(incoming, model, version, dialect, conn).await
    } else {
        replace::<Older, M, C>(incoming, model, version, dialect, conn).await
    }
}

async fn replace<R, M, C>(
    incoming: &Incoming<'_, M>,
    model: &M,
    version: &M::Version,
    dialect: Dialect,
    conn: &mut C,
) -> Result<Outcome>
where
    C: Executor,
    M: Dependent<C::Backend>,
    R: Replacing,
{
    let key = &incoming.event.key;
    let before = M::Version::from_number(incoming.event.version - 1);
    let mut last = None;
    loop {
        let written = match (&before, dialect) {
            (Some(before), _) if !incoming.may_be_first() => {
                conn.execute(Save::onto(model, version, before)).await
            }
            (_, Dialect::Postgres | Dialect::Sqlite) => {
                conn.execute(Merge::<R, M, _>::new(model, version)).await
            }
            (_, Dialect::Mysql) => {
                match overtake::<R, M, C>(incoming.event.op, model, version, conn).await {
                    Err(taken) if is_unique_violation(&taken) => {
                        return Err(already_taken(key, model, taken, conn).await);
                    }
                    overtaken => overtaken,
                }
            }
        };
        if written.map_err(|error| incoming.failed(error))? > 0 {
            return Ok(Outcome::Applied);
        }
        let look = FindVersion::<Current, M, C::Backend>::new(Record::Of(model));
        let found = M::row_version(conn, look)
            .await
            .map_err(|error| incoming.failed(error))?
            .map(|version| version.number());
        let reached = found.map(Reached::at);
        if !incoming.follows(reached) {
            return Ok(incoming.refused(reached));
        }
        // Another consumer may have written the row between the two statements. Versions never go
        // back. If the version is the same as last time, the row was there for the write, which the
        // database suppressed.
        if last == Some(found) {
            return Err(not_written(key, model, conn).await);
        }
        last = Some(found);
    }
}

/// Writes the row on MySQL and MariaDB: an UPDATE of an older row, an INSERT if there is none, and
/// the UPDATE again, because another transaction may have inserted an older row in between.
///
/// An UPDATE that finds no row locks the gap where it would be, against every insert there. A
/// SELECT therefore comes first if the event may be the record's first one.
pub(crate) async fn overtake<R, M, C>(
    op: Op,
    model: &M,
    version: &M::Version,
    conn: &mut C,
) -> QueryResult<usize>
where
    C: Executor,
    M: Dependent<C::Backend>,
    R: Replacing,
{
    let look = FindVersion::<AsSnapshot, M, C::Backend>::new(Record::Of(model));
    if op == Op::Updated || M::row_version(conn, look).await?.is_some() {
        let updated = conn
            .execute(Overwrite::<R, M, _>::new(model, version))
            .await?;
        if updated > 0 {
            return Ok(updated);
        }
    }
    insert_or_overtake::<R, M, C>(model, version, conn).await
}

/// Like [`overtake`], for a record that rarely has a row yet.
pub(crate) async fn insert_or_overtake<R, M, C>(
    model: &M,
    version: &M::Version,
    conn: &mut C,
) -> QueryResult<usize>
where
    C: Executor,
    M: Dependent<C::Backend>,
    R: Replacing,
{
    match conn.execute(Insert::new(model, version)).await {
        Err(taken) if is_unique_violation(&taken) => {
            let updated = conn
                .execute(Overwrite::<R, M, _>::new(model, version))
                .await?;
            if updated > 0 {
                return Ok(updated);
            }
            let look = FindVersion::<Current, M, C::Backend>::new(Record::Of(model));
            match M::row_version(conn, look).await? {
                // A row that the UPDATE left unchanged is not counted on a connection without
                // CLIENT_FOUND_ROWS.
                Some(found) => Ok(usize::from(R::REPEATS && found == *version)),
                // Another unique key is violated, which has nothing to do with versions.
                None => Err(taken),
            }
        }
        inserted => inserted,
    }
}
