//! The record of a message, between JSON and the model.

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

#[cfg(feature = "formats")]
use crate::event::Event;

/// A record as JSON, which becomes a model.
#[derive(Debug, Clone)]
pub struct Record(Json);

#[derive(Debug, Clone)]
enum Json {
    Raw(Box<RawValue>),
    Value(Value),
}

impl Record {
    /// Creates a record from JSON that is not parsed yet.
    pub fn raw(json: Box<RawValue>) -> Self {
        Self(Json::Raw(json))
    }

    /// Sets the version, if the record does not have it.
    pub(super) fn with_version(self, name: &str, version: i64) -> Self {
        let mut record = self;
        if let Json::Value(Value::Object(fields)) = &mut record.0 {
            if !fields.contains_key(name) {
                fields.insert(name.to_owned(), version.into());
            }
        }
        record
    }

    /// Reads the record as a model.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        let read = match &self.0 {
            Json::Raw(json) => serde_json::from_str(json.get()),
            Json::Value(value) => T::deserialize(value),
        };
        read.map_err(|error| error.to_string())
    }
}

impl From<Value> for Record {
    fn from(value: Value) -> Self {
        Self(Json::Value(value))
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Json::Raw(json) => json.serialize(serializer),
            Json::Value(value) => value.serialize(serializer),
        }
    }
}

/// Reads an event whose record may be in a lenient form.
#[cfg(feature = "formats")]
pub(crate) fn read_event<T: DeserializeOwned>(text: &str) -> Result<Event<T>, String> {
    let event: Event<Box<RawValue>> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    let data = event.data.map(|json| Record::raw(json).read());
    Ok(Event {
        entity: event.entity,
        key: event.key,
        version: event.version,
        op: event.op,
        at: event.at,
        data: data.transpose()?,
        trace: event.trace,
        metadata: event.metadata,
    })
}
