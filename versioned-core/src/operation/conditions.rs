//! The conditions of an operator's filter.

use crate::event::micros_of;
use crate::inspected::Filter;
use crate::statement::RowConditions;

pub(crate) fn conditions(filter: &Filter) -> RowConditions<'_> {
    RowConditions {
        replica: filter.replica.as_deref(),
        entity: filter.entity.as_deref(),
        key: filter.key.as_deref(),
        reason: filter.reason.as_deref(),
        since: filter.since.map(micros_of),
        until: filter.until.map(micros_of),
        ids: filter.ids.as_deref(),
        failed: filter.failed,
    }
}

/// A limit, as a statement binds it.
pub(crate) fn number(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// A number that is never negative.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
