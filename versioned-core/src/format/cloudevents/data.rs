//! The data of a CloudEvent, which becomes a JSON object.

use serde_json::value::RawValue;

use super::envelope::media_type;
use crate::format::members::Object;
use crate::format::object::{object, once_more, parse};
use crate::format::value;

/// The data as the message carries it.
#[derive(Debug)]
pub(super) enum Data<'m> {
    Absent,
    Json(&'m RawValue),
    Base64(&'m RawValue),
    Bytes(&'m [u8]),
    /// Both JSON and base64.
    Twice,
}

impl<'m> Data<'m> {
    /// Returns the data of a binary event. No body, an empty one and a null are no data.
    pub(super) fn of_body(body: Option<&'m [u8]>) -> Self {
        match body {
            Some(body) if !is_nothing(body) => Self::Bytes(body),
            _ => Self::Absent,
        }
    }

    /// Adds a member of a structured event. A null is no data.
    pub(super) fn add(self, member: &'m RawValue, is_base64: bool) -> Self {
        match self {
            data if member.get() == "null" => data,
            Self::Absent if is_base64 => Self::Base64(member),
            Self::Absent => Self::Json(member),
            _ => Self::Twice,
        }
    }

    /// Returns the data as an object, or `None` if there is none.
    pub(super) fn object(self, content_type: Option<&str>) -> Result<Option<Object>, String> {
        let json = match self {
            Self::Absent => return Ok(None),
            Self::Twice => return Err("came twice: send `data` or `data_base64`".to_owned()),
            _ if !content_type.is_none_or(is_json) => {
                let media = content_type.unwrap_or_default();
                return Err(format!(
                    "is `{media}`, which is not read: send `application/json`"
                ));
            }
            Self::Json(json) => json.to_owned(),
            Self::Bytes(bytes) => parse(bytes)?,
            Self::Base64(text) => {
                let text: Option<String> = serde_json::from_str(text.get()).ok();
                let bytes = text.and_then(|text| value::base64(&text));
                let bytes = bytes.ok_or("is not base64")?;
                if is_nothing(&bytes) {
                    return Ok(None);
                }
                parse(&bytes)?
            }
        };
        object(&once_more(json)?).map(Some)
    }
}

fn is_nothing(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii(), b"" | b"null")
}

/// Returns whether data of this type may be JSON. Bytes without a type, or of the type for any
/// bytes, are tried.
fn is_json(content_type: &str) -> bool {
    let media = media_type(content_type);
    media.ends_with("/json") || media.ends_with("+json") || media == "application/octet-stream"
}
