//! The fields of a record that every form needs: its key and its version.

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

/// Returns a whole number in any of the forms that producers write.
pub(super) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Returns the text of a part of a key.
pub(super) fn part(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// Returns the text of the key in these columns, if the object has them all.
pub(super) fn key(object: &Map<String, Value>, columns: &[&str]) -> Option<String> {
    let parts: Option<Vec<String>> = columns
        .iter()
        .map(|column| part(object.get(*column)?))
        .collect();
    let parts = parts?;
    match <[String; 1]>::try_from(parts) {
        Ok([part]) => Some(part),
        Err(parts) => {
            let escape = |part: String| part.replace('\\', "\\\\").replace(',', "\\,");
            Some(parts.into_iter().map(escape).collect::<Vec<_>>().join(","))
        }
    }
}

/// Decodes base64.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
