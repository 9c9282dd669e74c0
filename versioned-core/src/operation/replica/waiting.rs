//! The records with parked events.

use crate::dependent::Dependent;
use crate::dialect::{Parked, SqlFor as _};
use crate::error::Result;
use crate::event::time_of;
use crate::executor::Executor;
use crate::operation::replica::positions::on;
use crate::parked_record::ParkedRecord;
use crate::statement::{FirstWaiting, Position, Waiting};
use crate::version::SequentialVersion as _;

/// Loads the records with parked events in the order of their keys, after the key `after`.
pub(crate) async fn waiting<M, C>(
    after: Option<&str>,
    most: usize,
    conn: &mut C,
) -> Result<Vec<ParkedRecord>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let page = Position {
        key: after.unwrap_or_default(),
        oldest: M::initial_version().number() - 1,
        newest: i64::try_from(most).unwrap_or(i64::MAX),
        ..Position::of::<M, C::Backend>()
    };
    let found = match after {
        None => M::Sql::parked(conn, on::<FirstWaiting, M::Sql, C>(page)).await?,
        Some(_) => M::Sql::parked(conn, on::<Waiting, M::Sql, C>(page)).await?,
    };
    Ok(found.into_iter().map(shown).collect())
}

fn shown((key, current, received, events, at, error): Parked) -> ParkedRecord {
    ParkedRecord {
        key,
        current,
        received,
        events: u64::try_from(events).unwrap_or(0),
        since: time_of(at),
        reason: (!error.is_empty()).then_some(error),
    }
}
