//! Messages that are written, and read back.

use serde_json::{Value, json};

use super::super::PlainJson;
use super::course;
use crate::event::{Event, Op};
use crate::format::testing::{Draw, Sent, data, event, facts, json_of, row, written};
use crate::format::{Binding, Encode};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn ticket(version: i64) -> Value {
    json!({ "id": "6b07", "title": "x", "price": 20, "version": version })
}

fn refusal(form: &PlainJson, event: &Event<Value>) -> String {
    form.encode(&row(event), Binding::Nats).unwrap_err()
}

#[test]
fn t10_versions_begin_at_0_and_snapshots_are_not_sent() {
    let created = event(Op::Created, "6b07", 0, Some(ticket(0)));
    let message = written(&course(), &created, Binding::Nats);
    assert_eq!(message.subject.as_deref(), Some("ticket:created"));
    assert_eq!(message.headers, []);
    assert_eq!(json_of(&message), ticket(0));
    let late = event(Op::Created, "6b07", 1, Some(ticket(1)));
    assert_eq!(
        refusal(&course(), &late),
        "tickets/6b07/1 is created at version 1, but replicas in this form insert it at 0: use a version type with `initial = 0`, or `creations_at_any_version`"
    );
    let told = course().creations_at_any_version();
    assert_eq!(json_of(&written(&told, &late, Binding::Nats)), ticket(1));
    let snapshot = event(Op::Snapshot, "6b07", 3, Some(ticket(3)));
    assert_eq!(
        refusal(&course(), &snapshot),
        "tickets/6b07/3 is `snapshot`, which has no name in this form: add it with `PlainJson::on` if its readers know it"
    );
    let told = course().on("ticket:snapshot", Op::Snapshot);
    let message = written(&told, &snapshot, Binding::Nats);
    assert_eq!(message.subject.as_deref(), Some("ticket:snapshot"));
    let gone = event(Op::Snapshot, "6b07", 4, None);
    assert_eq!(
        refusal(&told, &gone),
        "tickets/6b07/4 is snapshot, but has no data"
    );
}

#[test]
fn a_record_of_this_crate_is_what_a_replica_on_node_needs() {
    let form = course();
    let events = [
        event(
            Op::Created,
            "7",
            0,
            Some(json!({ "id": 7, "price": 20, "version": 0 })),
        ),
        event(
            Op::Updated,
            "7",
            1,
            Some(json!({ "id": 7, "price": 25, "version": 1 })),
        ),
        event(Op::Deleted, "7", 2, None),
    ];
    let sent: Vec<(String, String)> = events
        .iter()
        .map(|event| {
            let message = written(&form, event, Binding::Nats);
            let body = String::from_utf8(message.body.unwrap()).unwrap();
            (message.subject.unwrap(), body)
        })
        .collect();
    let expected = [
        ("ticket:created", r#"{"id":"7","price":20,"version":0}"#),
        ("ticket:updated", r#"{"id":"7","price":25,"version":1}"#),
        ("ticket:deleted", r#"{"id":"7","version":2}"#),
    ];
    assert_eq!(
        sent,
        expected.map(|(subject, body)| (subject.to_owned(), body.to_owned()))
    );
}

#[test]
fn r7_ids_are_text_and_large_integers_and_nulls_can_be_avoided() {
    let record = json!({
        "id": 7, "userId": "u", "none": null,
        "big": 9_007_199_254_740_993_i64, "exact": 9_007_199_254_740_992_i64,
        "deep": { "list": [1, -9_007_199_254_740_993_i64], "none": null }, "float": 1e300, "version": 3,
    });
    let event = event(Op::Updated, "7", 3, Some(record));
    let body = json_of(&written(&course(), &event, Binding::Nats));
    assert_eq!(body["id"], "7");
    assert_eq!(body["big"], 9_007_199_254_740_993_i64);
    assert_eq!(body["none"], Value::Null);
    let form = course().large_integers_as_text().skip_nulls();
    assert_eq!(
        json_of(&written(&form, &event, Binding::Nats)),
        json!({
            "id": "7", "userId": "u",
            "big": "9007199254740993", "exact": 9_007_199_254_740_992_i64,
            "deep": { "list": [1, "-9007199254740993"], "none": null }, "float": 1e300, "version": 3,
        })
    );
}

#[test]
fn integers_of_any_size_are_not_rounded() {
    let mut row = row(&event(Op::Updated, "7", 3, Some(json!({}))));
    let huge = "340282366920938463463374607431768211455";
    row.payload = format!(
        r#"{{"entity":"tickets","key":"7","version":3,"op":"updated","data":{{"id":7,"huge":{huge}}}}}"#
    );
    for (form, value) in [
        (course(), huge.to_owned()),
        (course().large_integers_as_text(), format!("\"{huge}\"")),
    ] {
        let message = form.encode(&row, Binding::Nats).unwrap();
        assert_eq!(
            String::from_utf8(message.body.unwrap()).unwrap(),
            format!(r#"{{"id":"7","huge":{value},"version":3}}"#)
        );
    }
}

#[test]
fn r8_a_deletion_has_the_next_version_and_nest_has_its_packet() {
    let deleted = event(Op::Deleted, "6b07", 4, None);
    let message = written(&course(), &deleted, Binding::Nats);
    assert_eq!(message.subject.as_deref(), Some("ticket:deleted"));
    assert_eq!(json_of(&message), json!({ "id": "6b07", "version": 4 }));
    let nest = course().nest();
    let record = json!({ "id": "6b07", "pattern": "p", "data": "d", "version": 1 });
    let updated = event(Op::Updated, "6b07", 1, Some(record.clone()));
    for (binding, subject) in [
        (Binding::Nats, Some("ticket:updated")),
        (Binding::Amqp, None),
    ] {
        let message = written(&nest, &updated, binding);
        assert_eq!(message.subject.as_deref(), subject);
        assert_eq!(
            json_of(&message),
            json!({ "pattern": "ticket:updated", "data": record })
        );
        let read = Sent::of(message, binding).read(&nest);
        assert_eq!(data(&read), record);
    }
}

#[test]
fn names_of_fields_are_written_as_they_are_read() {
    let updated = event(
        Op::Updated,
        "7",
        1,
        Some(json!({ "id": 7, "price": 1, "version": 1 })),
    );
    let body = |form: &PlainJson| json_of(&written(form, &updated, Binding::Kafka));
    assert_eq!(
        body(&course().id("_id").version("__v")),
        json!({ "_id": "7", "id": 7, "price": 1, "version": 1, "__v": 1 })
    );
    let form = course()
        .operation_at("/meta/type")
        .version("/meta/version")
        .record_at("/data");
    assert_eq!(
        body(&form),
        json!({ "meta": { "type": "ticket:updated", "version": 1 }, "data": { "id": "7", "price": 1, "version": 1 } })
    );
    let header = course().operation_in_header("event-type");
    let message = written(&header, &updated, Binding::Kafka);
    assert_eq!(message.subject, None);
    assert_eq!(
        message.headers,
        [("event-type".to_owned(), "ticket:updated".to_owned())]
    );
    let clash = course().operation_at("/price");
    assert_eq!(
        refusal(&clash, &updated),
        "`price` is a field of the record: name another place"
    );
    let bad = course().operation_at("meta");
    assert_eq!(
        refusal(&bad, &updated),
        "`meta` is not a JSON pointer such as `/data`"
    );
}

#[test]
fn what_is_written_is_read_back() {
    const KEYS: [&str; 9] = [
        "7",
        "",
        " ",
        "a\\,b,c",
        "ä",
        "\"q\"",
        "a\r\nb",
        "/",
        "\u{1f600}",
    ];
    let plain = course()
        .on("ticket:snapshot", Op::Snapshot)
        .creations_at_any_version();
    let forms = [
        plain.clone(),
        plain.clone().version("__v").id("_id").skip_nulls(),
        plain.clone().nest(),
        plain.clone().operation_in_header("event-type"),
        plain
            .clone()
            .operation_at("/meta/type")
            .version("/meta/v")
            .record_at("/meta/record"),
        plain.large_integers_as_text(),
    ];
    for key in KEYS {
        for form in &forms {
            for binding in [Binding::Nats, Binding::Kafka, Binding::Amqp, Binding::Http] {
                for op in [Op::Created, Op::Updated, Op::Snapshot, Op::Deleted] {
                    let record =
                        json!({ "id": key, "price": 0.1, "big": 1_i64 << 40, "version": 5 });
                    let is_deletion = op == Op::Deleted;
                    let event = Event {
                        trace: Some(TRACE.to_owned()),
                        ..event(op, key, 5, (!is_deletion).then_some(record.clone()))
                    };
                    let read = Sent::of(written(form, &event, binding), binding).read(form);
                    assert_eq!(facts(&read), (op, 5, is_deletion.then_some(key)));
                    assert_eq!(read.trace, event.trace);
                    if !is_deletion {
                        let mut back = data(&read);
                        for name in ["_id", "__v"] {
                            back.as_object_mut().unwrap().remove(name);
                        }
                        assert_eq!(back, record);
                    }
                }
            }
        }
    }
}

#[test]
fn random_records_are_read_back() {
    let mut draw = Draw(26);
    let forms = [
        course(),
        course().nest(),
        course().operation_in_header("op"),
    ];
    for _ in 0..2_000 {
        let (key, version, record) = draw.ticket();
        let form = &forms[draw.below(forms.len())];
        let updated = event(Op::Updated, &key, version, Some(record.clone()));
        let message = written(form, &updated, Binding::Kafka);
        let read = Sent::of(message, Binding::Kafka).read(form);
        assert_eq!(facts(&read), (Op::Updated, version, None));
        assert_eq!(data(&read), record);
        let deleted = event(Op::Deleted, &key, version, None);
        let message = written(form, &deleted, Binding::Kafka);
        let read = Sent::of(message, Binding::Kafka).read(form);
        assert_eq!(facts(&read), (Op::Deleted, version, Some(key.as_str())));
    }
}
