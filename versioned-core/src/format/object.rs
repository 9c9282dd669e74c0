//! A JSON object that becomes a record.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::members::Object;
use super::{Record, Refused, Replica, pointer, value};

/// Parses JSON.
pub(super) fn parse<'j, T: Deserialize<'j>>(json: &'j [u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| format!("is not JSON: {error}"))
}

/// Returns the JSON in a string of JSON. Some producers encode their JSON twice.
pub(super) fn once_more(json: Box<RawValue>) -> Result<Box<RawValue>, String> {
    if !json.get().starts_with('"') {
        return Ok(json);
    }
    let text: String = parse(json.get().as_bytes())?;
    parse(text.as_bytes())
}

/// Parses JSON that should be an object. A name that comes twice is an error.
pub(super) fn object(json: &RawValue) -> Result<Object, String> {
    if !json.get().starts_with('{') {
        return Err("is not a JSON object".to_owned());
    }
    let object: Object = parse(json.get().as_bytes())?;
    let mut names = BTreeSet::new();
    match object.0.iter().find(|(name, _)| !names.insert(name)) {
        Some((name, _)) => Err(format!("has the field `{name}` twice")),
        None => Ok(object),
    }
}

impl Object {
    /// Returns a field that is not null.
    pub(super) fn field(&self, name: &str) -> Option<Value> {
        present(self.get(name)?)
    }

    /// Returns the value at a JSON pointer, if it is not null.
    pub(super) fn field_at(&self, path: &str) -> Option<Value> {
        let (name, rest) = pointer::split(path)?;
        present(pointer::at(self.get(&name)?, rest)?)
    }

    /// Returns the text of the key, if each of its columns has a field.
    pub(super) fn key(&self, columns: &[&str]) -> Option<String> {
        let fields = columns
            .iter()
            .filter_map(|column| Some(((*column).to_owned(), self.field(column)?)));
        value::key_of(&fields.collect::<Map<String, Value>>(), columns).ok()
    }

    /// Adds a field with this text, if there is none.
    pub(super) fn set_if_absent(&mut self, name: &str, text: &str) -> Result<(), Refused> {
        if self.get(name).is_none() {
            let text = to_raw_value(text).map_err(|error| Refused::new(error.to_string()))?;
            self.set(name, text);
        }
        Ok(())
    }

    /// Returns the record, with the version in the field of the replica's column.
    pub(super) fn into_record(
        mut self,
        version: i64,
        replica: &Replica,
    ) -> Result<Record, Refused> {
        let refused = |error: serde_json::Error| Refused::new(error.to_string());
        let version = to_raw_value(&version).map_err(refused)?;
        self.set(replica.version, version);
        Ok(Record::raw(to_raw_value(&self).map_err(refused)?))
    }
}

/// Parses a value that is not null.
pub(super) fn present(json: &RawValue) -> Option<Value> {
    let value: Value = serde_json::from_str(json.get()).ok()?;
    (!value.is_null()).then_some(value)
}
