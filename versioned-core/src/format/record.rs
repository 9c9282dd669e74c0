//! The record of a message, between JSON and the model.

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Refused;

#[cfg(feature = "formats")]
use super::value::{self, Checks};
#[cfg(feature = "formats")]
use crate::event::Event;

/// A record as JSON, which becomes a model.
///
/// The model's `Deserialize` decides which value a field needs. A field of a record can have any
/// form that can only be this value:
///
/// | the model needs | and the record has |
/// | --- | --- |
/// | `bool` | `true`, `false`, 0, 1 |
/// | an integer | `3`, `"3"`, `3.0` up to 2^53, `{"$numberLong":"3"}`, `{"low":3,"high":0}`, `{"scale":0,"value":"Aw=="}` |
/// | a float | a number, decimal text, `"NaN"`, `"Infinity"`, `{"$numberDecimal":"1.5"}`, `{"scale":1,"value":"Dw=="}` |
/// | text | text, `{"$oid":".."}`, `{"$date":..}`, `{"$numberDecimal":".."}`, `{"scale":..,"value":".."}` |
/// | a date or time without a zone | its text, also with `Z` |
/// | a struct, a map, a list | it, or text with the JSON of it |
/// | `serde_json::Value` | it |
/// | bytes | base64, `{"type":"Buffer","data":[..]}`, a list of bytes |
///
/// What could be another value is an error that names the field: 2 is no `bool`, and a number is no
/// text. Unknown fields are ignored. The fields of structs with `#[serde(flatten)]` and of
/// `untagged` enums have to have the form that serde expects. Debezium sends columns of JSON as text:
/// from its form, text with an object or a list is this object or list for a `serde_json::Value`.
#[derive(Debug, Clone)]
pub struct Record {
    json: Json,
    #[cfg(feature = "formats")]
    checks: Box<Checks>,
}

#[derive(Debug, Clone)]
enum Json {
    Raw(Box<RawValue>),
    Value(Value),
}

impl Record {
    /// Creates a record from JSON that is not parsed yet.
    pub fn raw(json: Box<RawValue>) -> Self {
        Self::of(Json::Raw(json))
    }

    /// Changes the JSON of the record, and keeps the checks of the form that has read it. An upcaster
    /// fits the records of older producers to the model with it.
    ///
    /// ```
    /// use serde_json::json;
    /// use versioned_core::format::Record;
    ///
    /// let record = Record::from(json!({ "id": 7, "cost": 20 }));
    /// let record = record.map(|fields| {
    ///     fields["price"] = fields["cost"].take();
    ///     Ok(())
    /// })?;
    /// assert_eq!(serde_json::to_value(&record).unwrap()["price"], 20);
    /// # Ok::<(), versioned_core::format::Refused>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of `change`.
    pub fn map(
        mut self,
        change: impl FnOnce(&mut Value) -> Result<(), Refused>,
    ) -> Result<Self, Refused> {
        let mut value = match self.json {
            Json::Value(value) => value,
            Json::Raw(json) => {
                serde_json::from_str(json.get()).map_err(|error| Refused::new(error.to_string()))?
            }
        };
        change(&mut value)?;
        self.json = Json::Value(value);
        Ok(self)
    }

    fn of(json: Json) -> Self {
        Self {
            json,
            #[cfg(feature = "formats")]
            checks: Box::default(),
        }
    }

    /// Adds the checks of the form.
    #[cfg(feature = "formats")]
    pub(super) fn checked(self, checks: Checks) -> Self {
        Self {
            checks: Box::new(checks),
            ..self
        }
    }

    /// Sets the version, if the record does not have it.
    pub(super) fn with_version(self, name: &str, version: i64) -> Self {
        let mut record = self;
        if let Json::Value(Value::Object(fields)) = &mut record.json {
            if !fields.contains_key(name) {
                fields.insert(name.to_owned(), version.into());
            }
        }
        record
    }

    /// Reads the record as a model. What had to be changed for that stays changed.
    #[cfg(feature = "formats")]
    pub(super) fn read<T: DeserializeOwned>(&mut self, entity: &str) -> Result<T, String> {
        match &mut self.json {
            Json::Raw(json) => read_raw(json.get(), &self.checks, entity),
            Json::Value(value) => value::read(value, &self.checks, entity),
        }
    }
}

#[cfg(not(feature = "formats"))]
impl Record {
    /// Reads the record as a model.
    pub(super) fn read<T: DeserializeOwned>(&mut self, _: &str) -> Result<T, String> {
        let read = match &self.json {
            Json::Raw(json) => serde_json::from_str(json.get()),
            Json::Value(value) => T::deserialize(value),
        };
        read.map_err(|error| error.to_string())
    }
}

/// Reads JSON in serde's own forms, which costs nothing more, and otherwise in any form.
#[cfg(feature = "formats")]
fn read_raw<T: DeserializeOwned>(json: &str, checks: &Checks, entity: &str) -> Result<T, String> {
    serde_json::from_str(json).or_else(|error| {
        let reason = error.to_string();
        // Of a field that comes twice, a parsed value has only the last one.
        if reason.starts_with("duplicate field") {
            return Err(reason);
        }
        let mut value = serde_json::from_str(json).map_err(|_| reason)?;
        value::read(&mut value, checks, entity)
    })
}

impl From<Value> for Record {
    fn from(value: Value) -> Self {
        Self::of(Json::Value(value))
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.json {
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
    let data = event.data.map(|json| Record::raw(json).read(&event.entity));
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
