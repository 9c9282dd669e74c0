//! The messages of the fixtures, and the orders in which a broker can deliver them.

use serde::de::DeserializeOwned;
use serde_json::Value;
use versioned_core::Event;
use versioned_core::format::{self, Binding, Decode, Encoded, Header, Message, Refused};
use versioned_core::model::DependentModel;

/// The folder of the fixtures, which are the same as those of the unit tests.
macro_rules! fixture {
    ($path:literal) => {
        include_str!(concat!(
            "../../../versioned-core/src/format/fixtures/",
            $path
        ))
    };
}

const MONGOOSE: &str = fixture!("mongoose/messages.jsonl");
pub(crate) const MONGOOSE_RECORDS: &str = fixture!("mongoose/records.jsonl");
const CLOUD_EVENTS: &str = fixture!("cloudevents/messages.jsonl");

/// A file of messages from Debezium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Captured {
    Plain,
    Schemas,
    Unwrap,
    Outbox,
}

/// A message with its own bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent {
    pub(crate) binding: Binding,
    pub(crate) subject: String,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Sent {
    pub(crate) fn new(binding: Binding, subject: &str, body: &str) -> Self {
        Self {
            binding,
            subject: subject.to_owned(),
            key: None,
            headers: Vec::new(),
            body: Some(body.as_bytes().to_vec()),
        }
    }

    /// The message that a publisher sends, whose own subject is `events`. Only Kafka distinguishes
    /// a message without a body from an empty one.
    pub(crate) fn of(encoded: Encoded, binding: Binding) -> Self {
        let headers = encoded.headers.into_iter();
        let body = encoded.body;
        let empty = || (binding != Binding::Kafka).then(Vec::new);
        Self {
            binding,
            subject: encoded.subject.unwrap_or_else(|| "events".to_owned()),
            key: encoded.key.map(String::into_bytes),
            headers: headers
                .map(|(name, value)| (name, value.into_bytes()))
                .collect(),
            body: body.or_else(empty),
        }
    }

    pub(crate) fn read<M: DependentModel + DeserializeOwned>(
        &self,
        form: &dyn Decode,
    ) -> Result<Option<Event<M>>, Refused> {
        let headers: Vec<Header<'_>> = self
            .headers
            .iter()
            .map(|(name, value)| Header::new(name, value))
            .collect();
        let message = Message::new(self.binding, &self.subject, self.body.as_deref());
        let message = message.key(self.key.as_deref()).headers(&headers);
        format::read::<M>(form, &message)
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    value.as_str().map(|text| text.as_bytes().to_vec())
}

fn headers(line: &Value) -> Vec<(String, Vec<u8>)> {
    let headers = line["headers"].as_object().unwrap().iter();
    headers
        .map(|(name, value)| (name.clone(), bytes(value).unwrap()))
        .collect()
}

fn lines(file: &str) -> impl Iterator<Item = Value> + '_ {
    file.lines().map(|line| serde_json::from_str(line).unwrap())
}

/// What mongoose sent, in the order of its stream. A third of the messages are there twice.
pub(crate) fn mongoose() -> Vec<Sent> {
    let sent = |line: Value| Sent {
        headers: headers(&line),
        ..Sent::new(
            Binding::Nats,
            line["subject"].as_str().unwrap(),
            line["data"].as_str().unwrap(),
        )
    };
    lines(MONGOOSE).map(sent).collect()
}

/// What the SDK for JavaScript sent in one of its forms, such as `kafka-binary`.
pub(crate) fn cloud_events(form: &str) -> Vec<Sent> {
    let binding = match form.split_once('-') {
        Some(("kafka", _)) => Binding::Kafka,
        _ => Binding::Http,
    };
    let sent = |line: Value| Sent {
        key: bytes(&line["key"]),
        headers: headers(&line),
        body: match &line["body_base64"] {
            Value::String(text) => Some(of_base64(text)),
            _ => bytes(&line["body"]),
        },
        ..Sent::new(binding, "tickets", "")
    };
    lines(CLOUD_EVENTS)
        .filter(|line| line["form"] == form)
        .map(sent)
        .collect()
}

/// What Debezium sent, in the order of the changes.
pub(crate) fn debezium(captured: Captured) -> Vec<Sent> {
    let file = match captured {
        Captured::Plain => fixture!("debezium/plain.jsonl"),
        Captured::Schemas => fixture!("debezium/schemas.jsonl"),
        Captured::Unwrap => fixture!("debezium/unwrap.jsonl"),
        Captured::Outbox => fixture!("debezium/outbox.jsonl"),
    };
    let sent = |line: Value| Sent {
        key: bytes(&line["key"]),
        headers: headers(&line),
        body: bytes(&line["value"]),
        ..Sent::new(Binding::Kafka, line["destination"].as_str().unwrap(), "")
    };
    lines(file).map(sent).collect()
}

fn of_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte);
    let (mut decoded, mut bits, mut number) = (Vec::new(), 0_usize, 0);
    for digit in text.bytes().filter_map(digit) {
        bits = (bits << 6) | digit;
        number += 6;
        if number >= 8 {
            number -= 8;
            decoded.push(u8::try_from((bits >> number) & 0xff).unwrap());
        }
    }
    decoded
}

/// An order of delivery.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) name: String,
    /// The places of the messages in their stream.
    pub(crate) places: Vec<usize>,
    /// How often each message is delivered.
    pub(crate) times: usize,
    /// The number of events in a batch. `None` applies each event by itself.
    pub(crate) batch: Option<usize>,
}

/// The orders in which so many messages of a stream are delivered.
pub(crate) fn deliveries(messages: usize) -> Vec<Delivery> {
    let order = |name: &str, places, times, batch| Delivery {
        name: name.to_owned(),
        places,
        times,
        batch,
    };
    let all = || 0..messages;
    let pairs = || all().flat_map(|place| [place, place]).collect();
    let mut deliveries = vec![
        order("in stream order", all().collect(), 1, None),
        order("in batches", all().collect(), 1, Some(10)),
        order("each message twice", pairs(), 2, None),
        order("backwards", all().rev().collect(), 1, Some(5)),
    ];
    for seed in 1..=3 {
        let (places, times) = match seed {
            2 => (pairs(), 2),
            _ => (all().collect(), 1),
        };
        let name = format!("shuffled with seed {seed}");
        let batch = (seed > 1).then_some(8);
        deliveries.push(order(&name, shuffled(places, seed), times, batch));
    }
    deliveries
}

/// Shuffles the same way in each run.
pub(crate) fn shuffled<T>(mut items: Vec<T>, seed: u64) -> Vec<T> {
    let mut state = seed;
    for last in (1..items.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let place = usize::try_from(state >> 33).unwrap() % (last + 1);
        items.swap(last, place);
    }
    items
}
