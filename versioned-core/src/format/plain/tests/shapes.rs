//! The shapes of messages that are read.

use serde::Deserialize;
use serde_json::{Value, json};

use super::course;
use crate::event::Op;
use crate::format::testing::{Sent, data, facts};
use crate::format::{Binding, Decode, PlainJson};

/// A model of the replica.
#[derive(Debug, PartialEq, Deserialize)]
struct Ticket {
    id: String,
    title: Option<String>,
    price: f64,
    version: i64,
}

/// Returns the record that follows the body.
fn record(form: &impl Decode, body: &Value) -> Value {
    data(&Sent::on("ticket:updated", &body.to_string()).read(form))
}

fn model<T: serde::de::DeserializeOwned>(body: &Value) -> Result<T, String> {
    let read = Sent::on("ticket:updated", &body.to_string()).read(&course());
    read.record.unwrap().read("tickets")
}

#[test]
fn n1_the_version_has_any_name_and_any_form_of_a_whole_number() {
    for (name, form) in [
        ("version", course()),
        ("__v", course().version("__v")),
        ("_version", course().version("_version")),
        ("revision", course().version("revision")),
    ] {
        for version in [
            json!(3),
            json!("3"),
            json!(3.0),
            json!({ "low": 3, "high": 0, "unsigned": false }),
            json!({ "$numberLong": "3" }),
        ] {
            let body = json!({ "id": "1", name: version });
            let read = Sent::on("ticket:updated", &body.to_string()).read(&form);
            assert_eq!(facts(&read), (Op::Updated, 3, None), "{body}");
            assert_eq!(data(&read)["version"], 3, "{body}");
        }
    }
    let sent = Sent::on("ticket:created", r#"{"id":"1"}"#);
    assert_eq!(
        sent.refusal(&course()),
        "ticket:created has no field `version`"
    );
    let sent = Sent::on("ticket:created", r#"{"id":"1","version":null}"#);
    assert_eq!(
        sent.refusal(&course()),
        "ticket:created has no field `version`"
    );
    for version in [
        json!(3.5),
        json!(-1),
        json!("v3"),
        json!("1e3"),
        json!(true),
        json!([3]),
        json!({}),
    ] {
        let body = json!({ "id": "1", "version": version }).to_string();
        let refusal = Sent::on("ticket:created", &body).refusal(&course());
        assert!(
            refusal.starts_with("the field `version` of ticket:created: ")
                && refusal.ends_with("is no version"),
            "{refusal}"
        );
    }
    let outside = course().record_at("/data").version("/meta/version");
    let body = json!({ "data": { "id": "1" }, "meta": { "version": 3 } });
    assert_eq!(record(&outside, &body), json!({ "id": "1", "version": 3 }));
}

#[test]
fn n2_the_id_is_id_or_else_underscore_id() {
    for (body, id) in [
        (json!({ "id": "6b07", "version": 1 }), json!("6b07")),
        (json!({ "_id": "6B07", "version": 1 }), json!("6B07")),
        (
            json!({ "id": "6b07", "_id": "x", "version": 1 }),
            json!("6b07"),
        ),
        (
            json!({ "id": null, "_id": "6b07", "version": 1 }),
            json!("6b07"),
        ),
        (
            json!({ "_id": { "$oid": "6b07" }, "version": 1 }),
            json!({ "$oid": "6b07" }),
        ),
    ] {
        assert_eq!(record(&course(), &body)["id"], id, "{body}");
    }
    let oid = json!({ "_id": { "$oid": "6b07" }, "price": 1, "version": 1 });
    assert_eq!(model::<Ticket>(&oid).unwrap().id, "6b07");
    let deletion = Sent::on("ticket:deleted", &oid.to_string()).read(&course());
    assert_eq!(deletion.key.as_deref(), Some("6b07"));
    let told = course().id("uuid");
    let body = json!({ "id": 1, "uuid": "6b07", "version": 1 });
    assert_eq!(record(&told, &body)["id"], "6b07");
    let sent = Sent::on("ticket:updated", r#"{"id":1,"version":1}"#);
    assert_eq!(sent.refusal(&told), "ticket:updated has no field `uuid`");
    // The model may have another name for it.
    let body = json!({ "ticketId": 1, "version": 1 });
    assert_eq!(record(&course(), &body), body);
    let body = json!({ "price": 1, "version": 1 });
    assert_eq!(
        model::<Ticket>(&body).unwrap_err(),
        "tickets: missing field `id`"
    );
}

#[test]
fn n3_values_of_extended_json_are_unwrapped() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Extended {
        at: String,
        exact: String,
        price: f64,
        seats: i64,
    }
    let body = json!({
        "id": "1", "version": 1,
        "at": { "$date": "2026-11-02T10:00:00.123Z" },
        "exact": { "$numberDecimal": "12.50" },
        "price": { "$numberDecimal": "12.50" },
        "seats": { "$numberLong": "7" },
    });
    assert_eq!(
        model::<Extended>(&body).unwrap(),
        Extended {
            at: "2026-11-02T10:00:00.123Z".to_owned(),
            exact: "12.50".to_owned(),
            price: 12.5,
            seats: 7,
        }
    );
}

#[test]
fn n4_absent_is_null_and_a_field_that_is_needed_is_refused() {
    let body = json!({ "id": "1", "price": 1, "version": 1 });
    assert_eq!(model::<Ticket>(&body).unwrap().title, None);
    let body = json!({ "id": "1", "price": null, "version": 1 });
    let refusal = model::<Ticket>(&body).unwrap_err();
    assert!(refusal.starts_with("tickets.price: is null"), "{refusal}");
    let body = json!({ "id": "1", "version": 1 });
    let refusal = model::<Ticket>(&body).unwrap_err();
    assert_eq!(refusal, "tickets: missing field `price`");
}

/// There is no warning about an integer that its sender may have rounded.
#[test]
fn n5_floats_are_read_as_they_are() {
    for price in ["0.30000000000000004", "19.990000000000002"] {
        let body = format!(r#"{{"id":"1","price":{price},"version":1}}"#);
        let mut record = Sent::on("ticket:updated", &body)
            .read(&course())
            .record
            .unwrap();
        let ticket: Ticket = record.read("tickets").unwrap();
        assert_eq!(ticket.price.to_string(), price);
        assert!(serde_json::to_string(&record).unwrap().contains(price));
    }
}

/// What the producer did not send in order cannot be repaired: both are read.
#[test]
fn n7_a_number_that_came_twice_is_read_twice() {
    for title in ["a", "b"] {
        let body = json!({ "id": "1", "title": title, "version": 2 });
        assert_eq!(record(&course(), &body)["title"], title);
    }
}

#[test]
fn n8_a_body_in_a_string_is_parsed_once_more() {
    let once = json!({ "id": "1", "version": 0 }).to_string();
    let twice = json!(once).to_string();
    let thrice = json!(twice).to_string();
    let read = |form: &PlainJson, body: &str| Sent::on("ticket:created", body).read(form).version;
    assert_eq!(read(&course(), &once), 0);
    assert_eq!(read(&course(), &twice), 0);
    assert_eq!(
        Sent::on("ticket:created", &thrice).refusal(&course()),
        "ticket:created is JSON in a string twice: encode it once"
    );
    let base64 = "eyJpZCI6IjEiLCJ2ZXJzaW9uIjowfQ==";
    assert_eq!(read(&course().base64(), base64), 0);
    assert_eq!(read(&course().base64(), &json!(base64).to_string()), 0);
    let sent = Sent::on("ticket:created", base64);
    assert!(
        sent.refusal(&course())
            .starts_with("ticket:created is not JSON")
    );
    for body in ["", "null", "5", "[]", "?"] {
        let sent = Sent::on("ticket:created", body);
        assert!(
            sent.refusal(&course()).starts_with("ticket:created is not"),
            "{body}"
        );
    }
    let none = Sent::on("ticket:created", "").without_body();
    assert!(
        none.refusal(&course())
            .starts_with("ticket:created is not JSON")
    );
}

#[test]
fn n9_envelopes_are_opened_if_told() {
    let inner = json!({ "id": "1", "version": 3 });
    let packet = json!({ "pattern": "ticket.updated", "data": inner });
    assert_eq!(
        Sent::on("ticket:updated", &packet.to_string()).refusal(&course()),
        "this looks like Nest's packet: `record_at(\"/data\")`"
    );
    assert_eq!(record(&course().record_at("/data"), &packet), inner);
    let nest = PlainJson::new().nest().on("ticket.updated", Op::Updated);
    let read = |form: &PlainJson, body: &Value| {
        data(&Sent::new(Binding::Amqp, &[], &body.to_string()).read(form))
    };
    assert_eq!(read(&nest, &packet), inner);
    let event = json!({ "event": "ticket.updated", "payload": inner.to_string() });
    let form = PlainJson::new()
        .operation_at("/event")
        .record_at("/payload")
        .on("ticket.updated", Op::Updated);
    assert_eq!(read(&form, &event), inner);
    let header = PlainJson::new()
        .operation_in_header("Event-Type")
        .on("ticket.updated", Op::Updated);
    let sent = Sent::new(
        Binding::Kafka,
        &[("event-type", "ticket.updated")],
        &inner.to_string(),
    );
    assert_eq!(data(&sent.read(&header)), inner);
    // What is missing is named.
    assert_eq!(
        Sent::on("x", &inner.to_string()).refusal(&form),
        "x has no text at `/event`, which names its operation"
    );
    assert_eq!(
        Sent::on("x", &inner.to_string()).refusal(&header),
        "x has no header `Event-Type`, which names its operation"
    );
    assert_eq!(
        Sent::on("x", r#"{"event":"ticket.updated"}"#).refusal(&form),
        "ticket.updated has nothing at `/payload`"
    );
}

#[test]
fn n10_subjects_are_compared_exactly() {
    let body = r#"{"id":"1","version":0}"#;
    for subject in [
        "ticket.created",
        "Ticket:Created",
        "tickets:created",
        "ticket:*",
        "ticket",
    ] {
        assert!(Sent::on(subject, body).is_skipped(&course()), "{subject}");
    }
    assert!(!Sent::on("ticket:created", body).is_skipped(&course()));
}

#[test]
fn n11_equal_contents_at_the_next_version_are_two_updates() {
    let versions = [1, 2].map(|version| {
        let body = json!({ "id": "1", "title": "same", "version": version });
        Sent::on("ticket:updated", &body.to_string())
            .read(&course())
            .version
    });
    assert_eq!(versions, [1, 2]);
}

#[test]
fn a_field_that_comes_twice_is_refused() {
    for body in [
        r#"{"id":"1","version":1,"version":2}"#,
        r#"{"id":"1","version":1,"vers\u0069on":2}"#,
    ] {
        let sent = Sent::on("ticket:updated", body);
        assert_eq!(
            sent.refusal(&course()),
            "ticket:updated has the field `version` twice"
        );
    }
}

#[test]
fn text_with_json_in_it_stays_text() {
    #[derive(Deserialize)]
    struct Free {
        note: Value,
    }
    let body = json!({ "id": "1", "note": "{\"a\":1}", "version": 1 });
    assert_eq!(model::<Free>(&body).unwrap().note, "{\"a\":1}");
}
