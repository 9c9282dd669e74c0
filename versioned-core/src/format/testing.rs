//! Messages and rows for the tests of the forms.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy.toml exempts what is inside a test, and not its helpers"
)]

use serde_json::{Value, json};

use super::{Binding, Decode, Decoded, Encode, Encoded, Header, Message, Refused, Replica};
use crate::event::{Event, Op};
use crate::outbox::OutboxRow;

/// A replica of `tickets`, whose first version is `first`.
pub(super) fn replica(first: i64) -> Replica {
    Replica {
        entity: "tickets",
        key: &["id"],
        version: "version",
        first,
        is_sequential: true,
    }
}

/// A message with its own bytes.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) binding: Binding,
    pub(super) subject: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Option<Vec<u8>>,
}

impl Sent {
    pub(super) fn new(binding: Binding, headers: &[(&str, &str)], body: &str) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        Self {
            binding,
            subject: "events".to_owned(),
            headers: headers.iter().map(own).collect(),
            body: Some(body.as_bytes().to_vec()),
        }
    }

    pub(super) fn on(subject: &str, body: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            ..Self::new(Binding::Nats, &[], body)
        }
    }

    pub(super) fn without_body(self) -> Self {
        Self { body: None, ..self }
    }

    /// The message that a publisher sends.
    pub(super) fn of(encoded: Encoded, binding: Binding) -> Self {
        let headers = encoded.headers.into_iter();
        Self {
            binding,
            subject: encoded.subject.unwrap_or_else(|| "events".to_owned()),
            headers: headers
                .map(|(name, value)| (name, value.into_bytes()))
                .collect(),
            body: encoded.body,
        }
    }

    pub(super) fn decode(
        &self,
        form: &impl Decode,
        replica: &Replica,
    ) -> Result<Option<Decoded>, Refused> {
        let headers: Vec<Header<'_>> = self
            .headers
            .iter()
            .map(|(name, value)| Header::new(name, value))
            .collect();
        let message = Message::new(self.binding, &self.subject, self.body.as_deref());
        form.decode(&message.headers(&headers), replica)
    }

    /// Reads the message for a replica whose first version is 0.
    #[track_caller]
    pub(super) fn read(&self, form: &impl Decode) -> Decoded {
        self.decode(form, &replica(0)).unwrap().unwrap()
    }

    /// Returns whether the message is not for the replica.
    #[track_caller]
    pub(super) fn is_skipped(&self, form: &impl Decode) -> bool {
        self.decode(form, &replica(0)).unwrap().is_none()
    }

    /// Returns the reason of the refusal.
    #[track_caller]
    pub(super) fn refusal(&self, form: &impl Decode) -> String {
        let refused = self.decode(form, &replica(0)).unwrap_err();
        refused.reason().to_owned()
    }
}

/// Returns the record of an event as JSON, as it was parked.
#[track_caller]
pub(super) fn data(decoded: &Decoded) -> Value {
    serde_json::to_value(decoded.record.as_ref().unwrap()).unwrap()
}

/// Returns the operation, the version and the key.
pub(super) fn facts(decoded: &Decoded) -> (Op, i64, Option<&str>) {
    (decoded.op, decoded.version, decoded.key.as_deref())
}

/// Returns an event of ticket `key`, made at a fixed time.
pub(super) fn event(op: Op, key: &str, version: i64, data: Option<Value>) -> Event<Value> {
    Event {
        at: "2026-11-02T10:00:00.123Z".to_owned(),
        ..Event::new(op, "tickets", key, version, data)
    }
}

/// Returns the ticket 7 of the fixtures.
pub(super) fn ticket(version: i64) -> Value {
    json!({ "id": 7, "title": "café \"x\"", "price": 30.1, "version": version })
}

/// Returns the row of the outbox that has an event.
pub(super) fn row(event: &Event<Value>) -> OutboxRow {
    OutboxRow {
        id: 812,
        entity: event.entity.clone().into_owned(),
        key: event.key.clone(),
        version: event.version,
        op: event.op.to_string(),
        payload: serde_json::to_string(event).unwrap(),
        attempts: 0,
    }
}

/// Writes an event.
#[track_caller]
pub(super) fn written(form: &impl Encode, event: &Event<Value>, binding: Binding) -> Encoded {
    form.encode(&row(event), binding).unwrap()
}

/// Returns the body of a message as JSON.
#[track_caller]
pub(super) fn json_of(encoded: &Encoded) -> Value {
    serde_json::from_slice(encoded.body.as_ref().unwrap()).unwrap()
}

/// Draws numbers, the same in each run.
#[derive(Debug)]
pub(super) struct Draw(pub(super) u64);

impl Draw {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }

    /// Draws a text with characters that forms escape.
    pub(super) fn text(&mut self) -> String {
        const CHARACTERS: &str = "ab7% \"\\/,.:{}[]é日\u{1f600}\u{7f}\0\r\n";
        let all: Vec<char> = CHARACTERS.chars().collect();
        (0..self.below(6))
            .map(|_| all[self.below(all.len())])
            .collect()
    }

    /// Draws any JSON.
    pub(super) fn json(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => (self.below(2) == 0).into(),
            2 => (i64::MAX >> self.below(63)).into(),
            3 => (i64::MIN >> self.below(63)).into(),
            4 => json!(f64::from(i32::try_from(self.below(1 << 20)).unwrap()) / 3.0e7),
            5 => self.text().into(),
            6 => (0..self.below(4)).map(|_| self.json(depth - 1)).collect(),
            _ => self.object(depth - 1),
        }
    }

    fn object(&mut self, depth: usize) -> Value {
        let members = (0..self.below(4)).map(|_| (self.text(), self.json(depth)));
        Value::Object(members.collect())
    }

    /// Draws a ticket with a key, a version and further fields.
    pub(super) fn ticket(&mut self) -> (String, i64, Value) {
        let key = format!("{}{}", self.text(), self.below(10));
        let version = i64::MAX >> self.below(63);
        let mut record = self.object(3);
        record["id"] = key.as_str().into();
        record["version"] = version.into();
        (key, version, record)
    }

    /// Changes a few bytes.
    pub(super) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        const NEW: &[u8] = b"0123456789-+.eE\"\\{}[]:,% ntf\x00\xff\xc3";
        for _ in 0..=self.below(3) {
            let place = self.below(bytes.len() + 1);
            let new = NEW[self.below(NEW.len())];
            match self.below(4) {
                0 => bytes.insert(place, new),
                1 if place < bytes.len() => drop(bytes.remove(place)),
                2 => bytes.truncate(place),
                _ if place < bytes.len() => bytes[place] = new,
                _ => {}
            }
        }
    }
}
