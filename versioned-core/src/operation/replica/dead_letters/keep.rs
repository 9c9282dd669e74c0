//! Keeps the messages that a consumer could not apply.

use crate::dialect::SqlFor as _;
use crate::error::Result;
use crate::executor::Executor;
use crate::format::OwnedMessage;
use crate::loadable::Persisted;
use crate::migrations::LONGEST_KEY;
use crate::operation::reason::{shortened, storable};
use crate::operation::replica::dead_letters::encoded::Encoded;
use crate::operation::replica::dead_letters::{lock, on, run};
use crate::operation::transaction::{Level, begin_at, finish};
use crate::statement::{Arrivals, Between, KeepLetter, Letters};

/// The longest source, in bytes.
const LONGEST_SOURCE: usize = 255;

/// A message that could not be applied.
#[derive(Debug)]
pub(crate) struct NewLetter {
    /// The key and the turn of the event, if it is one of this replica.
    pub(crate) record: Option<(String, i64)>,
    pub(crate) source: String,
    pub(crate) message: OwnedMessage,
    pub(crate) reason: String,
    pub(crate) attempts: u32,
}

/// Keeps messages, in one transaction.
pub(crate) async fn keep_all<M, C>(letters: &[NewLetter], conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    begin_at::<M::Sql, C>(Level::ReadCommitted, conn).await?;
    let done = async {
        for letter in letters {
            keep::<M, C>(letter, conn).await?;
        }
        Ok(())
    };
    let done = done.await;
    finish(done, conn).await
}

async fn keep<M, C>(letter: &NewLetter, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    let all = Letters::of::<M, C::Backend>();
    // An event with a key that the column cannot hold is of no record here.
    let fits = |(key, _): &&(String, i64)| key.len() <= LONGEST_KEY && !key.contains('\0');
    let record = letter.record.as_ref().filter(fits);
    let (key, version) = record.map_or(("", 0), |(key, turn)| (key.as_str(), *turn));
    let (source, reason) = (storable(&letter.source), storable(&letter.reason));
    let Encoded {
        subject,
        message_key,
        headers,
        body,
    } = Encoded::of(&letter.message);
    let letter = Letters {
        key,
        version,
        source: shortened(&source, LONGEST_SOURCE),
        subject: &subject,
        message_key: &message_key,
        headers: &headers,
        body: &body,
        reason: &reason,
        attempts: i64::from(letter.attempts),
        ..all
    };
    run::<KeepLetter, M, C>(letter, conn).await?;
    Ok(())
}

/// Returns whether the replica has dead letters.
pub(crate) async fn has_any<M, C>(conn: &mut C) -> Result<bool>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    let first = Letters {
        limit: 1,
        ..Letters::of::<M, C::Backend>()
    };
    let found = M::Sql::pairs(conn, on::<Arrivals, M, C>(first)).await?;
    Ok(!found.is_empty())
}

/// Keeps an event that is early because a letter of its record is older. Returns `false` if there is
/// no such letter, so that the event waits for another reason.
pub(crate) async fn keep_behind<M, C>(
    letter: &NewLetter,
    current: i64,
    conn: &mut C,
) -> Result<bool>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    let Some((key, version)) = &letter.record else {
        return Ok(false);
    };
    begin_at::<M::Sql, C>(Level::ReadCommitted, conn).await?;
    let done = async {
        lock::<M, C>(conn).await?;
        let between = Letters {
            key,
            version: *version,
            limit: current,
            ..Letters::of::<M, C::Backend>()
        };
        // The lock waits for a transaction that applies the letter now.
        let older = M::Sql::number(conn, on::<Between, M, C>(between)).await?;
        if older.is_some() {
            keep::<M, C>(letter, conn).await?;
        }
        Ok(older.is_some())
    };
    let done = done.await;
    finish(done, conn).await
}
