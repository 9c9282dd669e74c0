//! From plain JSON to an event.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{NameAt, PlainJson};
use crate::event::Op;
use crate::format::members::Object;
use crate::format::object::present;
use crate::format::{Decode, Decoded, Message, Refused, Replica, pointer, value};

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
        let mut record = self.record(&body, &name)?;
        let version = self.read_version(&body, &record, &name, replica)?;
        let decoded = match op {
            Op::Deleted | Op::DeletedAt | Op::DeletedForever => {
                let key = self.key(&record, &name, replica)?;
                let (op, version) = self.deletions.named(op).of(&name, version)?;
                Decoded::new(op, version).key(key)
            }
            _ => {
                let version = version.ok_or_else(|| self.no_version(&name, replica))?;
                self.name_key(&mut record, &name, replica)?;
                Decoded::new(op, version).record(record.into_record(version, replica)?)
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

    fn read_version(
        &self,
        body: &RawValue,
        record: &Object,
        name: &str,
        replica: &Replica,
    ) -> Result<Option<i64>, Refused> {
        let field = self.version_field(replica);
        let found = if field.starts_with('/') {
            pointer::at(body, field).and_then(present)
        } else {
            record.field(field)
        };
        let version = found.as_ref().map(value::version).transpose();
        version.map_err(|reason| Refused::new(format!("the field `{field}` of {name}: {reason}")))
    }

    fn version_field<'a>(&'a self, replica: &'a Replica) -> &'a str {
        self.version.as_deref().unwrap_or(replica.version)
    }

    fn no_version(&self, name: &str, replica: &Replica) -> Refused {
        let field = self.version_field(replica);
        Refused::new(format!("{name} has no field `{field}`"))
    }

    /// Returns the key of a deleted record.
    fn key(&self, record: &Object, name: &str, replica: &Replica) -> Result<String, Refused> {
        let of_columns = self.ids.is_empty().then(|| record.key(replica.key));
        let key = of_columns.flatten().or_else(|| {
            // The whole key of several columns may be one text.
            let mut ids = self.ids();
            ids.find_map(|id| value::key_part(&record.field(id)?).ok())
        });
        key.ok_or_else(|| self.no_key(name))
    }

    /// Names the id of a record as the replica's model does.
    fn name_key(&self, record: &mut Object, name: &str, replica: &Replica) -> Result<(), Refused> {
        let [column] = replica.key else {
            return Ok(());
        };
        if self.ids.is_empty() && record.field(column).is_some() {
            return Ok(());
        }
        let id = self.ids().find(|id| record.field(id).is_some());
        match id.and_then(|id| record.get(id)).cloned() {
            // The model decides which type the id has, so the value keeps its form.
            Some(id) => record.set(column, id),
            // The model may have another name for it.
            None if self.ids.is_empty() => {}
            None => return Err(self.no_key(name)),
        }
        Ok(())
    }

    fn no_key(&self, name: &str) -> Refused {
        let ids: Vec<String> = self.ids().map(|id| format!("`{id}`")).collect();
        Refused::new(format!("{name} has no field {}", ids.join(" or ")))
    }
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

fn name_at(body: &RawValue, pointer: &str, message: &Message<'_>) -> Result<String, Refused> {
    match pointer::at(body, pointer).and_then(present) {
        Some(Value::String(text)) => Ok(text),
        Some(other @ (Value::Bool(_) | Value::Number(_))) => Ok(other.to_string()),
        _ => Err(Refused::new(format!(
            "{} has no text at `{pointer}`, which names its operation",
            message.subject
        ))),
    }
}
