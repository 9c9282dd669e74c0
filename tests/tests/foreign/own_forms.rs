//! Forms that are not of this crate: one that fits old payloads to a new model, and one that is
//! wrong.

use serde_json::{Value, json};
use versioned_core::Op;
use versioned_core::format::{Decode, Decoded, Message, Refused, Replica};

/// Reads another form, after `name` was renamed to `title` in the data of old events.
#[derive(Debug, Clone)]
pub(crate) struct Renamed<D>(pub(crate) D);

impl<D: Decode> Decode for Renamed<D> {
    fn decode(&self, message: &Message<'_>, replica: &Replica) -> Result<Option<Decoded>, Refused> {
        let body = message.body.unwrap_or_default();
        let mut body: Value = serde_json::from_slice(body)
            .map_err(|error| Refused::new(format!("the body is no JSON: {error}")))?;
        let data = body.get_mut("data").and_then(Value::as_object_mut);
        let renamed = data.and_then(|data| {
            let name = data.remove("name")?;
            Some((data, name))
        });
        if let Some((data, name)) = renamed {
            data.entry("title").or_insert(name);
        }
        let body = body.to_string();
        let fitted = Message::new(message.binding, message.subject, Some(body.as_bytes()));
        let fitted = fitted.key(message.key).headers(message.headers);
        self.0.decode(&fitted, replica)
    }
}

/// Reads another form, and then splits `title` into `title` and `price` in records that have no
/// price.
#[derive(Debug, Clone)]
pub(crate) struct Split<D>(pub(crate) D);

impl<D: Decode> Decode for Split<D> {
    fn decode(&self, message: &Message<'_>, replica: &Replica) -> Result<Option<Decoded>, Refused> {
        let Some(mut decoded) = self.0.decode(message, replica)? else {
            return Ok(None);
        };
        let Some(record) = decoded.record.take() else {
            return Ok(Some(decoded));
        };
        let mut record = serde_json::to_value(record).unwrap();
        if record.get("price").is_none() {
            let title = record["title"].as_str().unwrap_or_default().to_owned();
            let (title, price) = title.rsplit_once(" at ").ok_or_else(|| {
                Refused::new(format!("`{title}` has no price"))
                    .of_record(record["id"].to_string(), decoded.version)
            })?;
            record["price"] = price.into();
            record["title"] = title.into();
        }
        Ok(Some(decoded.record(record)))
    }
}

/// Does what its subject says, and nothing right.
#[derive(Debug, Clone)]
pub(crate) struct Broken;

impl Decode for Broken {
    fn decode(&self, message: &Message<'_>, _: &Replica) -> Result<Option<Decoded>, Refused> {
        let record = json!({ "id": 7, "title": "seven", "price": 7, "version": 9 });
        let decoded = match message.subject {
            "broken.panic" => panic!("no such state"),
            "broken.refusal" => return Err(Refused::new("not today").of_record("7", 2)),
            "broken.version" => Decoded::new(Op::Updated, -3).record(record),
            "broken.end" => Decoded::new(Op::DeletedForever, 3).key("7"),
            "broken.empty" => Decoded::new(Op::Created, 1),
            "broken.data" => Decoded::new(Op::Created, 1).key("7"),
            "broken.key" => Decoded::new(Op::Created, 1).key("8").record(record),
            "broken.text" => Decoded::new(Op::Deleted, 1).key("seven"),
            "broken.model" => Decoded::new(Op::Created, 1)
                .key("7")
                .record(json!({ "id": 7 })),
            "broken.fields" => Decoded::new(Op::Created, 1).record(json!([7])),
            _ => return Ok(None),
        };
        Ok(Some(decoded))
    }
}

/// The subjects, and the reason of each dead letter.
pub(crate) const BROKEN: [(&str, &str); 10] = [
    ("broken.panic", "reading it panicked: no such state"),
    ("broken.refusal", "not today"),
    (
        "broken.version",
        "version -3 is out of range for this replica",
    ),
    ("broken.end", "version 3 is out of range for this replica"),
    ("broken.empty", "the message has neither a key nor a record"),
    (
        "broken.data",
        "the event has no data, and is not a deletion",
    ),
    (
        "broken.key",
        "the key `8` cannot be parsed, or is not the key of the event's data",
    ),
    (
        "broken.text",
        "the key `seven` cannot be parsed, or is not the key of the event's data",
    ),
    ("broken.model", "tickets: missing field `title`"),
    (
        "broken.fields",
        "tickets: invalid length 1, expected struct Sequential with 4 elements",
    ),
];
