//! From plain JSON to an event.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{NameAt, PlainJson};
use crate::event::Op;
use crate::format::{Decode, Decoded, Deletions, Message, Refused, Replica, value};

impl Decode for PlainJson {
    fn decode(&self, message: &Message<'_>, replica: &Replica) -> Result<Option<Decoded>, Refused> {
        if self.operations.is_empty() {
            return Err(Refused::new(
                "the form has no operations: name them with `PlainJson::on`",
            ));
        }
        // A message with another name is not parsed.
        let mut body = None;
        let name = match &self.name {
            NameAt::Subject => Cow::Borrowed(message.subject),
            NameAt::Header(header) => header_text(message, header)?,
            NameAt::Field(pointer) => {
                let parsed = body.insert(self.parse(message)?);
                Cow::Owned(name_at(parsed, pointer, message)?)
            }
        };
        let Some(op) = self.op(&name) else {
            return Ok(None);
        };
        let body = match body {
            Some(body) => body,
            None => self.parse(message)?,
        };
        let version = self.read_version(&body, &name, replica)?;
        let mut record = self.record(body, &name, message)?;
        let version = match version {
            Some(version) => Some(version),
            None => self.version_of(&record, &name, replica)?,
        };
        let decoded = match op {
            Op::Deleted | Op::DeletedAt | Op::DeletedForever => {
                let deletions = match op {
                    Op::DeletedAt => Deletions::Last,
                    Op::DeletedForever => Deletions::Final,
                    _ => self.deletions,
                };
                let key = self.key(&record, &name, replica)?;
                let (op, version) = deletions.of(&name, version)?;
                Decoded::new(op, version).key(key)
            }
            _ => {
                let version = version.ok_or_else(|| self.no_version(&name, replica))?;
                self.name_key(&mut record, &name, replica)?;
                record.insert(replica.version.to_owned(), version.into());
                Decoded::new(op, version).record(Value::Object(record))
            }
        };
        let trace = message.header("traceparent").map(String::from_utf8_lossy);
        Ok(Some(Decoded {
            trace: trace.map(Cow::into_owned),
            ..decoded
        }))
    }
}

impl PlainJson {
    fn op(&self, name: &str) -> Option<Op> {
        let found = self.operations.iter().find(|(known, _)| known == name);
        found.map(|(_, op)| *op)
    }

    /// Reads a version that is outside of the record.
    fn read_version(
        &self,
        body: &Value,
        name: &str,
        replica: &Replica,
    ) -> Result<Option<i64>, Refused> {
        let field = self.version_field(replica);
        if !field.starts_with('/') {
            return Ok(None);
        }
        whole(body.pointer(field), field, name)
    }

    fn version_of(
        &self,
        record: &Map<String, Value>,
        name: &str,
        replica: &Replica,
    ) -> Result<Option<i64>, Refused> {
        let field = self.version_field(replica);
        if field.starts_with('/') {
            return Ok(None);
        }
        whole(record.get(field), field, name)
    }

    fn version_field<'a>(&'a self, replica: &'a Replica) -> &'a str {
        self.version.as_deref().unwrap_or(replica.version)
    }

    fn no_version(&self, name: &str, replica: &Replica) -> Refused {
        let field = self.version_field(replica);
        Refused::new(format!("{name} has no field `{field}`"))
    }

    /// Returns the key of a deleted record.
    fn key(
        &self,
        record: &Map<String, Value>,
        name: &str,
        replica: &Replica,
    ) -> Result<String, Refused> {
        let of_columns = self
            .ids
            .is_empty()
            .then(|| value::key_of(record, replica.key).ok());
        let key = of_columns.flatten().or_else(|| {
            // The whole key of several columns may be one text.
            let mut ids = self.ids();
            ids.find_map(|id| value::key_part(record.get(id)?).ok())
        });
        key.ok_or_else(|| self.no_key(name))
    }

    /// Names the id of a record as the replica's model does.
    fn name_key(
        &self,
        record: &mut Map<String, Value>,
        name: &str,
        replica: &Replica,
    ) -> Result<(), Refused> {
        let [column] = replica.key else {
            return Ok(());
        };
        let has_column = record.get(*column).is_some_and(|id| !id.is_null());
        if self.ids.is_empty() && has_column {
            return Ok(());
        }
        let of_ids = |id: &str| record.get(id).filter(|id| !id.is_null()).cloned();
        let id = self
            .ids()
            .find_map(of_ids)
            .ok_or_else(|| self.no_key(name))?;
        // A model may have a type of its own for the column, so the value keeps its form.
        record.insert((*column).to_owned(), id);
        Ok(())
    }

    fn no_key(&self, name: &str) -> Refused {
        let ids: Vec<String> = self.ids().map(|id| format!("`{id}`")).collect();
        Refused::new(format!("{name} has no field {}", ids.join(" or ")))
    }
}

fn whole(found: Option<&Value>, field: &str, name: &str) -> Result<Option<i64>, Refused> {
    let Some(found) = found.filter(|found| !found.is_null()) else {
        return Ok(None);
    };
    let version = value::version(found)
        .map_err(|reason| Refused::new(format!("the field `{field}` of {name}: {reason}")))?;
    Ok(Some(version))
}

fn header_text<'m>(message: &Message<'m>, header: &str) -> Result<Cow<'m, str>, Refused> {
    let value = message.header(header).ok_or_else(|| {
        Refused::new(format!(
            "{} has no header `{header}`, which names its operation",
            message.subject
        ))
    })?;
    Ok(String::from_utf8_lossy(value))
}

fn name_at(body: &Value, pointer: &str, message: &Message<'_>) -> Result<String, Refused> {
    match body.pointer(pointer) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other @ (Value::Bool(_) | Value::Number(_))) => Ok(other.to_string()),
        _ => Err(Refused::new(format!(
            "{} has no text at `{pointer}`, which names its operation",
            message.subject
        ))),
    }
}
