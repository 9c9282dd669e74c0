//! Events that are written and read back.

use serde_json::json;

use super::super::CloudEvents;
use super::written::{BINDINGS, TRACE, form};
use crate::event::{Event, Op};
use crate::format::Binding;
use crate::format::testing::{Draw, Sent, data, event, facts, written};

#[test]
fn what_is_written_is_read_back_in_each_mode_and_binding() {
    const KEYS: [&str; 14] = [
        "7",
        " ",
        "a b",
        "a%20b",
        "100%",
        "ä",
        "\"q\"",
        "a\r\nb",
        "a\\,b,c",
        "/",
        "/t/7",
        ".",
        "日本",
        "\u{1f600}",
    ];
    for key in KEYS {
        for binding in BINDINGS {
            for form in [
                form(),
                form().binary(),
                form().binary().structured_deletions(),
            ] {
                for op in [Op::Created, Op::Updated, Op::Deleted, Op::Snapshot] {
                    round_trip(&form, binding, op, key, op == Op::Deleted);
                }
                round_trip(&form, binding, Op::Snapshot, key, true);
            }
        }
    }
}

fn round_trip(form: &CloudEvents, binding: Binding, op: Op, key: &str, is_deletion: bool) {
    let record = json!({ "id": key, "price": 0.1, "big": 9_223_372_036_854_775_807_i64, "none": null, "version": 5 });
    let event = Event {
        trace: Some(TRACE.to_owned()),
        metadata: Some(json!({ "user": "é \" %41" })),
        ..event(op, key, 5, (!is_deletion).then_some(record.clone()))
    };
    let read = Sent::of(written(form, &event, binding), binding).read(form);
    assert_eq!(facts(&read), (op, 5, is_deletion.then_some(key)));
    assert_eq!((&read.at, &read.trace), (&event.at, &event.trace));
    assert_eq!(read.metadata, event.metadata);
    assert_eq!(read.record.is_none(), is_deletion);
    if !is_deletion {
        assert_eq!(data(&read), record);
    }
}

#[test]
fn random_records_are_read_back() {
    let mut draw = Draw(25);
    let forms = [form(), form().binary(), form().ce_on_amqp().binary()];
    for _ in 0..2_000 {
        let (key, version, record) = draw.ticket();
        let binding = BINDINGS[draw.below(BINDINGS.len())];
        let form = &forms[draw.below(forms.len())];
        let metadata = Some(draw.json(2)).filter(|metadata| !metadata.is_null());
        let updated = Event {
            metadata: metadata.clone(),
            ..event(Op::Updated, &key, version, Some(record.clone()))
        };
        let read = Sent::of(written(form, &updated, binding), binding).read(form);
        assert_eq!(facts(&read), (Op::Updated, version, None));
        assert_eq!((data(&read), read.metadata), (record, metadata));
        let deleted = event(Op::Deleted, &key, version, None);
        let read = Sent::of(written(form, &deleted, binding), binding).read(form);
        assert_eq!(facts(&read), (Op::Deleted, version, Some(key.as_str())));
    }
}
