mod deletions;
mod fixtures;
mod fuzz;
mod outbox;
#[cfg(all(feature = "derive", feature = "sqlite"))]
mod replica;
mod rows;
mod values;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::event::Op;
use crate::format::testing::replica as replica_from;
use crate::format::{Binding, Header};

/// A replica of `tickets` that takes each event after the one before it.
fn tickets() -> Replica {
    replica_from(1)
}

fn of_entity(entity: &'static str) -> Replica {
    Replica {
        entity,
        ..tickets()
    }
}

/// A message, which owns its bytes.
#[derive(Debug, Clone, Default)]
struct Sent {
    topic: String,
    key: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Sent {
    fn new(body: &Value) -> Self {
        Self::text(&body.to_string())
    }

    fn text(body: &str) -> Self {
        Self {
            topic: "shop.public.tickets".to_owned(),
            body: Some(body.to_owned()),
            ..Self::default()
        }
    }

    fn tombstone() -> Self {
        Self {
            body: None,
            ..Self::text("")
        }
    }

    fn topic(self, topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            ..self
        }
    }

    fn key(self, key: &Value) -> Self {
        Self {
            key: Some(key.to_string()),
            ..self
        }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn decode_for(
        &self,
        form: &impl Decode,
        replica: &Replica,
    ) -> Result<Option<Decoded>, Refused> {
        let headers: Vec<Header<'_>> = self
            .headers
            .iter()
            .map(|(name, value)| Header::new(name, value.as_bytes()))
            .collect();
        let body = self.body.as_deref().map(str::as_bytes);
        let message = Message::new(Binding::Kafka, &self.topic, body)
            .key(self.key.as_deref().map(str::as_bytes))
            .headers(&headers);
        form.decode(&message, replica)
    }

    fn decode(&self, form: &impl Decode) -> Decoded {
        self.decode_for(form, &tickets()).unwrap().unwrap()
    }

    fn refusal(&self, form: &impl Decode) -> String {
        let refused = self.decode_for(form, &tickets()).unwrap_err();
        refused.reason().to_owned()
    }

    fn is_skipped(&self, form: &impl Decode) -> bool {
        self.decode_for(form, &tickets()).unwrap().is_none()
    }

    /// Reads the field `field` of the record.
    fn field<T: DeserializeOwned>(&self, form: &impl Decode) -> Result<T, String> {
        #[derive(Deserialize)]
        struct One<T> {
            field: T,
        }
        let mut record = self.decode(form).record.unwrap();
        record.read::<One<T>>("tickets").map(|one| one.field)
    }
}

/// An event of a connector for PostgreSQL.
fn event(op: &str, before: &Value, after: &Value) -> Value {
    json!({
        "before": before,
        "after": after,
        "source": {"connector": "postgresql", "schema": "public", "table": "tickets"},
        "op": op,
    })
}

/// The event of a row after its change.
fn updated(after: &Value) -> Sent {
    Sent::new(&event("u", &Value::Null, after))
}

fn deleted(before: &Value) -> Sent {
    Sent::new(&event("d", before, &Value::Null))
}

/// A body with its schema around it.
fn with_schema(fields: &Value, payload: &Value) -> Value {
    json!({"schema": {"type": "struct", "fields": fields}, "payload": payload})
}

/// The event of a row after its change, with the schemas of its fields.
fn updated_with(fields: &Value, after: &Value) -> Sent {
    let after_schema = json!([{"type": "struct", "fields": fields, "field": "after"}]);
    Sent::new(&with_schema(
        &after_schema,
        &event("u", &Value::Null, after),
    ))
}

#[track_caller]
fn is(decoded: &Decoded, op: Op, key: &str, version: i64) {
    let facts = (decoded.op, decoded.key.as_deref(), decoded.version);
    assert_eq!(facts, (op, Some(key), version));
}
