//! JSON pointers whose first part is a name.

use serde_json::{Map, Value};

/// Returns the value at a JSON pointer.
pub(super) fn at<'v>(object: &'v Map<String, Value>, pointer: &str) -> Option<&'v Value> {
    let (first, rest) = split(pointer)?;
    object.get(&first)?.pointer(rest)
}

/// Splits a JSON pointer into the name of a member and the pointer inside it.
pub(super) fn split(pointer: &str) -> Option<(String, &str)> {
    let path = pointer.strip_prefix('/')?;
    let end = path.find('/').unwrap_or(path.len());
    let (first, rest) = path.split_at_checked(end)?;
    Some((first.replace("~1", "/").replace("~0", "~"), rest))
}
