//! Keeps the messages that a consumer could not apply.

use crate::dialect::SqlFor as _;
use crate::error::Result;
use crate::event::micros_now;
use crate::executor::Executor;
use crate::loadable::Persisted;
use crate::migrations::LONGEST_KEY;
use crate::operation::reason::{shortened, storable};
use crate::operation::replica::dead_letters::{HEX, lock, on, run};
use crate::operation::transaction::{Level, begin_at, finish};
use crate::statement::{Arrivals, Between, KeepLetter, Letters};

/// The longest source, in bytes.
const LONGEST_SOURCE: usize = 255;

/// A message that could not be applied.
#[derive(Debug)]
pub(crate) struct NewLetter {
    /// The entity, the key and the version of the event, if the message names them.
    pub(crate) record: Option<(String, String, i64)>,
    pub(crate) source: String,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
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
    // An event of another entity, or with a key that the column cannot hold, is of no record here.
    let own = |(entity, key, _): &&(String, String, i64)| {
        entity == all.entity && key.len() <= LONGEST_KEY && !key.contains('\0')
    };
    let record = letter.record.as_ref().filter(own);
    let (key, version) = record.map_or(("", 0), |(_, key, version)| (key.as_str(), *version));
    let (body, reason) = (encode(&letter.body), storable(&letter.reason));
    let (source, headers) = (storable(&letter.source), storable(&letter.headers));
    let letter = Letters {
        key,
        version,
        source: shortened(&source, LONGEST_SOURCE),
        headers: &headers,
        body: &body,
        reason: &reason,
        attempts: i64::from(letter.attempts),
        at: micros_now(),
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
    let Some((_, key, version)) = &letter.record else {
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

/// Returns a body as the column holds it.
fn encode(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if !text.contains('\0') && !text.starts_with(HEX) => text.to_owned(),
        _ => body.iter().fold(HEX.to_owned(), |text, byte| {
            let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
            let mut text = text;
            text.extend([digit(byte >> 4), digit(byte & 15)]);
            text
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::replica::dead_letters::decode;

    #[test]
    fn a_body_is_kept_byte_by_byte() {
        for body in [
            &b"{}"[..],
            b"",
            b"hex:00",
            &[0, 255, 16],
            "\u{e9}\0".as_bytes(),
        ] {
            let text = encode(body);
            assert!(!text.contains('\0'));
            assert_eq!(decode(text), body);
        }
        assert_eq!(encode(b"{ }"), "{ }");
    }
}
