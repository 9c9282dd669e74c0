//! Events of the JavaScript SDK.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::CloudEvents;
use crate::event::Op;
use crate::format::Binding;
use crate::format::testing::{Sent, data, facts};

const MESSAGES: &str = include_str!("../../fixtures/cloudevents/messages.jsonl");

/// Returns the messages and the names of their forms.
pub(super) fn messages() -> Vec<(String, Sent)> {
    MESSAGES.lines().map(message).collect()
}

fn message(line: &str) -> (String, Sent) {
    let line: Value = serde_json::from_str(line).unwrap();
    let form = line["form"].as_str().unwrap();
    let binding = if form.starts_with("kafka") {
        Binding::Kafka
    } else {
        Binding::Http
    };
    let headers = line["headers"].as_object().unwrap().iter();
    let headers: Vec<(&str, &str)> = headers
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let sent = Sent::new(binding, &headers, line["body"].as_str().unwrap_or_default());
    let sent = match line.get("body_base64").and_then(Value::as_str) {
        Some(body) => Sent {
            body: Some(STANDARD.decode(body).unwrap()),
            ..sent
        },
        None if line["body"].is_null() => sent.without_body(),
        None => sent,
    };
    (form.to_owned(), sent)
}

#[test]
fn each_message_of_the_sdk_is_read() {
    let expected = [
        (
            Op::Created,
            1,
            Some(json!({ "id": 7, "title": "café \"x\"", "price": 30.1, "version": 1 })),
        ),
        (
            Op::Updated,
            2,
            Some(json!({ "id": 7, "title": "café", "price": 31, "version": 2 })),
        ),
        (Op::Deleted, 3, None),
        (
            Op::Updated,
            5,
            Some(json!({ "id": 8, "title": "numbers as a sequence", "price": 1000, "version": 5 })),
        ),
        (
            Op::Updated,
            2,
            Some(json!({ "id": 9, "title": "bytes", "price": 2, "version": 2 })),
        ),
    ];
    let messages = messages();
    assert_eq!(messages.len(), 4 * expected.len());
    let events = messages.chunks(4).zip(expected).zip(0..);
    for ((forms, (op, version, record)), second) in events {
        for (name, sent) in forms {
            let form = if version == 5 {
                CloudEvents::new().version_attribute("sequence")
            } else {
                CloudEvents::new()
            };
            let read = sent.read(&form);
            let key = (op == Op::Deleted).then_some("7");
            assert_eq!(facts(&read), (op, version, key), "{name}");
            let start = format!("2026-11-02T10:00:0{second}");
            assert!(read.at.starts_with(&start), "{name}: {}", read.at);
            match &record {
                Some(record) => assert_eq!(data(&read), *record, "{name}"),
                None => assert!(read.record.is_none(), "{name}"),
            }
        }
    }
}

#[test]
fn a_sequence_is_no_version_unless_told() {
    let messages = messages();
    for (_, sent) in &messages[12..16] {
        assert_eq!(
            sent.refusal(&CloudEvents::new()),
            "no extension `version` on tickets.updated 8: name the attribute or the field that carries it"
        );
        let by_field = CloudEvents::new().version_in_data("/version");
        assert_eq!(sent.read(&by_field).version, 5);
    }
}

#[test]
fn events_of_other_entities_are_skipped() {
    for (_, sent) in messages() {
        assert!(sent.is_skipped(&CloudEvents::new().entity("orders")));
        assert!(sent.is_skipped(&CloudEvents::new().type_prefix("com.shop")));
    }
}
