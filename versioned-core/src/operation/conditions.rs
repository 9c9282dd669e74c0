//! The conditions of an operator's filter.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::inspected::Filter;
use crate::statement::RowConditions;

pub(crate) fn conditions(filter: &Filter) -> RowConditions<'_> {
    RowConditions {
        replica: filter.replica.as_deref(),
        entity: filter.entity.as_deref(),
        key: filter.key.as_deref(),
        reason: filter.reason.as_deref(),
        since: filter.since.map(micros),
        until: filter.until.map(micros),
        ids: filter.ids.as_deref(),
        failed: filter.failed,
    }
}

fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A limit, as a statement binds it.
pub(crate) fn number(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// A number that is never negative.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
