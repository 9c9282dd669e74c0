//! From a row of the outbox to a CloudEvent.

use serde_json::value::{RawValue, to_raw_value};

use super::attributes::{attributes, is_free};
use super::{CloudEvents, Mode, STRUCTURED, header};
use crate::event::{Event, Op};
use crate::format::members::Members;
use crate::format::{Binding, Encode, Encoded};
use crate::outbox::OutboxRow;

impl Encode for CloudEvents {
    fn encode(&self, row: &OutboxRow, binding: Binding) -> Result<Encoded, String> {
        let event: Event<Box<RawValue>> =
            serde_json::from_str(&row.payload).map_err(|error| error.to_string())?;
        check(&event)?;
        let name = self.version.written();
        if !is_free(name) {
            return Err(format!(
                "`{name}` cannot be the name of an extension: use other lower-case letters and digits"
            ));
        }
        let mut attributes = attributes(&event, row.message_id(), &self.source, name);
        if binding == Binding::Kafka && !event.key.is_empty() {
            attributes.push(("partitionkey".to_owned(), event.key));
        }
        if self.mode == Mode::Structured || (event.data.is_none() && self.structured_deletions) {
            structured(&attributes, event.data)
        } else {
            Ok(self.in_headers(&attributes, event.data, binding))
        }
    }
}

fn check(event: &Event<Box<RawValue>>) -> Result<(), String> {
    let id = event.id();
    match (event.op, &event.data) {
        (Op::DeletedAt | Op::DeletedForever, _) => Err(format!(
            "{id} is `{}`, which has no form as a CloudEvent",
            event.op
        )),
        (Op::Created | Op::Updated, None) => Err(format!("{id} is {}, but has no data", event.op)),
        (_, None) if event.key.is_empty() => Err(format!(
            "{id} has an empty key, and the subject of a CloudEvent cannot be empty"
        )),
        _ => Ok(()),
    }
}

fn structured(
    attributes: &[(String, String)],
    data: Option<Box<RawValue>>,
) -> Result<Encoded, String> {
    let of_json = |error: serde_json::Error| error.to_string();
    let mut members = Vec::with_capacity(attributes.len() + 1);
    for (name, value) in attributes {
        members.push((name.clone(), to_raw_value(value).map_err(of_json)?));
    }
    if let Some(data) = data {
        members.push(("data".to_owned(), data));
    }
    let body = serde_json::to_vec(&Members(members)).map_err(of_json)?;
    let mut encoded = Encoded::new(body);
    encoded.headers = vec![("content-type".to_owned(), STRUCTURED.to_owned())];
    Ok(encoded)
}

impl CloudEvents {
    fn in_headers(
        &self,
        attributes: &[(String, String)],
        data: Option<Box<RawValue>>,
        binding: Binding,
    ) -> Encoded {
        let prefix = match binding {
            Binding::Nats | Binding::Http => "ce-",
            Binding::Kafka => "ce_",
            Binding::Amqp if self.ce_on_amqp => "ce-",
            Binding::Amqp => "cloudEvents_",
        };
        let mut headers = Vec::with_capacity(attributes.len() + 1);
        for (name, value) in attributes {
            if name == "datacontenttype" {
                headers.push(("content-type".to_owned(), value.clone()));
                // The binding of NATS shows this name, and readers differ.
                if binding != Binding::Nats {
                    continue;
                }
            }
            headers.push((format!("{prefix}{name}"), header::write(value, binding)));
        }
        let data = data.map(|data| String::from(Box::<str>::from(data)).into_bytes());
        let mut encoded = Encoded::new(data.unwrap_or_default());
        encoded.headers = headers;
        if encoded.body.as_ref().is_some_and(Vec::is_empty) {
            encoded.body = None;
        }
        encoded
    }
}
