//! The data of events that are read.

use serde_json::{Value, json};

use super::super::CloudEvents;
use crate::event::Op;
use crate::format::Binding;
use crate::format::testing::{Sent, data, facts};

/// Returns a structured event with these members.
fn with(name: &str, members: Value) -> Sent {
    let mut event = json!({
        "specversion": "1.0", "id": "a", "source": "/t", "type": name,
        "subject": "7", "version": "3",
    });
    let (Value::Object(event_members), Value::Object(members)) = (&mut event, members) else {
        panic!("not an object")
    };
    event_members.extend(members);
    Sent::new(Binding::Kafka, &[], &event.to_string())
}

/// Returns a binary event with this body.
fn binary(name: &str, content_type: Option<&str>, body: Option<&str>) -> Sent {
    let mut headers = vec![
        ("ce_specversion", "1.0"),
        ("ce_type", name),
        ("ce_subject", "7"),
        ("ce_version", "3"),
    ];
    headers.extend(content_type.map(|content_type| ("content-type", content_type)));
    let sent = Sent::new(Binding::Kafka, &headers, body.unwrap_or_default());
    match body {
        Some(_) => sent,
        None => sent.without_body(),
    }
}

#[test]
fn c5_an_event_without_data_is_a_deletion_only_if_its_type_says_so() {
    let form = CloudEvents::new();
    let shapes = |name: &str| {
        [
            binary(name, None, None),
            binary(name, None, Some("")),
            binary(name, Some("application/json"), Some("null")),
            with(name, json!({ "data": null })),
            with(name, json!({})),
        ]
    };
    for sent in shapes("tickets.deleted") {
        assert_eq!(facts(&sent.read(&form)), (Op::Deleted, 3, Some("7")));
        assert!(sent.read(&form).record.is_none());
    }
    for sent in shapes("tickets.updated") {
        assert_eq!(sent.refusal(&form), "tickets.updated 7 has no data");
    }
    for sent in shapes("tickets.snapshot") {
        assert_eq!(sent.refusal(&form), "tickets.snapshot 7 has no data");
    }
    // A deletion may have the old record.
    let sent = with(
        "tickets.deleted",
        json!({ "data": { "id": 8, "price": 1 } }),
    );
    let read = sent.read(&form);
    assert_eq!(facts(&read), (Op::Deleted, 3, Some("8")));
    assert!(read.record.is_none());
}

#[test]
fn c6_json_data_as_a_string_is_parsed_once_more() {
    let form = CloudEvents::new();
    let record = json!({ "id": 7, "version": 3 });
    for sent in [
        with("tickets.updated", json!({ "data": "{\"id\":7}" })),
        with("tickets.updated", json!({ "data_base64": "eyJpZCI6N30=" })),
        with("tickets.updated", json!({ "data_base64": "eyJpZCI6N30" })),
        binary(
            "tickets.updated",
            Some("application/json"),
            Some(r#""{\"id\":7}""#),
        ),
    ] {
        assert_eq!(data(&sent.read(&form)), record);
    }
    for (members, reason) in [
        (json!({ "data": "\"{}\"" }), "is not a JSON object"),
        (json!({ "data": "text" }), "is not JSON: "),
        (json!({ "data": 5 }), "is not a JSON object"),
        (json!({ "data": [{ "id": 7 }] }), "is not a JSON object"),
    ] {
        let refusal = with("tickets.updated", members).refusal(&form);
        assert!(
            refusal.starts_with(&format!("the data of tickets.updated 7 {reason}")),
            "{refusal}"
        );
    }
    assert_eq!(
        with("tickets.updated", json!({ "data_base64": "?" })).refusal(&form),
        "the data of tickets.updated 7 is not base64"
    );
    let twice = json!({ "data_base64": "e30=", "data": {} });
    assert!(
        with("tickets.updated", twice)
            .refusal(&form)
            .contains("came twice")
    );
}

#[test]
fn c7_types_of_content_are_compared_without_parameters_and_case() {
    let form = CloudEvents::new();
    let body = Some(r#"{"id":7}"#);
    for content_type in [
        None,
        Some("application/json"),
        Some("TEXT/JSON; CharSet=utf-8"),
        Some("application/vnd.t+json; charset=utf-8"),
        Some("application/octet-stream"),
    ] {
        let sent = binary("tickets.updated", content_type, body);
        assert_eq!(sent.read(&form).version, 3);
        let members = match content_type {
            Some(content_type) => json!({ "datacontenttype": content_type, "data": { "id": 7 } }),
            None => json!({ "data": { "id": 7 } }),
        };
        assert_eq!(with("tickets.updated", members).read(&form).version, 3);
    }
    for content_type in ["application/xml", "text/plain", "application/jsonx"] {
        let sent = binary("tickets.updated", Some(content_type), body);
        assert_eq!(
            sent.refusal(&form),
            format!(
                "the data of tickets.updated 7 is `{content_type}`, which is not read: send `application/json`"
            )
        );
    }
    // Without a type, base64 is tried as JSON.
    let bytes = with("tickets.updated", json!({ "data_base64": "gAE=" }));
    assert!(bytes.refusal(&form).contains("is not JSON"));
}

#[test]
fn the_key_and_the_version_are_added_to_data_without_them() {
    let sent = with("tickets.created", json!({ "data": { "title": "x" } }));
    let record = data(&sent.read(&CloudEvents::new()));
    assert_eq!(record, json!({ "id": "7", "title": "x", "version": 3 }));
}

#[test]
fn the_extension_is_the_version_whatever_the_data_says() {
    let sent = with(
        "tickets.created",
        json!({ "data": { "id": 7, "version": "v1" } }),
    );
    let read = sent.read(&CloudEvents::new());
    assert_eq!(read.version, 3);
    assert_eq!(data(&read)["version"], 3);
}

#[test]
fn data_of_other_events_is_not_looked_at() {
    let form = CloudEvents::new();
    assert!(with("orders.updated", json!({ "data_base64": "?" })).is_skipped(&form));
    assert!(with("orders.updated", json!({ "specversion": "0.3" })).is_skipped(&form));
    for body in ["[1,2]", "?", "{\"id\":1,\"id\":2}"] {
        assert!(binary("orders.updated", None, Some(body)).is_skipped(&form));
        assert!(binary("orders.updated", Some("text/plain"), Some(body)).is_skipped(&form));
    }
}

#[test]
fn integers_of_any_size_are_read_as_they_are() {
    #[derive(serde::Deserialize)]
    struct Huge {
        huge: u128,
    }
    let huge = "340282366920938463463374607431768211455";
    let body = format!(r#"{{"id":7,"huge":{huge}}}"#);
    let read = binary("tickets.updated", None, Some(&body)).read(&CloudEvents::new());
    let model: Huge = read.record.unwrap().read("tickets").unwrap();
    assert_eq!(model.huge, u128::MAX);
}
