//! Numbers of an operator's question, and of its answer.

/// A limit, as a statement binds it.
pub(crate) fn number(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// A number that is never negative.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
