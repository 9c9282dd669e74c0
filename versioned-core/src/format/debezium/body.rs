//! The JSON of keys, bodies and headers, in the shapes that the converters of Kafka Connect write.

use serde_json::{Map, Value};

use crate::format::{Message, Refused};

/// A value, and its schema if the message has it.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    pub(super) schema: Option<Value>,
    pub(super) payload: Value,
}

impl Body {
    /// Reads the body of a message. The payload is null if the message has no value, in any form.
    pub(super) fn of(message: &Message<'_>) -> Result<Self, Refused> {
        let bytes = message.body.unwrap_or_default();
        if is_nothing(bytes) {
            return Ok(Self::default());
        }
        match serde_json::from_slice(bytes) {
            Ok(value) => Ok(Self::unwrapped(value)),
            Err(_) if bytes.first() == Some(&0) => Err(Refused::new(
                "the body is no JSON, and begins as Avro and Protobuf do: set \
                 `value.converter=org.apache.kafka.connect.json.JsonConverter`, or implement `Decode`",
            )),
            Err(error) => Err(Refused::new(format!("the body is no JSON: {error}"))),
        }
    }

    /// Reads the key of a message. Text that is no JSON is a key too.
    pub(super) fn of_key(message: &Message<'_>) -> Option<Self> {
        let bytes = message.key.filter(|key| !key.trim_ascii().is_empty())?;
        Some(text_or_json(bytes))
    }

    /// Reads the value of a header, which can be text or JSON.
    pub(super) fn of_header(message: &Message<'_>, name: &str) -> Option<Value> {
        let bytes = message.header(name)?;
        Some(text_or_json(bytes).payload).filter(|value| !value.is_null())
    }

    /// Takes the payload out of the envelope of `JsonConverter`. A record can have fields of these
    /// names too.
    pub(super) fn unwrapped(value: Value) -> Self {
        match value {
            Value::Object(mut fields) if is_envelope(&fields) => Self {
                payload: fields.remove("payload").unwrap_or_default(),
                schema: fields.remove("schema").filter(|schema| !schema.is_null()),
            },
            payload => Self {
                schema: None,
                payload,
            },
        }
    }

    /// Returns the schema of a struct in this struct.
    pub(super) fn schema_of(&self, name: &str) -> Option<&Value> {
        field_schemas(self.schema.as_ref()?).find(|schema| schema_field(schema) == Some(name))
    }
}

/// Returns the schemas of the fields of a struct.
pub(super) fn field_schemas(schema: &Value) -> impl Iterator<Item = &Value> {
    let fields = schema.get("fields").and_then(Value::as_array);
    fields.into_iter().flatten()
}

/// Returns the name of the field that a schema is of.
pub(super) fn schema_field(schema: &Value) -> Option<&str> {
    schema.get("field").and_then(Value::as_str)
}

fn is_envelope(fields: &Map<String, Value>) -> bool {
    let is_schema = |schema: &Value| schema.is_null() || schema.get("type").is_some();
    fields.len() == 2
        && fields.contains_key("payload")
        && fields.get("schema").is_some_and(is_schema)
}

/// Returns whether the bytes are no value. `RabbitMQ` gets the text `default` instead of nothing.
fn is_nothing(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii();
    text.is_empty() || text == b"null" || text == b"default"
}

/// Reads JSON, or text that is no JSON. Numbers stay text: `5e10` can be an id.
fn text_or_json(bytes: &[u8]) -> Body {
    match serde_json::from_slice(bytes) {
        Ok(value @ (Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_))) => {
            Body::unwrapped(value)
        }
        _ => Body {
            schema: None,
            payload: String::from_utf8_lossy(bytes).into_owned().into(),
        },
    }
}
