//! From a CloudEvent to an event.

use serde_json::Value;

use super::envelope::{Attributes, Envelope};
use super::{CloudEvents, VersionAt, attributes};
use crate::event::Op;
use crate::format::members::Object;
use crate::format::{Decode, Decoded, Message, Refused, Replica, value};

impl Decode for CloudEvents {
    fn decode(&self, message: &Message<'_>, replica: &Replica) -> Result<Option<Decoded>, Refused> {
        let envelope = Envelope::open(message)?;
        let attributes = &envelope.attributes;
        let Some(name) = attributes.text("type")? else {
            return Err(Refused::new("it has no attribute `type`"));
        };
        let Some(op) = self.types.op(&name, replica.entity) else {
            return Ok(None);
        };
        let specversion = attributes.text("specversion")?;
        if let Some(other) = specversion.filter(|version| !is_one(version)) {
            return Err(Refused::new(format!(
                "specversion {other} is not read: send 1.0"
            )));
        }
        let subject = attributes.text("subject")?;
        let name = match &subject {
            Some(subject) => format!("{name} {subject}"),
            None => name,
        };
        let content_type = envelope.content_type()?;
        let data = envelope.data.object(content_type.as_deref());
        let data = data.map_err(|reason| Refused::new(format!("the data of {name} {reason}")))?;
        let version = self.version(attributes, &envelope.beside, data.as_ref(), &name)?;
        let decoded = match (op, data) {
            (Op::Deleted | Op::DeletedAt | Op::DeletedForever, data) => {
                let (op, version) = self.deletions.named(op).of(&name, version)?;
                let of_data = data.and_then(|data| data.key(replica.key));
                let key = of_data.or_else(|| self.key(subject.as_deref()));
                Decoded::new(op, version).key(key.ok_or_else(|| no_subject(&name))?)
            }
            (_, Some(mut data)) => {
                let version = version.ok_or_else(|| self.no_version(&name))?;
                if let ([column], Some(key)) = (replica.key, self.key(subject.as_deref())) {
                    data.set_if_absent(column, &key)?;
                }
                Decoded::new(op, version).record(data.into_record(version, replica)?)
            }
            (Op::Snapshot, None) if is_true(attributes.get(attributes::DELETED)?) => {
                let version = version.ok_or_else(|| self.no_version(&name))?;
                let key = self.key(subject.as_deref());
                Decoded::new(op, version).key(key.ok_or_else(|| no_subject(&name))?)
            }
            (_, None) => return Err(Refused::new(format!("{name} has no data"))),
        };
        // These decide nothing, so an event does not fail on them.
        let text = |name| attributes.text(name).ok().flatten();
        let metadata = text("metadata");
        Ok(Some(Decoded {
            at: text("time").unwrap_or_default(),
            trace: text("traceparent"),
            metadata: metadata.and_then(|text| serde_json::from_str(&text).ok()),
            ..decoded
        }))
    }
}

impl CloudEvents {
    fn version(
        &self,
        attributes: &Attributes,
        beside: &Attributes,
        data: Option<&Object>,
        name: &str,
    ) -> Result<Option<i64>, Refused> {
        match &self.version {
            VersionAt::Attribute(attribute) => {
                let read = |value: &Value| {
                    version(value).ok_or_else(|| {
                        Refused::new(format!(
                            "the extension `{attribute}` of {name} is {value}, which is no version: send digits"
                        ))
                    })
                };
                let inside = attributes.get(attribute)?.map(read).transpose()?;
                let outside = beside.get(attribute)?.map(read).transpose()?;
                match (inside, outside) {
                    (Some(inside), Some(outside)) if inside != outside => {
                        Err(Refused::new(format!(
                            "the body of {name} says version {inside}, but its headers say {outside}: send one mode"
                        )))
                    }
                    _ => Ok(inside),
                }
            }
            VersionAt::Data(pointer) => {
                let found = data.and_then(|data| data.field_at(pointer));
                let version = found.as_ref().map(value::version).transpose();
                version.map_err(|reason| {
                    Refused::new(format!("`{pointer}` in the data of {name}: {reason}"))
                })
            }
        }
    }

    fn no_version(&self, name: &str) -> Refused {
        let missing = match &self.version {
            VersionAt::Attribute(attribute) => format!("no extension `{attribute}` on {name}"),
            VersionAt::Data(pointer) => format!("nothing at `{pointer}` in the data of {name}"),
        };
        Refused::new(format!(
            "{missing}: name the attribute or the field that carries it"
        ))
    }

    fn key(&self, subject: Option<&str>) -> Option<String> {
        let subject = subject?;
        let key = if self.last_segment {
            subject.rsplit('/').next()?
        } else {
            subject
        };
        (!key.is_empty()).then(|| key.to_owned())
    }
}

fn no_subject(name: &str) -> Refused {
    Refused::new(format!(
        "{name} names no record: send its key as the `subject`"
    ))
}

fn is_one(specversion: &str) -> bool {
    specversion == "1" || specversion.starts_with("1.")
}

fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(|value| *value == true || value.as_str() == Some("true"))
}

/// Returns a version that is digits, or a whole number that no producer has rounded.
fn version(value: &Value) -> Option<i64> {
    const EXACT: i64 = 1 << 53;
    match value {
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Value::Number(number) => number
            .as_i64()
            .filter(|number| (0..=EXACT).contains(number)),
        _ => None,
    }
}
