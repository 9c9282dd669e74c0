//! The data of a CloudEvent, which becomes a JSON object.

use serde_json::{Map, Value};

use super::envelope::media_type;
use crate::format::{Refused, value};

/// The data as the message carries it.
#[derive(Debug)]
pub(super) enum Data<'m> {
    Absent,
    Json(Value),
    Bytes(&'m [u8]),
    Decoded(Vec<u8>),
}

impl<'m> Data<'m> {
    /// Returns the data of a binary event. No body, an empty one and a null are no data.
    pub(super) fn of_body(body: Option<&'m [u8]>) -> Self {
        match body {
            Some(body) if !matches!(body.trim_ascii(), b"" | b"null") => Self::Bytes(body),
            _ => Self::Absent,
        }
    }

    pub(super) fn of_base64(member: &Value) -> Result<Self, Refused> {
        let bytes = member.as_str().and_then(value::base64);
        let bytes = bytes.ok_or_else(|| Refused::new("its `data_base64` is not base64"))?;
        match bytes.trim_ascii() {
            b"" | b"null" => Ok(Self::Absent),
            _ => Ok(Self::Decoded(bytes)),
        }
    }

    /// Returns the data as an object, or `None` if there is none.
    pub(super) fn object(
        self,
        content_type: Option<&str>,
    ) -> Result<Option<Map<String, Value>>, String> {
        let value = match self {
            Self::Absent => return Ok(None),
            _ if !content_type.is_none_or(is_json) => {
                let media = content_type.unwrap_or_default();
                return Err(format!(
                    "is `{media}`, which is not read: send `application/json`"
                ));
            }
            Self::Json(value) => value,
            Self::Bytes(bytes) => parse(bytes)?,
            Self::Decoded(bytes) => parse(&bytes)?,
        };
        match once_more(value)? {
            Value::Object(object) => Ok(Some(object)),
            _ => Err("is not a JSON object".to_owned()),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("is not JSON: {error}"))
}

/// Some SDKs send JSON as a string of JSON.
fn once_more(value: Value) -> Result<Value, String> {
    match value {
        Value::String(text) => parse(text.as_bytes()),
        other => Ok(other),
    }
}

/// Returns whether data of this type may be JSON. Bytes without a type, or of the type for any
/// bytes, are tried.
fn is_json(content_type: &str) -> bool {
    let media = media_type(content_type);
    media.ends_with("/json") || media.ends_with("+json") || media == "application/octet-stream"
}
