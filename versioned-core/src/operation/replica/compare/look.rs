//! Looks at the rows and the positions of a replica.

use std::collections::HashMap;

use diesel::backend::Backend;

use super::judge::{Seen, at_first};
use crate::compared::{State, Verdict};
use crate::dependent::Dependent;
use crate::dialect::SqlFor as _;
use crate::error::Result;
use crate::executor::Executor;
use crate::model::{FromJson, Guard};
use crate::operation::replica::incoming::{Reached, read_key};
use crate::operation::replica::positions::on;
use crate::statement::{AsSnapshot, Find, FindAll, Peek, PeekDeleted, Position, Record};
use crate::version::SequentialVersion as _;

/// The number of rows that one query looks up.
const AT_ONCE: usize = 100;

/// Loads the rows with these keys.
pub(super) async fn rows_of<M, C>(
    keys: impl Iterator<Item = &str>,
    conn: &mut C,
) -> Result<HashMap<String, M>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let ids: Vec<M::Id> = keys.filter_map(read_key::<M>).collect();
    let mut rows = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(AT_ONCE) {
        let found = M::rows(conn, FindAll::<M, C::Backend>::at(ids)).await?;
        rows.extend(found.into_iter().map(|row| (M::key_text(&row.id()), row)));
    }
    Ok(rows)
}

/// Looks at a suspect again, with its position. The position is read before and after the row, so
/// that an event which is applied in between does not look like damage.
pub(super) async fn again<M, C>(
    key: &str,
    state: Option<&State>,
    same: fn(&M, &M) -> bool,
    conn: &mut C,
) -> Result<Seen>
where
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    let Some(id) = read_key::<M>(key) else {
        let version = state.map(|state| state.version);
        let missing = Seen::new(Verdict::Missing, version, None);
        return Ok(missing.because("the replica cannot read the key"));
    };
    loop {
        let before = position::<M, C>(key, conn).await?;
        let find = Find::<AsSnapshot, M, C::Backend>::new(Record::At(&id));
        let row = M::row(conn, find).await?;
        if row.is_some() || position::<M, C>(key, conn).await? == before {
            return Ok(seen::<M, C::Backend>(state, row, before, same));
        }
    }
}

async fn position<M, C>(key: &str, conn: &mut C) -> Result<Option<Reached>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    if M::GUARD == Guard::Row {
        return Ok(None);
    }
    let position = Position {
        key,
        ..Position::of::<M, C::Backend>()
    };
    let Some(version) = M::Sql::number(conn, on::<Peek, M::Sql, C>(position)).await? else {
        return Ok(None);
    };
    let deleted = M::Sql::number(conn, on::<PeekDeleted, M::Sql, C>(position)).await?;
    Ok(Some(Reached {
        version,
        is_deleted: deleted == Some(version),
    }))
}

fn seen<M, DB>(
    state: Option<&State>,
    row: Option<M>,
    position: Option<Reached>,
    same: fn(&M, &M) -> bool,
) -> Seen
where
    DB: Backend,
    M: Dependent<DB> + FromJson,
{
    let Some(row) = row else {
        return without_row(state, position);
    };
    let version = row.loaded().number();
    let seen = match state {
        Some(state) if !state.deleted => match at_first::<M, DB>(state, Some(row), same) {
            Some(seen) => seen,
            None => Seen::new(Verdict::Equal, Some(state.version), Some(version)),
        },
        state => Seen::unowned(state, version),
    };
    match (&seen, position) {
        // The row was read after the position, and cannot be older than it.
        (
            Seen::As {
                verdict: Verdict::Behind,
                owner,
                ..
            },
            Some(position),
        ) if owner.is_some_and(|owner| position.version >= owner) => {
            let damaged = Seen::new(Verdict::Different, *owner, Some(version));
            damaged.because(format!(
                "the replica's position is at version {}",
                position.version
            ))
        }
        _ => seen,
    }
}

/// What is seen of a record that has no row at the replica.
fn without_row(state: Option<&State>, position: Option<Reached>) -> Seen {
    match (state.filter(|state| !state.deleted), position) {
        (None, _) => Seen::Neither,
        (
            Some(_),
            Some(Reached {
                version: i64::MAX,
                is_deleted: true,
            }),
        ) => Seen::Forgotten,
        (
            Some(state),
            Some(Reached {
                version,
                is_deleted: true,
            }),
        ) => {
            let seen = Seen::by_version(state.version, version);
            // A snapshot does not follow a deletion at its version.
            seen.because("the replica has it as deleted, until its next version")
        }
        (Some(state), position) => {
            let version = position.map(|position| position.version);
            Seen::new(Verdict::Missing, Some(state.version), version)
        }
    }
}
