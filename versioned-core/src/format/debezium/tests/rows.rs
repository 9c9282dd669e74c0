//! Rows T6 and D10 to D22, and D27: operations, keys and versions.

use super::*;

fn created(after: &Value) -> Sent {
    Sent::new(&event("c", &Value::Null, after))
}

#[test]
fn t6_a_row_of_a_snapshot_is_a_snapshot_at_any_version() {
    let sample = json!({
        "op": "r",
        "source": {"snapshot": "first", "ts_ms": 1, "lsn": 7, "table": "tickets"},
        "after": {"id": 1, "version": 3},
    });
    let decoded = Sent::new(&sample).decode(&Debezium::new());
    is(&decoded, Op::Snapshot, "1", 3);
    assert_eq!(decoded.at, "1970-01-01T00:00:00.001Z");
    let common = json!({"snapshot": "first", "lsn": 7, "ts_ms": 1});
    assert_eq!(decoded.metadata, Some(common), "what a sweep needs");
}

#[test]
fn d10_a_changed_key_is_a_snapshot_of_the_new_record() {
    let form = Debezium::new();
    let moved = json!({"id": 40, "version": 3});
    let with_header = created(&moved).header("__debezium.oldkey", "{\"id\":4}");
    is(&with_header.decode(&form), Op::Snapshot, "40", 3);
    is(&created(&moved).decode(&form), Op::Snapshot, "40", 3);
    let first = json!({"id": 40, "version": 1});
    is(&created(&first).decode(&form), Op::Created, "40", 1);
    let moved = created(&first).header("__debezium.oldkey", "{\"id\":4}");
    is(&moved.decode(&form), Op::Snapshot, "40", 1);
}

#[test]
fn d11_a_truncated_table_is_refused() {
    let of = |table: &str| Sent::new(&json!({"source": {"table": table}, "op": "t"}));
    assert_eq!(
        of("tickets").refusal(&Debezium::new()),
        "tickets was truncated at its owner: rebuild this replica"
    );
    assert!(of("notes").is_skipped(&Debezium::new()));
}

#[test]
fn d12_messages_besides_changes_are_skipped() {
    for body in [
        json!({"ts_ms": 1}),
        json!({"ts_ms": 1, "ts_us": 1, "ts_ns": 1}),
        json!({"status": "BEGIN", "id": "571:53"}),
        json!({"status": "END", "id": "571:53", "ts_ms": 1, "event_count": 2, "data_collections": []}),
        json!({"op": "m", "message": {"prefix": "x", "content": ""}}),
        json!({"op": "m", "message": {"prefix": "x", "content": ""}, "source": {"table": ""}}),
        json!({"source": {"table": "tickets"}, "ddl": "create table", "tableChanges": []}),
        json!({"id": "1", "type": "COMPLETED", "aggregateType": "Initial Snapshot", "additionalData": {}, "timestamp": 1}),
        json!({"op": "c", "after": {"id": "1", "type": "execute-snapshot"}, "source": {"table": "debezium_signal"}}),
    ] {
        let sent = Sent::new(&body).key(&json!({"serverName": "shop"}));
        assert!(sent.is_skipped(&Debezium::new()), "{body}");
        let enveloped = Sent::new(&with_schema(&json!([]), &body));
        assert!(enveloped.is_skipped(&Debezium::new().flattened()), "{body}");
    }
    let row = json!({"id": 1, "status": "BEGIN", "ts_ms": 1, "version": 2});
    let row = Sent::new(&row).header("__op", "u");
    is(
        &row.decode(&Debezium::new().flattened()),
        Op::Updated,
        "1",
        2,
    );
    let unknown = Sent::new(&json!({"a": 1}));
    assert!(
        unknown
            .refusal(&Debezium::new())
            .starts_with("this is no change event of Debezium")
    );
    for other in ["[]", "3", "\"a\""] {
        assert_eq!(
            Sent::text(other).refusal(&Debezium::new()),
            "the body is no JSON object"
        );
    }
}

#[test]
fn d13_the_table_is_that_of_the_source() {
    let of = |table: &str| {
        let source = json!({"db": "shop", "schema": "public", "table": table, "connector": "x"});
        Sent::new(&json!({"op": "u", "after": {"id": 1, "version": 2}, "source": source}))
            .topic("all_shards")
    };
    assert!(!of("tickets").is_skipped(&Debezium::new()));
    assert!(of("tickets_2026_11").is_skipped(&Debezium::new()));
    let both = Debezium::new()
        .table("tickets_2026_11")
        .table("public.tickets_2026_12");
    assert!(!of("tickets_2026_11").is_skipped(&both));
    assert!(!of("tickets_2026_12").is_skipped(&both));
    assert!(of("tickets").is_skipped(&both));
    assert!(of("TICKETS").is_skipped(&Debezium::new()));
    assert!(!of("TICKETS").is_skipped(&Debezium::new().table("shop.TICKETS")));
    assert!(of("TICKETS").is_skipped(&Debezium::new().table("other.TICKETS")));
}

#[test]
fn d13_a_flattened_message_has_the_table_in_its_topic() {
    let row = json!({"id": 1, "version": 2, "__op": "u"});
    let of = |topic: &str| Sent::new(&row).topic(topic);
    let form = Debezium::new().flattened();
    assert!(!of("shop.public.tickets").is_skipped(&form));
    assert!(!of("tickets").is_skipped(&form));
    assert!(of("shop.public.old_tickets").is_skipped(&form));
    assert!(of("shop.public.tickets_2026_11").is_skipped(&form));
    let odd = form.clone().table("tickets$2026");
    assert!(!of("shop.public.tickets_2026").is_skipped(&odd));
    let mut named = row.clone();
    named["__table"] = json!("tickets");
    assert!(!Sent::new(&named).topic("all_shards").is_skipped(&form));
    named["__table"] = json!("notes");
    assert!(Sent::new(&named).is_skipped(&form));
}

#[test]
fn d14_the_version_of_debezium_is_no_version() {
    let sample = json!({"id": 1, "version": 3, "__version": "3.6.1.Final", "__op": "u"});
    let form = Debezium::new().flattened();
    is(&Sent::new(&sample).decode(&form), Op::Updated, "1", 3);
    let replaced = json!({"id": 1, "version": "3.6.1.Final", "op": "u"});
    assert_eq!(
        Sent::new(&replaced).refusal(&form.clone().prefix("")),
        "tickets.version: \"3.6.1.Final\" is no version"
    );
    let empty = json!({"id": 1, "version": 3, "op": "c", "table": "tickets", "deleted": "false"});
    is(
        &Sent::new(&empty).decode(&form.clone().prefix("")),
        Op::Snapshot,
        "1",
        3,
    );
    // The header is the router's, and the field may be the table's.
    let own = json!({"id": 1, "version": 3, "__op": "reopened"});
    is(
        &Sent::new(&own).header("__op", "\"u\"").decode(&form),
        Op::Updated,
        "1",
        3,
    );
    assert_eq!(
        Sent::new(&own).refusal(&form),
        "`reopened` of tickets is no operation of Debezium"
    );
    let source = json!({"table": "tickets", "version": "3.6.1.Final"});
    let sample = json!({"op": "u", "after": {"id": 1}, "source": source});
    assert_eq!(
        Sent::new(&sample).refusal(&Debezium::new()),
        "tickets has no column `version`: name it, or add one"
    );
}

#[test]
fn d15_the_key_is_that_of_the_row() {
    let form = Debezium::new();
    let sample = updated(&json!({"id": 7, "owner": "u1", "version": 2}));
    is(
        &sample.clone().key(&json!({"owner": "u1"})).decode(&form),
        Op::Updated,
        "7",
        2,
    );
    is(
        &sample.clone().key(&json!(null)).decode(&form),
        Op::Updated,
        "7",
        2,
    );
    let text = Sent {
        key: Some("Struct{id=8}".to_owned()),
        ..sample.clone()
    };
    is(&text.decode(&form), Op::Updated, "7", 2);
    assert_eq!(
        sample.key(&json!({"id": 8})).refusal(&form),
        "the key of the message is 8, and that of the row is 7: \
         `message.key.columns` must not change the values of a key"
    );
    let missing = updated(&json!({"owner": "u1", "version": 2}));
    assert_eq!(
        missing.refusal(&form),
        "tickets has no column `id`, which is a part of the key: name it with `key`"
    );
    let null = updated(&json!({"id": null, "version": 2}));
    assert_eq!(null.refusal(&form), "tickets.id: null is no key");
}

#[test]
fn d15_the_key_of_a_deletion_can_be_made_up() {
    let sample = deleted(&json!({"id": 0, "owner": "", "version": 5})).key(&json!({"owner": ""}));
    assert_eq!(
        sample.refusal(&Debezium::new()),
        "the key of the message, {\"owner\":\"\"}, does not name id, and `before` of tickets can \
         hold a made-up one: set REPLICA IDENTITY FULL, or name it in `message.key.columns`"
    );
    let full = Debezium::new().replica_identity_full();
    is(&sample.decode(&full), Op::DeletedAt, "0", 5);
}

#[test]
fn d15_a_key_can_have_several_columns_and_other_names() {
    let form = Debezium::new().key(["TENANT", "NUMBER"]).version("VERSION");
    let replica = Replica {
        key: &["tenant", "number"],
        ..tickets()
    };
    let row = updated(&json!({"TENANT": "a,b", "NUMBER": 7, "VERSION": 2}));
    let decoded = row
        .key(&json!({"NUMBER": 7, "TENANT": "a,b"}))
        .decode_for(&form, &replica)
        .unwrap()
        .unwrap();
    is(&decoded, Op::Updated, "a\\,b,7", 2);
    let record = serde_json::to_value(decoded.record.unwrap()).unwrap();
    let (tenant, number, version) = (&record["tenant"], &record["number"], &record["version"]);
    assert_eq!(
        (tenant, number, version),
        (&json!("a,b"), &json!(7), &json!(2))
    );
}

#[test]
fn a_column_with_the_name_of_the_version_does_not_hide_it() {
    let row = updated(&json!({"id": 7, "version": "v2", "revision": "0005", "field": 1}));
    let mut decoded = row.decode(&Debezium::new().version("revision"));
    is(&decoded, Op::Updated, "7", 5);
    let record: Value = decoded.record.take().unwrap().read("tickets").unwrap();
    assert_eq!(record["version"], json!(5));
}

#[test]
fn d16_positions_of_the_log_are_no_versions() {
    let sample = json!({
        "op": "u",
        "after": {"id": 1},
        "source": {"table": "tickets", "lsn": 44, "sequence": "[\"44\",\"44\"]"},
        "ts_ms": 1,
    });
    assert_eq!(
        Sent::new(&sample).refusal(&Debezium::new()),
        "tickets has no column `version`: name it, or add one"
    );
    let renamed = updated(&json!({"id": 1, "revision": 2}));
    is(
        &renamed.decode(&Debezium::new().version("revision")),
        Op::Updated,
        "1",
        2,
    );
}

#[test]
fn d17_events_that_come_again_are_the_same_events() {
    let form = Debezium::new();
    let decode = |version: i64| {
        let decoded = updated(&json!({"id": 1, "version": version})).decode(&form);
        (decoded.op, decoded.key, decoded.version, decoded.at)
    };
    let suffix = [3, 4, 5, 3, 4, 5].map(decode);
    assert_eq!(suffix[..3], suffix[3..]);
}

#[test]
fn d18_changes_can_be_read_as_snapshots() {
    let sample = updated(&json!({"id": 1, "version": 7}));
    is(&sample.decode(&Debezium::new()), Op::Updated, "1", 7);
    let form = Debezium::new().changes_as_snapshots();
    is(&sample.decode(&form), Op::Snapshot, "1", 7);
    is(
        &created(&json!({"id": 1, "version": 1})).decode(&form),
        Op::Snapshot,
        "1",
        1,
    );
    is(
        &deleted(&json!({"id": 1, "version": 7})).decode(&form),
        Op::DeletedAt,
        "1",
        7,
    );
}

#[test]
fn d19_a_flattened_message_without_its_operation_is_read_by_a_replica_of_the_latest() {
    let sample = Sent::new(&json!({"id": 1, "title": "x", "version": 3}));
    let form = Debezium::new().flattened();
    assert_eq!(
        sample.refusal(&form),
        "flattened messages need `add.fields=op`"
    );
    let latest = Replica {
        is_sequential: false,
        ..tickets()
    };
    let decoded = sample.decode_for(&form, &latest).unwrap().unwrap();
    is(&decoded, Op::Updated, "1", 3);
    is(
        &sample.decode(&form.changes_as_snapshots()),
        Op::Snapshot,
        "1",
        3,
    );
}

#[test]
fn d19_a_flattened_message_has_to_be_expected() {
    let sample = Sent::new(&json!({"id": 1, "title": "x", "version": 3, "__op": "u"}));
    assert_eq!(
        sample.refusal(&Debezium::new()),
        "this is no change event of Debezium: if it is flattened (`ExtractNewRecordState`), say so \
         with `flattened`"
    );
}

#[test]
fn d20_marks_of_snapshots_are_ignored() {
    for mark in [
        json!(null),
        json!(true),
        json!("incremental"),
        json!("last_in_data_collection"),
        json!({"new": 1}),
    ] {
        let source = json!({"table": "tickets", "snapshot": mark, "new": [], "ts_ms": "?"});
        let body = json!({"op": "u", "after": {"id": 1, "version": 2}, "source": source, "new": 1});
        let decoded = Sent::new(&body).decode(&Debezium::new());
        is(&decoded, Op::Updated, "1", 2);
        assert_eq!(decoded.at, "");
    }
}

#[test]
fn d21_a_column_that_is_gone_is_named_if_the_model_needs_it() {
    let sample = updated(&json!({"id": 1, "name": "****", "version": 2}));
    let form = Debezium::new();
    assert_eq!(
        sample.field::<String>(&form),
        Err("tickets: missing field `field`".to_owned())
    );
    let without_version = updated(&json!({"id": 1, "name": "****"}));
    assert_eq!(
        without_version.refusal(&form),
        "tickets has no column `version`: name it, or add one"
    );
}

#[test]
fn d22_a_partial_row_is_refused_if_the_model_needs_the_rest() {
    let sample = updated(&json!({"id": 1, "field": null, "version": 5}));
    let refused = sample.field::<String>(&Debezium::new());
    assert_eq!(
        refused,
        Err("tickets.field: is null, expected a string".to_owned())
    );
    let no_row = Sent::new(&event("u", &json!({"id": 1}), &Value::Null));
    assert_eq!(
        no_row.refusal(&Debezium::new()),
        "the event `u` of tickets has no `after`"
    );
}

#[test]
fn d27_a_change_in_a_cloudevent_is_read() {
    let change = event("u", &Value::Null, &json!({"id": 1, "version": 2}));
    let cloud = |data: Value| {
        Sent::new(&json!({
            "specversion": "1.0",
            "id": "name:shop;lsn:44",
            "source": "/debezium/postgresql/shop",
            "type": "io.debezium.connector.postgresql.DataChangeEvent",
            "iodebeziumop": "u",
            "iodebeziumtable": "tickets",
            "iodebeziumschema": "public",
            "iodebeziumversion": "3.6.1.Final",
            "data": data,
        }))
    };
    let form = Debezium::new();
    is(&cloud(change.clone()).decode(&form), Op::Updated, "1", 2);
    is(
        &cloud(with_schema(&json!([]), &change)).decode(&form),
        Op::Updated,
        "1",
        2,
    );
    let short = json!({"before": null, "after": {"id": 1, "version": 2}});
    is(&cloud(short.clone()).decode(&form), Op::Updated, "1", 2);
    assert!(cloud(short).is_skipped(&Debezium::new().table("notes")));
    assert_eq!(
        cloud(json!("T2JqAQ==")).refusal(&form),
        "the data of the CloudEvent is no JSON: set `data.serializer.type=json`"
    );
}

#[test]
fn d27_forms_of_other_products_are_refused() {
    for (product, body) in [
        (
            "Maxwell",
            json!({"database": "d", "table": "t", "type": "update", "data": {}, "old": {}}),
        ),
        (
            "Sequin",
            json!({"record": {}, "changes": {}, "action": "update", "metadata": {}}),
        ),
        (
            "Conduit",
            json!({"operation": "update", "payload": {"before": {}, "after": {}}}),
        ),
    ] {
        let sentence = format!(
            "this looks like {product}'s form, which is not read: flatten it, or implement `Decode`"
        );
        let sent = Sent::new(&body);
        assert_eq!(sent.refusal(&Debezium::new()), sentence);
        assert_eq!(sent.refusal(&Debezium::new().flattened()), sentence);
    }
    let avro = Sent::text("\0\0\0\0\u{1}abc");
    assert!(avro.refusal(&Debezium::new()).contains("value.converter="));
    assert!(
        Sent::text("{")
            .refusal(&Debezium::new())
            .starts_with("the body is no JSON: ")
    );
}

#[test]
fn the_trace_is_that_of_the_headers() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let sent = updated(&json!({"id": 1, "version": 2})).header("traceparent", trace);
    assert_eq!(sent.decode(&Debezium::new()).trace.as_deref(), Some(trace));
}
