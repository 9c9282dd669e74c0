//! Changed messages: they are read or refused, and never panic.

use super::fixtures::{OUTBOX, PLAIN, SCHEMAS, UNWRAP, lines};
use super::*;
use crate::format::testing::Draw;

fn any_value(draw: &mut Draw) -> Value {
    match draw.below(20) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(i64::MIN),
        3 => json!(u64::MAX),
        4 => json!(-1.5e300),
        5 => json!("__debezium_unavailable_value"),
        6 => json!([95, 95]),
        7 => json!({"scale": i64::MAX, "value": "BOI="}),
        8 => json!({"scale": -20_000, "value": "////////////"}),
        9 => json!({"$date": {"$numberLong": "-9223372036854775808"}}),
        10 => json!({"low": 1, "high": -1, "unsigned": true}),
        11 => json!("9".repeat(400)),
        12 => json!("{\"a\":[1,{\"b\":null}]}"),
        13 => json!({"schema": null, "payload": {"id": 1}}),
        14 => json!("infinity"),
        15 => json!("é=Z"),
        16 => json!({"type": "Buffer", "data": [1, 300]}),
        17 => json!("2026-01-01Z"),
        18 => json!("d"),
        _ => json!(draw.below(5)),
    }
}

/// Changes one value in a tree.
fn mutate(value: &mut Value, draw: &mut Draw) {
    match value {
        Value::Object(fields) if !fields.is_empty() && draw.below(12) != 0 => {
            let at = draw.below(fields.len());
            let Some(name) = fields.keys().nth(at).cloned() else {
                return;
            };
            match draw.below(8) {
                0 => drop(fields.remove(&name)),
                1 => {
                    let moved = fields.remove(&name).unwrap();
                    fields.insert(
                        ["id", "version", "op", "schema", "payload", "after"][draw.below(6)]
                            .to_owned(),
                        moved,
                    );
                }
                _ => mutate(fields.get_mut(&name).unwrap(), draw),
            }
        }
        Value::Array(items) if !items.is_empty() && draw.below(12) != 0 => {
            let at = draw.below(items.len());
            mutate(&mut items[at], draw);
        }
        other => *other = any_value(draw),
    }
}

fn mutated(text: &str, draw: &mut Draw) -> String {
    if let (Ok(mut value), true) = (serde_json::from_str(text), draw.below(4) != 0) {
        for _ in 0..=draw.below(3) {
            mutate(&mut value, draw);
        }
        return value.to_string();
    }
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..=draw.below(4) {
        let at = draw.below(characters.len());
        match (draw.below(3), characters.get_mut(at)) {
            (0, Some(character)) => {
                *character = ['"', '{', '}', '0', '-', ',', '\\', 'é', '\0'][draw.below(9)];
            }
            (1, Some(_)) => characters.truncate(at),
            (_, Some(_)) => drop(characters.remove(at)),
            (_, None) => characters.push('{'),
        }
    }
    characters.into_iter().collect()
}

/// A form whose type is not known.
struct Form<'f>(&'f dyn Decode);

impl Decode for Form<'_> {
    fn decode(&self, message: &Message<'_>, replica: &Replica) -> Result<Option<Decoded>, Refused> {
        self.0.decode(message, replica)
    }
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read")]
struct Ticket {
    id: i64,
    title: Option<Vec<u8>>,
    price: f64,
    seats: Option<i32>,
    sold: Option<bool>,
    opened: Option<String>,
    price_exact: Option<Value>,
    version: i64,
}

/// Returns the version that a message has, in any place where a version can be.
fn version_in(sent: &Sent) -> Option<i64> {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| json!(text));
    let unwrapped = |value: Value| match value.as_object() {
        Some(object) if object.len() == 2 && object.contains_key("schema") => {
            value.get("payload").cloned().unwrap_or_default()
        }
        _ => value,
    };
    let whole = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        // `41.0` is a whole number too.
        number => number.as_i64().or_else(|| {
            let text = number.as_f64()?.to_string();
            text.parse().ok()
        }),
    };
    let mut headers = sent.headers.iter();
    if let Some((_, header)) = headers.find(|(name, _)| name == "version") {
        let placed = unwrapped(json(header));
        // A null in the header is no version.
        if !placed.is_null() {
            return whole(&placed);
        }
    }
    let mut body = unwrapped(json(sent.body.as_deref()?));
    if let Value::String(text) = &body {
        body = unwrapped(json(text));
    }
    let row = match body.get("op").and_then(Value::as_str) {
        Some("d") => body.get("before").unwrap_or(&body),
        Some(_) => body.get("after").unwrap_or(&body),
        None => &body,
    };
    // A flattened row can have an `op` of its own.
    let is_flattened = sent.headers.iter().any(|(name, _)| name == "__op");
    let row = if is_flattened { &body } else { row };
    whole(row.get("version")?)
}

#[test]
fn changed_messages_never_panic() {
    let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
    let times = 40;
    let change = Debezium::new()
        .time("price", Unit::Micros)
        .hex("title")
        .json("opened");
    let flattened = Debezium::new().flattened().decimal("price_exact", 2);
    let forms: [(&str, &dyn Decode); 5] = [
        (PLAIN, &change),
        (SCHEMAS, &change),
        (UNWRAP, &flattened),
        (UNWRAP, &change),
        (OUTBOX, &DebeziumOutbox::new()),
    ];
    let mut counts = [0; 3];
    for (file, form) in forms {
        for sent in lines(file) {
            for _ in 0..times {
                let mut sent = sent.clone();
                sent.body = sent.body.map(|body| mutated(&body, &mut draw));
                if draw.below(4) == 0 {
                    sent.key = sent.key.map(|key| mutated(&key, &mut draw));
                }
                for (_, header) in &mut sent.headers {
                    if draw.below(8) == 0 {
                        *header = mutated(header, &mut draw);
                    }
                }
                match sent.decode_for(&Form(form), &tickets()) {
                    Ok(Some(decoded)) => {
                        assert_eq!(Some(decoded.version), version_in(&sent), "{sent:?}");
                        counts[0] += 1;
                        if let Some(mut record) = decoded.record {
                            drop(record.read::<Ticket>("tickets"));
                            drop(record.read::<Value>("tickets"));
                        }
                    }
                    Ok(None) => counts[1] += 1,
                    Err(refused) => {
                        assert!(!refused.reason().is_empty());
                        counts[2] += 1;
                    }
                }
            }
        }
    }
    assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
}
