//! A CloudEvent in a message: its mode, its attributes and its data.

use serde_json::Value;
use serde_json::value::RawValue;

use super::data::Data;
use super::{STRUCTURED, header};
use crate::format::members::Members;
use crate::format::{Message, Refused};

/// The media type of several events, which begins as that of one does.
const BATCH: &str = "application/cloudevents-batch+json";

/// The attributes and the data of a CloudEvent.
#[derive(Debug)]
pub(super) struct Envelope<'m> {
    pub(super) attributes: Attributes,
    /// The attributes in headers beside a structured event, which Kafka allows.
    pub(super) beside: Attributes,
    pub(super) data: Data<'m>,
    /// The type of the body of a binary event.
    body_type: Option<String>,
}

impl<'m> Envelope<'m> {
    pub(super) fn open(message: &Message<'m>) -> Result<Self, Refused> {
        let content_type = content_type(message);
        let media = content_type.as_deref().map(media_type);
        match media.as_deref() {
            Some(STRUCTURED | BATCH) => return Ok(Self::structured(members(message)?, message)),
            Some(media) if media.starts_with("application/cloudevents") => {
                return Err(Refused::new(format!(
                    "CloudEvents as `{media}` are not read: send `{STRUCTURED}`"
                )));
            }
            _ => {}
        }
        let attributes = Attributes::of_headers(message);
        let is_binary = attributes.has("specversion");
        if content_type.is_none() || !is_binary {
            match members(message) {
                Ok(members) if looks_like_an_event(&members) => {
                    return Ok(Self::structured(members, message));
                }
                Err(several @ NotOne::Several) if !is_binary => return Err(several.into()),
                _ => {}
            }
        }
        if !is_binary {
            return Err(Refused::new(
                "it is not a CloudEvent: it has neither its content type, nor a header `specversion`, nor a body with `specversion`, `id`, `type` and `source`",
            ));
        }
        Ok(Self {
            data: Data::of_body(message.body),
            attributes,
            beside: Attributes::default(),
            body_type: content_type,
        })
    }

    fn structured(members: Members<&'m RawValue>, message: &Message<'_>) -> Self {
        let mut data = Data::Absent;
        let mut attributes = Attributes::default();
        for (name, json) in members.0 {
            match name.as_str() {
                "data" => data = data.add(json, false),
                "data_base64" => data = data.add(json, true),
                _ => attributes.add(
                    name.to_ascii_lowercase(),
                    serde_json::from_str(json.get()).ok(),
                ),
            }
        }
        Self {
            beside: Attributes::of_headers(message),
            attributes,
            data,
            body_type: None,
        }
    }

    /// Returns the type of the data, if it has one.
    pub(super) fn content_type(&self) -> Result<Option<String>, Refused> {
        match &self.body_type {
            Some(content_type) => Ok(Some(content_type.clone())),
            None => self.attributes.text("datacontenttype"),
        }
    }
}

/// Returns `application/json` of `Application/JSON; charset=utf-8`.
pub(super) fn media_type(content_type: &str) -> String {
    let media = content_type.split(';').next().unwrap_or_default();
    media.trim().to_ascii_lowercase()
}

fn content_type(message: &Message<'_>) -> Option<String> {
    // AMQP has a property of this name.
    let value = message
        .header("content-type")
        .or_else(|| message.header("content_type"))?;
    let text = String::from_utf8_lossy(value).into_owned();
    (!text.trim().is_empty()).then_some(text)
}

/// The reason why a body is not one JSON object.
#[derive(Debug)]
enum NotOne {
    Several,
    Unreadable(String),
}

impl From<NotOne> for Refused {
    fn from(reason: NotOne) -> Self {
        match reason {
            NotOne::Several => Self::new("it is a batch: send one event for each message"),
            NotOne::Unreadable(reason) => Self::new(format!("it is not a JSON object: {reason}")),
        }
    }
}

/// Returns the members of the object in the body, which may be the only one of a batch.
fn members<'m>(message: &Message<'m>) -> Result<Members<&'m RawValue>, NotOne> {
    let body = message.body.unwrap_or_default();
    let unreadable = |error: serde_json::Error| NotOne::Unreadable(error.to_string());
    let is_batch = body.trim_ascii_start().starts_with(b"[");
    if !is_batch {
        return serde_json::from_slice(body).map_err(unreadable);
    }
    let mut events: Vec<Members<&RawValue>> = serde_json::from_slice(body).map_err(unreadable)?;
    match (events.pop(), events.is_empty()) {
        (Some(event), true) => Ok(event),
        _ => Err(NotOne::Several),
    }
}

fn looks_like_an_event(members: &Members<&RawValue>) -> bool {
    let has = |wanted: &str| {
        let mut names = members.0.iter().map(|(name, _)| name);
        names.any(|name| name.eq_ignore_ascii_case(wanted))
    };
    ["specversion", "id", "type", "source"].into_iter().all(has)
}

/// Attributes by their names in lower case. A value is `None` if it cannot be read.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<(String, Option<Value>)>);

impl Attributes {
    fn of_headers(message: &Message<'_>) -> Self {
        let binding = message.binding;
        let attributes = message.headers.iter().filter_map(|header| {
            let name = header::attribute(header.name, binding)?;
            let value = header::read(header.value, binding);
            Some((name, value.map(Value::String)))
        });
        Self(attributes.collect())
    }

    fn add(&mut self, name: String, value: Option<Value>) {
        self.0.push((name, value));
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Returns the value of an attribute. A null or an empty text is none.
    pub(super) fn get(&self, name: &str) -> Result<Option<&Value>, Refused> {
        let mut found = None;
        for (_, value) in self.0.iter().filter(|(known, _)| known == name) {
            let Some(value) = value else {
                return Err(Refused::new(format!(
                    "the attribute `{name}` is not text in UTF-8"
                )));
            };
            if value.is_null() || value.as_str() == Some("") {
                continue;
            }
            if found.is_some_and(|before| before != value) {
                return Err(Refused::new(format!(
                    "the attribute `{name}` came twice, with other values"
                )));
            }
            found = Some(value);
        }
        Ok(found)
    }

    /// Returns the value of an attribute as text.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Refused> {
        let value = self.get(name)?;
        Ok(value.map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }))
    }
}
