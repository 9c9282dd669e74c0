//! The attributes of an event of this crate, as a CloudEvent has them.

use serde::Serialize;
use serde_json::Value;

use super::source::uri_reference;
use crate::event::{Event, Op};

/// The attribute that says that a snapshot without data is a deleted record, and not one whose data
/// was lost.
pub(super) const DELETED: &str = "deleted";

/// The attributes that have a meaning in every CloudEvent, and those that this crate writes, which
/// cannot be the version.
const TAKEN: [&str; 14] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
    "partitionkey",
    "traceparent",
    "metadata",
    "deleted",
    "data_base64",
];

/// Returns whether an extension may have this name.
pub(super) fn is_free(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    !name.is_empty() && name.chars().all(is_plain) && !TAKEN.contains(&name)
}

/// Returns the attributes of an event from `source`, which is a URI-reference. Empty ones are left
/// out, because SDKs refuse an empty `subject` or `time`.
///
/// The version is text, because integers of CloudEvents have 32 bits. There is no `sequence`, which
/// orders the events of a source and not those of a record.
pub(super) fn attributes<T>(
    event: &Event<T>,
    id: String,
    source: &str,
    version_name: &str,
) -> Vec<(String, String)> {
    let mut attributes = vec![
        ("specversion".to_owned(), "1.0".to_owned()),
        ("id".to_owned(), id),
        ("source".to_owned(), source_of(event, source)),
        ("type".to_owned(), format!("{}.{}", event.entity, event.op)),
    ];
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            attributes.push((name.to_owned(), value.to_owned()));
        }
    };
    add("subject", &event.key);
    add("time", &event.at);
    if event.data.is_some() {
        add("datacontenttype", "application/json");
    } else if event.op == Op::Snapshot {
        add(DELETED, "true");
    }
    add(version_name, &event.version.to_string());
    add("traceparent", event.trace.as_deref().unwrap_or_default());
    let metadata = event.metadata.as_ref().map(Value::to_string);
    add("metadata", metadata.as_deref().unwrap_or_default());
    attributes
}

fn source_of<T>(event: &Event<T>, source: &str) -> String {
    if source.is_empty() {
        uri_reference(&format!("/{}", event.entity))
    } else {
        source.to_owned()
    }
}

impl<T> Event<T> {
    /// Returns this event as a CloudEvents 1.0 structure from `source`, a URI such as
    /// `/tickets-service`. Characters that a URI cannot hold are percent-encoded.
    ///
    /// The version is the extension `version`, and is text, because integers of CloudEvents have 32
    /// bits. Attributes that would be empty are left out.
    ///
    /// To publish CloudEvents, give a publisher [`format::CloudEvents`](crate::format::CloudEvents).
    ///
    /// ```
    /// # use versioned_core::Event;
    /// let event: Event<serde_json::Value> = serde_json::from_str(
    ///     r#"{ "entity": "tickets", "key": "7", "version": 2, "op": "updated",
    ///          "data": { "price": 25 } }"#,
    /// )?;
    /// let cloud = event.cloudevent("/tickets-service")?;
    /// assert_eq!(cloud["id"], "tickets/7/2");
    /// assert_eq!(cloud["type"], "tickets.updated");
    /// assert_eq!(cloud["subject"], "7");
    /// assert_eq!(cloud["version"], "2");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of serde if the data cannot be serialized as JSON.
    pub fn cloudevent(&self, source: &str) -> serde_json::Result<Value>
    where
        T: Serialize,
    {
        let attributes = attributes(self, self.id(), &uri_reference(source), super::VERSION);
        let texts = attributes.into_iter();
        let mut envelope: serde_json::Map<String, Value> =
            texts.map(|(name, text)| (name, text.into())).collect();
        if let Some(data) = &self.data {
            envelope.insert("data".to_owned(), serde_json::to_value(data)?);
        }
        Ok(envelope.into())
    }
}
