//! Events that are written.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::CloudEvents;
use super::fixtures::messages;
use crate::event::{Event, Op};
use crate::format::testing::{event, json_of, row, ticket, written};
use crate::format::{Binding, Encode, Encoded};

pub(super) const BINDINGS: [Binding; 4] =
    [Binding::Nats, Binding::Kafka, Binding::Amqp, Binding::Http];
pub(super) const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub(super) fn form() -> CloudEvents {
    CloudEvents::new().source("/tickets")
}

fn headers(encoded: &Encoded) -> BTreeMap<&str, &str> {
    let headers = encoded.headers.iter();
    headers
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn updated() -> Event<Value> {
    event(Op::Updated, "7", 2, Some(ticket(2)))
}

#[test]
fn r1_types_of_content_are_exactly_those_that_the_javascript_sdk_compares() {
    for binding in BINDINGS {
        let structured = written(&form(), &updated(), binding);
        assert_eq!(
            headers(&structured)["content-type"],
            "application/cloudevents+json"
        );
        assert_eq!(json_of(&structured)["datacontenttype"], "application/json");
        let binary = written(&form().binary(), &updated(), binding);
        assert_eq!(headers(&binary)["content-type"], "application/json");
    }
}

#[test]
fn r2_deletions_can_be_structured_and_data_is_never_base64() {
    let deletion = event(Op::Deleted, "7", 3, None);
    let binary = written(&form().binary(), &deletion, Binding::Kafka);
    assert_eq!(binary.body, None);
    let form = form().binary().structured_deletions();
    let structured = written(&form, &deletion, Binding::Kafka);
    assert_eq!(json_of(&structured)["type"], "tickets.deleted");
    assert_eq!(structured.headers.len(), 1);
    assert_eq!(written(&form, &updated(), Binding::Kafka).headers.len(), 9);
    assert_eq!(
        json_of(&written(&CloudEvents::new(), &updated(), Binding::Nats)).get("data_base64"),
        None
    );
}

#[test]
fn r3_extensions_are_text_with_short_plain_names() {
    let event = Event {
        trace: Some(TRACE.to_owned()),
        metadata: Some(json!({ "user": 12 })),
        ..event(Op::Updated, "7", 1 << 40, Some(ticket(1 << 40)))
    };
    let body = json_of(&written(&form(), &event, Binding::Kafka));
    assert_eq!(body["version"], "1099511627776");
    for (name, value) in body.as_object().unwrap() {
        assert!(
            name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_lowercase()),
            "{name}"
        );
        assert!(value.is_string() || name == "data", "{name}");
    }
    for name in ["x-version", "subject", "", "Größe"] {
        let form = CloudEvents::new().version_attribute(name);
        let refusal = form.encode(&row(&event), Binding::Nats).unwrap_err();
        assert!(
            refusal.contains("cannot be the name of an extension"),
            "{refusal}"
        );
    }
}

#[test]
fn r4_nothing_is_null_or_empty() {
    let bare = Event {
        at: String::new(),
        trace: Some(String::new()),
        ..event(Op::Updated, "", 2, Some(json!({ "id": "" })))
    };
    for binding in BINDINGS {
        let structured = json_of(&written(&form(), &bare, binding));
        let members = structured.as_object().unwrap();
        assert!(
            members
                .values()
                .all(|value| !value.is_null() && value != "")
        );
        let names: Vec<&str> = members.keys().map(String::as_str).collect();
        let expected = [
            "data",
            "datacontenttype",
            "id",
            "source",
            "specversion",
            "type",
            "version",
        ];
        assert_eq!(names, expected);
        let binary = written(&form().binary(), &bare, binding);
        assert!(headers(&binary).values().all(|value| !value.is_empty()));
    }
    let cloud = bare.cloudevent("/tickets").unwrap();
    assert_eq!((cloud.get("time"), cloud.get("subject")), (None, None));
    assert_eq!(cloud.get("sequence"), None);
    let deletion = event(Op::Deleted, "", 3, None);
    let refusal = form().encode(&row(&deletion), Binding::Nats).unwrap_err();
    assert_eq!(
        refusal,
        "tickets//3 has an empty key, and the subject of a CloudEvent cannot be empty"
    );
}

#[test]
fn r5_the_source_is_a_uri_and_there_is_no_sequence() {
    let source =
        |form: CloudEvents| json_of(&written(&form, &updated(), Binding::Nats))["source"].clone();
    assert_eq!(source(CloudEvents::new()), "/tickets");
    assert_eq!(
        source(CloudEvents::new().source("/tickets-service")),
        "/tickets-service"
    );
    assert_eq!(
        source(CloudEvents::new().source("/my tickets")),
        "/my%20tickets"
    );
    assert_eq!(
        json_of(&written(&form(), &updated(), Binding::Nats)).get("sequence"),
        None
    );
}

#[test]
fn r6_a_message_has_one_mode_and_names_in_lower_case() {
    for binding in BINDINGS {
        let structured = written(&form(), &updated(), binding);
        let names: Vec<&str> = headers(&structured).into_keys().collect();
        assert_eq!(names, ["content-type"]);
        let binary = written(&form().binary(), &updated(), binding);
        let body: Value = json_of(&binary);
        assert_eq!(body, ticket(2));
        let is_amqp = binding == Binding::Amqp;
        for name in headers(&binary).into_keys() {
            assert!(is_amqp || name.chars().all(|c| !c.is_uppercase()), "{name}");
        }
    }
    let nats = written(&form().binary(), &updated(), Binding::Nats);
    assert_eq!(headers(&nats)["ce-datacontenttype"], "application/json");
    let rabbit = written(&form().binary().ce_on_amqp(), &updated(), Binding::Amqp);
    assert_eq!(headers(&rabbit)["ce-type"], "tickets.updated");
}

#[test]
fn each_attribute_is_what_the_specification_says() {
    let event = Event {
        trace: Some(TRACE.to_owned()),
        metadata: Some(json!({ "user": "é" })),
        ..event(Op::Updated, "a b,c/é%", 2, Some(ticket(2)))
    };
    assert_eq!(
        json_of(&written(&form(), &event, Binding::Nats)),
        json!({
            "specversion": "1.0",
            "id": "tickets/a b,c/é%/2",
            "source": "/tickets",
            "type": "tickets.updated",
            "subject": "a b,c/é%",
            "time": "2026-11-02T10:00:00.123Z",
            "datacontenttype": "application/json",
            "version": "2",
            "traceparent": TRACE,
            "metadata": "{\"user\":\"é\"}",
            "data": { "id": 7, "title": "café \"x\"", "price": 30.1, "version": 2 },
        })
    );
    for (form, binding, prefix, is_encoded) in [
        (form(), Binding::Nats, "ce-", true),
        (form(), Binding::Http, "ce-", true),
        (form(), Binding::Kafka, "ce_", false),
        (form(), Binding::Amqp, "cloudEvents_", false),
        (form().ce_on_amqp(), Binding::Amqp, "ce-", false),
    ] {
        let binary = written(&form.binary(), &event, binding);
        let expected = [
            ("specversion", "1.0", "1.0"),
            ("id", "tickets/a b,c/é%/2", "tickets/a%20b,c/%C3%A9%25/2"),
            ("source", "/tickets", "/tickets"),
            ("type", "tickets.updated", "tickets.updated"),
            ("subject", "a b,c/é%", "a%20b,c/%C3%A9%25"),
            (
                "time",
                "2026-11-02T10:00:00.123Z",
                "2026-11-02T10:00:00.123Z",
            ),
            ("version", "2", "2"),
            ("traceparent", TRACE, TRACE),
            ("metadata", "{\"user\":\"é\"}", "{%22user%22:%22%C3%A9%22}"),
        ];
        let mut wanted = BTreeMap::from([("content-type".to_owned(), "application/json")]);
        for (name, plain, encoded) in expected {
            let value = if is_encoded { encoded } else { plain };
            wanted.insert(format!("{prefix}{name}"), value);
        }
        if binding == Binding::Nats {
            wanted.insert("ce-datacontenttype".to_owned(), "application/json");
        }
        if binding == Binding::Kafka {
            wanted.insert("ce_partitionkey".to_owned(), "a b,c/é%");
        }
        let wanted: BTreeMap<&str, &str> = wanted
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        assert_eq!(headers(&binary), wanted, "{binding:?}");
        assert_eq!((&binary.subject, &binary.key), (&None, &None));
    }
}

#[test]
fn events_are_those_of_the_sdk_apart_from_named_differences() {
    let events = [
        event(Op::Created, "7", 1, Some(ticket(1))),
        Event {
            at: "2026-11-02T10:00:02.000Z".to_owned(),
            ..event(Op::Deleted, "7", 3, None)
        },
    ];
    let messages = messages();
    for (event, sdk) in events.iter().zip([&messages[0..4], &messages[8..12]]) {
        let is_deletion = event.data.is_none();
        for (name, sdk) in sdk {
            let form = if name.ends_with("binary") {
                form().binary()
            } else {
                form()
            };
            let ours = written(&form, event, sdk.binding);
            let mut theirs: BTreeMap<String, String> = sdk
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), String::from_utf8(value.clone()).unwrap()))
                .collect();
            if name.ends_with("structured") {
                // The SDK names the charset, which JSON always has.
                assert_eq!(
                    theirs["content-type"],
                    "application/cloudevents+json; charset=utf-8"
                );
                let mut theirs: Value = serde_json::from_slice(sdk.body.as_ref().unwrap()).unwrap();
                if is_deletion {
                    // The SDK gives data that is absent a type.
                    theirs.as_object_mut().unwrap().remove("datacontenttype");
                }
                let mut ours = json_of(&ours);
                if sdk.binding != Binding::Kafka {
                    // The test that made the fixtures sets it everywhere. It is for Kafka.
                    ours["partitionkey"] = theirs["partitionkey"].clone();
                }
                assert_eq!(ours, theirs, "{name}");
                continue;
            }
            if sdk.binding == Binding::Kafka {
                // It is `content-type`, and the SDK sends it twice.
                theirs.remove("ce_datacontenttype");
                // The SDK cuts zeros of the time.
                theirs.insert("ce_time".to_owned(), event.at.clone());
            } else {
                theirs.remove("ce-partitionkey");
            }
            if is_deletion {
                theirs.remove("content-type");
            }
            let theirs: BTreeMap<&str, &str> = theirs
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            assert_eq!(headers(&ours), theirs, "{name}");
            let json = |body: &Option<Vec<u8>>| -> Option<Value> {
                body.as_ref()
                    .map(|body| serde_json::from_slice(body).unwrap())
            };
            assert_eq!(json(&ours.body), json(&sdk.body), "{name}");
        }
    }
}

#[test]
fn an_event_in_memory_is_written_as_a_row_of_the_outbox_is() {
    let event = updated();
    let written = json_of(&written(&form(), &event, Binding::Nats));
    assert_eq!(event.cloudevent("/tickets").unwrap(), written);
}

#[test]
fn a_snapshot_has_an_id_of_its_own() {
    let snapshot = event(Op::Snapshot, "7", 2, Some(ticket(2)));
    let body = json_of(&written(&form(), &snapshot, Binding::Nats));
    assert_eq!(body["id"], "tickets/7/2#812");
}

#[test]
fn an_event_that_has_no_form_is_not_written() {
    for op in [Op::DeletedAt, Op::DeletedForever] {
        let event = event(op, "7", 3, None);
        let refusal = form().encode(&row(&event), Binding::Nats).unwrap_err();
        assert!(refusal.contains("no form as a CloudEvent"), "{refusal}");
    }
    let empty = event(Op::Updated, "7", 3, None);
    let refusal = form().encode(&row(&empty), Binding::Nats).unwrap_err();
    assert_eq!(refusal, "tickets/7/3 is updated, but has no data");
}
