//! From a row of the outbox to plain JSON.

use serde_json::{Map, Value};

use super::{NameAt, PlainJson};
use crate::event::{Event, Op};
use crate::format::{Binding, Encode, Encoded, fields};
use crate::outbox::OutboxRow;

/// The largest integer that JavaScript does not round.
const EXACT: u64 = 1 << 53;

impl Encode for PlainJson {
    fn encode(&self, row: &OutboxRow, binding: Binding) -> Result<Encoded, String> {
        let event: Event<Map<String, Value>> =
            serde_json::from_str(&row.payload).map_err(|error| error.to_string())?;
        let name = self.written_name(&event)?;
        let record = self.written_record(&event)?;
        let mut body = Value::Object(record);
        if !self.record.is_empty() {
            body = wrapped(body, &self.record)?;
        }
        let mut headers = Vec::new();
        let mut subject = None;
        match &self.name {
            NameAt::Subject => subject = Some(name.to_owned()),
            NameAt::Header(header) => headers.push((header.clone(), name.to_owned())),
            NameAt::Field(pointer) => {
                put(&mut body, pointer, name.into())?;
                // Nest subscribes to the names of its patterns.
                subject = (self.is_nest && binding == Binding::Nats).then(|| name.to_owned());
            }
        }
        if let Some(pointer) = self.version.as_deref().filter(|name| name.starts_with('/')) {
            put(&mut body, pointer, self.number(event.version))?;
        }
        if let Some(trace) = event.trace {
            headers.push(("traceparent".to_owned(), trace));
        }
        let mut encoded =
            Encoded::new(serde_json::to_vec(&body).map_err(|error| error.to_string())?);
        encoded.subject = subject;
        encoded.headers = headers;
        Ok(encoded)
    }
}

impl PlainJson {
    fn written_name(&self, event: &Event<Map<String, Value>>) -> Result<&str, String> {
        let found = self.operations.iter().find(|(_, op)| *op == event.op);
        let (name, _) = found.ok_or_else(|| {
            format!(
                "{} is `{}`, which has no name in this form: add it with `PlainJson::on` if its readers know it",
                event.id(),
                event.op
            )
        })?;
        if event.op == Op::Created && event.version != 0 && !self.any_first_version {
            return Err(format!(
                "{} is created at version {}, but replicas in this form insert it at 0: use a version type with `initial = 0`, or `creations_at_any_version`",
                event.id(),
                event.version
            ));
        }
        Ok(name)
    }

    fn written_record(
        &self,
        event: &Event<Map<String, Value>>,
    ) -> Result<Map<String, Value>, String> {
        let mut record = match (event.op, &event.data) {
            (Op::Deleted, _) => Map::new(),
            (_, Some(data)) => data.clone(),
            (op, None) => return Err(format!("{} is {op}, but has no data", event.id())),
        };
        if self.skip_nulls {
            record.retain(|_, value| !value.is_null());
        }
        if self.large_integers_as_text {
            record.values_mut().for_each(as_text);
        }
        let id = self.ids().next().unwrap_or("id");
        let is_key = record
            .get(id)
            .is_none_or(|id| fields::part(id).as_ref() == Some(&event.key));
        if is_key {
            record.insert(id.to_owned(), event.key.as_str().into());
        }
        let version = self.version.as_deref().unwrap_or("version");
        if !version.starts_with('/') {
            record.insert(version.to_owned(), self.number(event.version));
        }
        Ok(record)
    }

    fn number(&self, version: i64) -> Value {
        let mut number = version.into();
        if self.large_integers_as_text {
            as_text(&mut number);
        }
        number
    }
}

/// Makes text of integers that JavaScript rounds.
fn as_text(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let size = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
            if size.is_some_and(|size| size > EXACT) {
                *value = number.to_string().into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(as_text),
        Value::Object(fields) => fields.values_mut().for_each(as_text),
        _ => {}
    }
}

/// Returns the object that has `value` at a JSON pointer.
fn wrapped(value: Value, pointer: &str) -> Result<Value, String> {
    let mut body = Value::Object(Map::new());
    put(&mut body, pointer, value)?;
    Ok(body)
}

/// Sets the value at a JSON pointer, whose parts are names of fields.
fn put(body: &mut Value, pointer: &str, value: Value) -> Result<(), String> {
    let taken = || format!("`{pointer}` is a field of the record: name another");
    let mut place = body;
    let mut rest = pointer;
    while !rest.is_empty() {
        let (name, inner) = fields::split(rest)
            .ok_or_else(|| format!("`{pointer}` is not a JSON pointer such as `/data`"))?;
        let object = place.as_object_mut().ok_or_else(taken)?;
        if inner.is_empty() && object.contains_key(&name) {
            return Err(taken());
        }
        place = object
            .entry(name)
            .or_insert_with(|| Value::Object(Map::new()));
        rest = inner;
    }
    *place = value;
    Ok(())
}
