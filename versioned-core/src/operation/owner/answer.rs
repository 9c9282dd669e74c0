//! The owner's side of a comparison: it answers questions about its records.

use std::collections::HashSet;

use serde_json::value::to_raw_value;

use crate::compared::{Answer, Question, State};
use crate::dialect::SqlFor as _;
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::model::{ReadKey, ToJson, Versioned};
use crate::operation::owner::resend::resend;
use crate::operation::replica::positions::on;
use crate::owner::Owner;
use crate::statement::{AsSnapshot, FindAll, Page, PeekDeleted, Position, Record};
use crate::version::SequentialVersion;

/// The largest page, whatever the question asks for.
const LARGEST: usize = 10_000;

/// The number of records that one query looks up.
const AT_ONCE: usize = 100;

/// Answers a question about the records of an owner.
pub(crate) async fn answer<M, C>(question: &Question, conn: &mut C) -> Result<Answer>
where
    C: Executor,
    M: Owner<C::Backend> + ToJson,
    M::Version: SequentialVersion,
    M::Id: ReadKey<M::KeyColumns>,
{
    let records = match question {
        Question::Page { after, limit } => page::<M, C>(after.as_deref(), *limit, conn).await?,
        Question::Records { keys } => records::<M, C>(keys, true, conn).await?,
        Question::Versions { keys } => records::<M, C>(keys, false, conn).await?,
    };
    Ok(Answer::new(M::ENTITY, records))
}

fn state_of<M>(row: &M, with_data: bool) -> Result<State>
where
    M: Versioned<Version: SequentialVersion> + ToJson,
{
    let data = with_data.then(|| to_raw_value(row)).transpose();
    let data = data.map_err(Error::other)?;
    let key = M::key_text(&row.id());
    Ok(State::new(key, row.loaded().number(), data))
}

/// Reads a key in its canonical form.
fn read_key<M>(text: &str) -> Option<M::Id>
where
    M: Versioned,
    M::Id: ReadKey<M::KeyColumns>,
{
    M::Id::read(text).filter(|id| M::key_text(id) == text)
}

async fn page<M, C>(after: Option<&str>, limit: usize, conn: &mut C) -> Result<Vec<State>>
where
    C: Executor,
    M: Owner<C::Backend> + ToJson,
    M::Version: SequentialVersion,
    M::Id: ReadKey<M::KeyColumns>,
{
    let after = match after {
        None => None,
        Some(text) => Some(read_key::<M>(text).ok_or_else(|| {
            Error::other(format!(
                "ask for a page after a key of `{}`: `{text}` is none",
                M::ENTITY
            ))
        })?),
    };
    let limit = i64::try_from(limit.min(LARGEST)).unwrap_or(i64::MAX);
    let page = Page::<AsSnapshot, M, C::Backend>::new(None, after.as_ref().map(Record::At), limit);
    let rows = M::rows(conn, page).await?;
    rows.iter().map(|row| state_of(row, true)).collect()
}

/// Returns the states of the records with these keys: of rows, and of the deletions that are
/// remembered.
async fn records<M, C>(keys: &[String], with_data: bool, conn: &mut C) -> Result<Vec<State>>
where
    C: Executor,
    M: Owner<C::Backend> + ToJson,
    M::Version: SequentialVersion,
    M::Id: ReadKey<M::KeyColumns>,
{
    let mut states = Vec::with_capacity(keys.len());
    for keys in keys.chunks(AT_ONCE) {
        let ids: Vec<M::Id> = keys.iter().filter_map(|key| read_key::<M>(key)).collect();
        if ids.is_empty() {
            continue;
        }
        let rows = M::rows(conn, FindAll::<M, C::Backend>::at(&ids)).await?;
        let live: HashSet<String> = rows.iter().map(|row| M::key_text(&row.id())).collect();
        for row in &rows {
            states.push(state_of(row, with_data)?);
        }
        let missing = ids
            .iter()
            .map(M::key_text)
            .filter(|key| !live.contains(key));
        for key in missing.filter(|_| M::TOMBSTONES) {
            let position = Position {
                key: &key,
                ..Position::of::<M, C::Backend>()
            };
            let version = M::Sql::number(conn, on::<PeekDeleted, M::Sql, C>(position)).await?;
            states.extend(version.map(|version| State::deleted(key, version)));
        }
    }
    Ok(states)
}

/// Sends the records with these keys once more, each in a transaction of its own, and returns how
/// many the owner knows.
pub(crate) async fn resend_each<M, C>(keys: &[String], conn: &mut C) -> Result<usize>
where
    C: Executor,
    M: Owner<C::Backend>,
    M::Id: ReadKey<M::KeyColumns>,
{
    let mut sent = 0;
    for id in keys.iter().filter_map(|key| read_key::<M>(key)) {
        match resend::<M, C>(&id, conn).await {
            Ok(()) => sent += 1,
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}
