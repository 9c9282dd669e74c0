//! Versions and keys, in any form.

use serde_json::{Map, Value};

use super::decimal::is_digits;
use super::forms::{integer, shown, text};

/// Reads a version: a whole number that is not negative. Text may have leading zeros.
pub(in crate::format) fn version(value: &Value) -> Result<i64, String> {
    let read = match value {
        Value::String(text) if is_digits(text) => text.parse().ok(),
        // Signs and exponents are refused.
        Value::String(_) => None,
        other => integer(other)
            .ok()
            .and_then(|whole| i64::try_from(whole).ok()),
    };
    read.filter(|version| *version >= 0)
        .ok_or_else(|| format!("{} is no version", shown(value)))
}

/// Reads a part of a key as the text that its type prints.
pub(in crate::format) fn key_part(value: &Value) -> Result<String, String> {
    if let Some(text) = text(value) {
        return Ok(text.into_owned());
    }
    match value {
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(_) | Value::Object(_) => integer(value)
            .map(|whole| whole.to_string())
            .map_err(|_| format!("{} is no key", shown(value))),
        other => Err(format!("{} is no key", shown(other))),
    }
}

/// Joins the parts of a key, as [`KeyText`](crate::model::KeyText) does.
pub(in crate::format) fn join_key(parts: &[String]) -> String {
    match parts {
        [part] => part.clone(),
        parts => {
            let escaped = parts
                .iter()
                .map(|part| part.replace('\\', "\\\\").replace(',', "\\,"));
            escaped.collect::<Vec<_>>().join(",")
        }
    }
}

/// Reads the key of a record from the fields with these names. The error names the field.
pub(in crate::format) fn key_of(
    record: &Map<String, Value>,
    names: &[impl AsRef<str>],
) -> Result<String, String> {
    let parts = names.iter().map(|name| {
        let name = name.as_ref();
        let value = record
            .get(name)
            .ok_or_else(|| format!("it has no field `{name}`"))?;
        key_part(value).map_err(|reason| format!("{name}: {reason}"))
    });
    Ok(join_key(&parts.collect::<Result<Vec<_>, String>>()?))
}
