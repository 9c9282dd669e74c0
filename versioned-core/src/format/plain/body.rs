//! The body of a message as JSON.

use serde_json::value::RawValue;

use super::PlainJson;
use crate::format::members::Object;
use crate::format::object::{self, object, parse};
use crate::format::{Message, Refused, pointer, value};

impl PlainJson {
    /// Parses the body. A string is parsed once more.
    pub(super) fn parse(&self, message: &Message<'_>) -> Result<Box<RawValue>, Refused> {
        let body = message.body.unwrap_or_default();
        let of_subject = |reason| Refused::new(format!("{} {reason}", message.subject));
        let json = if self.is_base64 {
            let decoded = decoded_base64(body);
            let decoded = decoded.ok_or_else(|| of_subject("is not base64".to_owned()))?;
            parse(&decoded)
        } else {
            parse(body)
        };
        json.and_then(once_more).map_err(of_subject)
    }

    /// Returns the record of a parsed body. If the record is a string, it is parsed once more.
    pub(super) fn record(&self, body: &RawValue, name: &str) -> Result<Object, Refused> {
        let of_name = |reason| Refused::new(format!("{name} {reason}"));
        if self.record.is_empty() {
            let record = object(body).map_err(of_name)?;
            if record.get("pattern").is_some() && record.get("data").is_some() {
                return Err(Refused::new(
                    "this looks like Nest's packet: `record_at(\"/data\")`",
                ));
            }
            return Ok(record);
        }
        let record = pointer::at(body, &self.record);
        let record = record.filter(|record| record.get() != "null");
        let record = record.ok_or_else(|| of_name(format!("has nothing at `{}`", self.record)))?;
        let record = once_more(record.to_owned()).map_err(of_name)?;
        object(&record).map_err(of_name)
    }
}

/// Returns the JSON in a string of JSON, which must not be a string again.
fn once_more(json: Box<RawValue>) -> Result<Box<RawValue>, String> {
    let is_text = json.get().starts_with('"');
    let inner = object::once_more(json)?;
    if is_text && inner.get().starts_with('"') {
        return Err("is JSON in a string twice: encode it once".to_owned());
    }
    Ok(inner)
}

/// The body may be base64, or a JSON string of base64.
fn decoded_base64(body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let text = text.strip_prefix('"').unwrap_or(text);
    let text = text.strip_suffix('"').unwrap_or(text);
    value::base64(text)
}
