//! From a row of the outbox to plain JSON. Values are copied as they are, so none is rounded.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::{NameAt, PlainJson};
use crate::event::{Event, Op};
use crate::format::members::{Members, Object};
use crate::format::{Binding, Encode, Encoded, pointer, value};
use crate::outbox::OutboxRow;

/// The largest integer that JavaScript does not round.
const EXACT: u64 = 1 << 53;

impl Encode for PlainJson {
    fn encode(&self, row: &OutboxRow, binding: Binding) -> Result<Encoded, String> {
        let event: Event<Object> =
            serde_json::from_str(&row.payload).map_err(|error| error.to_string())?;
        let name = self.written_name(&event)?;
        let record = self.written_record(&event)?;
        let mut body = if self.record.is_empty() {
            record
        } else {
            let mut body = Members(Vec::new());
            put(&mut body, &self.record, raw(&record)?)?;
            body
        };
        let mut headers = Vec::new();
        let mut subject = None;
        match &self.name {
            NameAt::Subject => subject = Some(name.to_owned()),
            NameAt::Header(header) => headers.push((header.clone(), name.to_owned())),
            NameAt::Field(pointer) => {
                put(&mut body, pointer, raw(name)?)?;
                // Nest subscribes to the names of its patterns.
                subject = (self.is_nest && binding == Binding::Nats).then(|| name.to_owned());
            }
        }
        if self.version_is_in_body() {
            let version = self.integer(raw(&event.version)?)?;
            put(&mut body, self.version_name(), version)?;
        }
        // A header carries no other bytes on some brokers, and a `traceparent` needs none.
        let is_plain = |trace: &String| trace.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(trace) = event.trace.filter(is_plain) {
            headers.push(("traceparent".to_owned(), trace));
        }
        let body = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
        let mut encoded = Encoded::new(body);
        encoded.subject = subject;
        encoded.headers = headers;
        Ok(encoded)
    }
}

impl PlainJson {
    fn written_name(&self, event: &Event<Object>) -> Result<&str, String> {
        let found = self.operations.iter().find(|(_, op)| *op == event.op);
        let (name, _) = found.ok_or_else(|| {
            format!(
                "{} is `{}`, which has no name in this form: add it with `PlainJson::on` if its readers know it",
                event.id(),
                event.op
            )
        })?;
        if event.op == Op::Created && event.version != 0 && !self.written.any_first_version {
            return Err(format!(
                "{} is created at version {}, but replicas in this form insert it at 0: use a version type with `initial = 0`, or `creations_at_any_version`",
                event.id(),
                event.version
            ));
        }
        Ok(name)
    }

    fn written_record(&self, event: &Event<Object>) -> Result<Object, String> {
        let mut record = match (event.op, &event.data) {
            (Op::Deleted, _) => Members(Vec::new()),
            (_, Some(data)) => data.clone(),
            (op, None) => return Err(format!("{} is {op}, but has no data", event.id())),
        };
        if self.written.skip_nulls {
            record.0.retain(|(_, value)| value.get() != "null");
        }
        for (_, value) in &mut record.0 {
            *value = self.integer(value.clone())?;
        }
        let id = self.ids().next().unwrap_or("id");
        if record.get(id).is_none_or(|id| is_key(id, &event.key)) {
            record.set(id, raw(&event.key)?);
        }
        if !self.version_is_in_body() {
            let version = self.integer(raw(&event.version)?)?;
            record.set(self.version_name(), version);
        }
        Ok(record)
    }

    fn version_name(&self) -> &str {
        self.version.as_deref().unwrap_or("version")
    }

    fn version_is_in_body(&self) -> bool {
        self.version_name().starts_with('/')
    }

    /// Makes text of integers that JavaScript rounds, if told.
    fn integer(&self, value: Box<RawValue>) -> Result<Box<RawValue>, String> {
        if self.written.large_integers_as_text {
            as_text(value)
        } else {
            Ok(value)
        }
    }
}

fn is_key(id: &RawValue, key: &str) -> bool {
    let id: Result<Value, _> = serde_json::from_str(id.get());
    let text = id.ok().and_then(|id| value::key_part(&id).ok());
    text.as_deref() == Some(key)
}

fn raw(value: &(impl Serialize + ?Sized)) -> Result<Box<RawValue>, String> {
    to_raw_value(value).map_err(|error| error.to_string())
}

fn parse<'j, T: serde::Deserialize<'j>>(json: &'j RawValue) -> Result<T, String> {
    serde_json::from_str(json.get()).map_err(|error| error.to_string())
}

/// Makes text of integers that JavaScript rounds.
fn as_text(value: Box<RawValue>) -> Result<Box<RawValue>, String> {
    let json = value.get();
    match json.as_bytes().first() {
        Some(b'{') => {
            let mut object: Object = parse(&value)?;
            for (_, member) in &mut object.0 {
                *member = as_text(member.clone())?;
            }
            raw(&object)
        }
        Some(b'[') => {
            let items: Vec<Box<RawValue>> = parse(&value)?;
            let items: Result<Vec<_>, _> = items.into_iter().map(as_text).collect();
            raw(&items?)
        }
        Some(b'-' | b'0'..=b'9') if is_rounded(json) => raw(json),
        _ => Ok(value),
    }
}

fn is_rounded(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    let is_integer = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_integer && digits.parse().map_or(true, |size: u64| size > EXACT)
}

/// Adds the value at a JSON pointer, whose parts are names.
fn put(body: &mut Object, path: &str, value: Box<RawValue>) -> Result<(), String> {
    let (name, inner) = pointer::split(path)
        .ok_or_else(|| format!("`{path}` is not a JSON pointer such as `/data`"))?;
    let taken = || format!("`{name}` is a field of the record: name another place");
    let before = body.get(&name);
    if inner.is_empty() {
        if before.is_some() {
            return Err(taken());
        }
        body.set(&name, value);
        return Ok(());
    }
    let mut object = match before {
        Some(before) => parse(before).map_err(|_| taken())?,
        None => Members(Vec::new()),
    };
    put(&mut object, inner, value)?;
    let object = raw(&object)?;
    body.set(&name, object);
    Ok(())
}
