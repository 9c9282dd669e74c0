//! The body of a message as JSON.

use serde_json::{Map, Value};

use super::PlainJson;
use crate::format::{Message, Refused, value};

impl PlainJson {
    /// Parses the body. A string is parsed once more.
    pub(super) fn parse(&self, message: &Message<'_>) -> Result<Value, Refused> {
        let body = message.body.unwrap_or_default();
        let decoded;
        let body = if self.is_base64 {
            decoded = decoded_base64(body)
                .ok_or_else(|| Refused::new(format!("{} is not base64", message.subject)))?;
            decoded.as_slice()
        } else {
            body
        };
        match parse(body, message)? {
            Value::String(text) => parse(text.as_bytes(), message),
            other => Ok(other),
        }
    }

    /// Returns the record of a parsed body. If the record is a string, it is parsed once more.
    pub(super) fn record(
        &self,
        body: Value,
        name: &str,
        message: &Message<'_>,
    ) -> Result<Map<String, Value>, Refused> {
        if self.record.is_empty() {
            let is_packet = body.get("pattern").is_some() && body.get("data").is_some();
            if is_packet {
                return Err(Refused::new(
                    "this looks like Nest's packet: `record_at(\"/data\")`",
                ));
            }
            return object(body, name);
        }
        let record = body.pointer(&self.record).cloned();
        match record {
            None | Some(Value::Null) => Err(Refused::new(format!(
                "{name} has nothing at `{}`",
                self.record
            ))),
            Some(Value::String(text)) => object(parse(text.as_bytes(), message)?, name),
            Some(record) => object(record, name),
        }
    }
}

fn parse(json: &[u8], message: &Message<'_>) -> Result<Value, Refused> {
    serde_json::from_slice(json)
        .map_err(|error| Refused::new(format!("{} is not JSON: {error}", message.subject)))
}

fn object(value: Value, name: &str) -> Result<Map<String, Value>, Refused> {
    match value {
        Value::Object(object) => Ok(object),
        Value::String(_) => Err(Refused::new(format!(
            "{name} is JSON in a string twice: encode it once"
        ))),
        _ => Err(Refused::new(format!("{name} is not a JSON object"))),
    }
}

/// The body may be base64, or a JSON string of base64.
fn decoded_base64(body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let text = text.strip_prefix('"').unwrap_or(text);
    let text = text.strip_suffix('"').unwrap_or(text);
    value::base64(text)
}
