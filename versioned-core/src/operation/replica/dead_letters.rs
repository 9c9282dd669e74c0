//! Dead letters: messages that a consumer could not apply are kept, applied again, or discarded.

pub(crate) mod encoded;
#[cfg(feature = "consumer")]
pub(crate) mod keep;
pub(crate) mod requested;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use diesel::QueryResult;

use crate::dead_letter::{DeadLetter, Redriven};
use crate::dependent::Dependent;
use crate::dialect::{Dialect, Letter, SqlFor as _};
use crate::error::{Error, Result};
use crate::event::{self, EventError};
use crate::executor::Executor;
use crate::format::{OwnedMessage, Read, Reading, read_as};
use crate::loadable::Persisted;
use crate::model::FromJson;
use crate::operation::closure::NoHook;
use crate::operation::reason::storable;
use crate::operation::replica::apply::apply_one;
use crate::operation::replica::current::version_of;
use crate::operation::replica::dead_letters::encoded::Encoded;
use crate::operation::replica::incoming::Incoming;
use crate::operation::row_count::ends_the_transaction;
use crate::operation::transaction::{Level, RETRY, begin_at, finish, may_retry};
use crate::outcome::Outcome;
use crate::statement::{
    Arrivals, Discard, LetterPage, LetterValue, Letters, Look, OfId, OfRecord, OnLetters, Retried,
    SqlTemplate, TouchLetter,
};

/// The number of letters that one query returns.
const PAGE: i64 = 500;

/// Loads dead letters in the order of their arrival, after the one with the id `after`.
pub(crate) async fn list<M, C>(after: i64, most: usize, conn: &mut C) -> Result<Vec<DeadLetter>>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    let page = Letters {
        id: after,
        limit: i64::try_from(most).unwrap_or(i64::MAX),
        ..Letters::of::<M, C::Backend>()
    };
    let found = M::Sql::letters(conn, on::<LetterPage, M, C>(page)).await?;
    Ok(found.into_iter().map(shown).collect())
}

/// Deletes a dead letter. Returns `false` if there is none with this id.
pub(crate) async fn discard<M, C>(id: i64, conn: &mut C) -> Result<bool>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    let letter = Letters {
        id,
        ..Letters::of::<M, C::Backend>()
    };
    Ok(run::<Discard, M, C>(letter, conn).await? > 0)
}

/// Where a pass over the dead letters goes on, and when it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passing {
    /// The id of the last letter of the pass before.
    pub(crate) after: i64,
    /// The number of failures in a row after which the pass ends.
    pub(crate) failures: usize,
    /// The time after which it ends.
    pub(crate) time: Duration,
}

/// Applies the dead letters again, record by record, and each record's in the order of their
/// versions. Each record is a transaction. Returns the id of the last letter that was tried, or 0 at
/// the end.
pub(crate) async fn redrive<M, C>(
    pass: Passing,
    reading: Reading<'_>,
    conn: &mut C,
) -> Result<(Redriven, i64)>
where
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    let start = Instant::now();
    let mut total = Redriven::default();
    let (mut after, mut failures) = (pass.after, 0);
    let mut seen = HashSet::new();
    loop {
        let page = Letters {
            id: after,
            limit: PAGE,
            ..Letters::of::<M, C::Backend>()
        };
        let found = M::Sql::pairs(conn, on::<Arrivals, M, C>(page)).await?;
        if found.is_empty() {
            return Ok((total, 0));
        }
        for (key, id) in found {
            after = id;
            if !key.is_empty() && !seen.insert(key.clone()) {
                continue;
            }
            let of_record = redrive_record::<M, C>(id, &key, reading, conn).await?;
            failures = if of_record.failed > 0 {
                failures + 1
            } else {
                0
            };
            total.add(of_record);
            if failures >= pass.failures || start.elapsed() >= pass.time {
                return Ok((total, after));
            }
        }
    }
}

/// Applies the letters of one record, or the letter with this id if it is of no record.
async fn redrive_record<M, C>(
    id: i64,
    key: &str,
    reading: Reading<'_>,
    conn: &mut C,
) -> Result<Redriven>
where
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    let letters = Letters {
        key,
        id,
        limit: PAGE,
        ..Letters::of::<M, C::Backend>()
    };
    let mut total = Redriven::default();
    let mut retries = RETRY.attempts();
    loop {
        begin_at::<M::Sql, C>(Level::ReadCommitted, conn).await?;
        let done = match lock::<M, C>(conn).await {
            Ok(()) => redrive_page::<M, C>(letters, reading, conn).await,
            Err(error) => Err(error.into()),
        };
        match finish(done, conn).await {
            Err(lost) if may_retry(&lost, conn) => match retries.next() {
                Some(pause) => conn.sleep(pause).await,
                None => return Err(lost),
            },
            Err(error) => return Err(error),
            Ok(page) => {
                total.add(page);
                // Others may have been kept behind these meanwhile.
                if page.done() == 0 || page.failed + page.waiting > 0 || key.is_empty() {
                    return Ok(total);
                }
            }
        }
    }
}

async fn redrive_page<M, C>(
    letters: Letters<'_>,
    reading: Reading<'_>,
    conn: &mut C,
) -> Result<Redriven>
where
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    let found = if letters.key.is_empty() {
        M::Sql::letters(conn, on::<OfId, M, C>(letters)).await?
    } else {
        M::Sql::letters(conn, on::<OfRecord, M, C>(letters)).await?
    };
    let mut page = Redriven::default();
    for found in found {
        let letter = Letters {
            version: found.2,
            id: found.0,
            ..letters
        };
        conn.begin().await?;
        let done = again::<M, C>(letter, &message_of(found), reading, conn).await;
        match finish(done, conn).await {
            Ok(Outcome::Gap { .. }) => {
                page.waiting += 1;
                break;
            }
            Ok(outcome) => {
                match outcome {
                    Outcome::Duplicate { .. } => page.duplicates += 1,
                    Outcome::Parked => page.parked += 1,
                    _ => page.applied += 1,
                }
                run::<Discard, M, C>(letter, conn).await?;
            }
            Err(error) if ends_the_transaction(&error) => return Err(error),
            Err(error) => {
                let refused = Letters {
                    reason: &reason_of(&error),
                    ..letter
                };
                // It fails too if the connection is gone.
                run::<Retried, M, C>(refused, conn).await?;
                page.failed += 1;
                break;
            }
        }
    }
    Ok(page)
}

/// Returns the reason to keep. A refusal has the words of the form, as when it was first kept.
fn reason_of(error: &Error) -> String {
    match error {
        Error::Event(EventError::Unreadable { reason }) => storable(reason),
        other => storable(&other.to_string()),
    }
}

async fn again<M, C>(
    letter: Letters<'_>,
    message: &OwnedMessage,
    reading: Reading<'_>,
    conn: &mut C,
) -> Result<Outcome>
where
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    // What the letter says is superseded, whether it can be read or not.
    if !letter.key.is_empty() {
        if let Some(current) = version_of::<Look, M, C>(letter.key, conn).await? {
            if current >= letter.version {
                return Ok(Outcome::Duplicate { current });
            }
        }
    }
    let read = message.with(reading.binding, |message| {
        read_as::<M>(reading.form, message)
    });
    // A consumer of another form may have kept it.
    let Some(Read { event, whole }) = read.map_err(EventError::from)? else {
        let reason = "the form skips this message".to_owned();
        return Err(EventError::Unreadable { reason }.into());
    };
    let mut incoming = Incoming::check::<C::Backend>(&event)?;
    let whole = whole.and_then(|whole| serde_json::to_string(&whole).ok());
    let body = message.body.as_deref().unwrap_or_default();
    incoming.json = match reading.form {
        None => std::str::from_utf8(body).ok(),
        Some(_) => whole.as_deref(),
    };
    apply_one(&incoming, Level::ReadCommitted, conn, &mut NoHook).await
}

fn shown(letter: Letter) -> DeadLetter {
    let (
        id,
        key,
        version,
        source,
        subject,
        message_key,
        headers,
        body,
        reason,
        attempts,
        first_at,
        last_at,
    ) = letter;
    let encoded = Encoded {
        subject,
        message_key,
        headers: headers.clone(),
        body,
    };
    let message = encoded.message();
    DeadLetter {
        id,
        record: (!key.is_empty()).then_some((key, version)),
        source,
        subject: message.subject,
        message_key: message.key,
        headers,
        body: message.body.unwrap_or_default(),
        reason: (!reason.is_empty()).then_some(reason),
        attempts: u64::try_from(attempts).unwrap_or(0),
        first_at: event::time_of(first_at),
        last_at: event::time_of(last_at),
    }
}

fn message_of(letter: Letter) -> OwnedMessage {
    let (_, _, _, _, subject, message_key, headers, body, ..) = letter;
    let encoded = Encoded {
        subject,
        message_key,
        headers,
        body,
    };
    encoded.message()
}

/// Begins to write, on `SQLite`. A transaction that reads first fails if another connection writes
/// in between. Elsewhere, the queries lock what they select.
async fn lock<M, C>(conn: &mut C) -> QueryResult<()>
where
    C: Executor,
    M: Persisted<C::Backend>,
{
    if conn.dialect::<M::Sql>().await? == Dialect::Sqlite {
        run::<TouchLetter, M, C>(Letters::of::<M, C::Backend>(), conn).await?;
    }
    Ok(())
}

fn on<T, M, C>(letters: Letters<'_>) -> OnLetters<'_, T, M::Sql>
where
    T: SqlTemplate<LetterValue>,
    C: Executor,
    M: Persisted<C::Backend>,
{
    OnLetters::new(letters)
}

async fn run<T, M, C>(letters: Letters<'_>, conn: &mut C) -> QueryResult<usize>
where
    T: SqlTemplate<LetterValue>,
    C: Executor,
    M: Persisted<C::Backend>,
{
    conn.execute(on::<T, M, C>(letters)).await
}
