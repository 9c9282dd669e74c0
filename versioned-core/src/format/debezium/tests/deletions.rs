//! Rows T1 to T3: deletions.

use super::*;

const DEFAULTS: &str = "the deletion of tickets 3 has no version of its own, its `before` holds \
    defaults: set REPLICA IDENTITY FULL (connector: `replica.identity.autoset.values`), or a unique \
    index over key and version as the identity";

#[test]
fn t1_a_deletion_with_defaults_is_refused() {
    let sample = deleted(&json!({"id": 3, "title": "", "version": 1}));
    assert_eq!(sample.refusal(&Debezium::new()), DEFAULTS);
    assert_eq!(
        sample.refusal(&Debezium::new().version_default(1)),
        DEFAULTS
    );
    for version in [json!(0), json!(null)] {
        let sample = deleted(&json!({"id": 3, "title": "", "version": version}));
        assert_eq!(sample.refusal(&Debezium::new()), DEFAULTS);
    }
    let seven = deleted(&json!({"id": 3, "version": 7}));
    assert_eq!(seven.refusal(&Debezium::new().version_default(7)), DEFAULTS);
    assert_eq!(
        deleted(&json!({"id": 3})).refusal(&Debezium::new()),
        DEFAULTS
    );
}

#[test]
fn t1_a_version_that_is_no_default_is_trusted() {
    let form = Debezium::new();
    is(
        &deleted(&json!({"id": 3, "version": 5})).decode(&form),
        Op::DeletedAt,
        "3",
        5,
    );
    let one = deleted(&json!({"id": 3, "version": 1}));
    is(
        &one.decode(&form.clone().version_default(0)),
        Op::DeletedAt,
        "3",
        1,
    );
    is(
        &one.decode(&form.clone().replica_identity_full()),
        Op::DeletedAt,
        "3",
        1,
    );
    let unknown = deleted(&json!({"id": 3, "version": null}));
    assert_eq!(unknown.refusal(&form.replica_identity_full()), DEFAULTS);
}

#[test]
fn t1_the_schema_names_the_default() {
    let sample = |default: Value| {
        let version = json!({"type": "int64", "default": default, "field": "version"});
        let before = json!([{"type": "struct", "fields": [version], "field": "before"}]);
        let event = event("d", &json!({"id": 3, "version": 5}), &Value::Null);
        Sent::new(&with_schema(&before, &event))
    };
    assert_eq!(sample(json!(5)).refusal(&Debezium::new()), DEFAULTS);
    is(
        &sample(json!(1)).decode(&Debezium::new()),
        Op::DeletedAt,
        "3",
        5,
    );
    // Without a default, a made-up version is 0.
    let one = json!([{"type": "struct", "fields": [{"type": "int64", "field": "version"}], "field": "before"}]);
    let event = event("d", &json!({"id": 3, "version": 1}), &Value::Null);
    is(
        &Sent::new(&with_schema(&one, &event)).decode(&Debezium::new()),
        Op::DeletedAt,
        "3",
        1,
    );
}

#[test]
fn t1_databases_that_log_whole_rows_are_trusted() {
    let of_mysql = |version: Value| {
        Sent::new(&json!({
            "op": "d",
            "before": {"id": 3, "version": version},
            "after": null,
            "source": {"connector": "mysql", "db": "shop", "table": "tickets"},
        }))
    };
    is(
        &of_mysql(json!(1)).decode(&Debezium::new()),
        Op::DeletedAt,
        "3",
        1,
    );
    assert_eq!(
        of_mysql(json!(null)).refusal(&Debezium::new()),
        "the deletion of tickets 3 has no version: log whole rows (MySQL: `binlog_row_image=FULL`)"
    );
}

#[test]
fn t1_deletions_can_be_final_or_refused() {
    let sample = deleted(&json!({"id": 3, "title": "", "version": 0}));
    let decoded = sample.decode(&Debezium::new().deletions(Deletions::Final));
    is(&decoded, Op::DeletedForever, "3", i64::MAX);
    let refused = deleted(&json!({"id": 3, "version": 5}));
    assert_eq!(
        refused.refusal(&Debezium::new().deletions(Deletions::Refuse)),
        "the deletion of tickets 3 is refused by `Deletions::Refuse`"
    );
}

#[test]
fn t2_a_flattened_deletion_without_a_version_is_refused() {
    let key = json!({"id": 3});
    let enveloped = r#"{"schema":null,"payload":null}"#;
    let schema = r#"{"schema":{"type":"struct","optional":true},"payload":null}"#;
    let shapes = ["null", "", " ", enveloped, schema, "default"].map(Sent::text);
    for shape in shapes.into_iter().chain([Sent::tombstone()]) {
        let shape = shape.key(&key).header("__op", "\"d\"");
        let form = Debezium::new().flattened();
        assert_eq!(
            shape.refusal(&form),
            "a deletion without a version: set `delete.tombstone.handling.mode=rewrite`, \
             `add.fields=op` and REPLICA IDENTITY FULL"
        );
        let last = form.clone().deletions(Deletions::Final);
        is(&shape.decode(&last), Op::DeletedForever, "3", i64::MAX);
        assert!(shape.is_skipped(&form.rewrite_with_tombstone()));
        // In a plain change stream, the deletion came before it.
        assert!(shape.is_skipped(&Debezium::new()));
        assert!(shape.clone().topic("shop.public.notes").is_skipped(&last));
    }
}

#[test]
fn t2_a_final_deletion_needs_the_key_of_the_message() {
    let form = Debezium::new().flattened().deletions(Deletions::Final);
    for key in [None, Some("{\"owner\":\"u1\"}"), Some("{\"id\":null}")] {
        let sample = Sent {
            key: key.map(str::to_owned),
            ..Sent::tombstone()
        };
        assert_eq!(
            sample.refusal(&form),
            "a deletion without a version, and without a key that names the record"
        );
    }
    let bare = Sent::tombstone().key(&json!(3));
    is(&bare.decode(&form), Op::DeletedForever, "3", i64::MAX);
    let enveloped = with_schema(
        &json!([{"type": "int64", "field": "id"}]),
        &json!({"id": 3}),
    );
    let enveloped = Sent::tombstone().key(&enveloped);
    is(&enveloped.decode(&form), Op::DeletedForever, "3", i64::MAX);
}

#[test]
fn t2_a_rewritten_deletion_says_so_in_text() {
    let form = Debezium::new().flattened();
    let row = |deleted: Value| json!({"id": 3, "title": "", "version": 5, "__deleted": deleted});
    for flag in [json!("true"), json!(true)] {
        is(&Sent::new(&row(flag)).decode(&form), Op::DeletedAt, "3", 5);
    }
    let by_header = Sent::new(&json!({"id": 3, "version": 5})).header("__op", "d");
    is(&by_header.decode(&form), Op::DeletedAt, "3", 5);
    let made_up = Sent::new(&json!({"id": 3, "version": 0, "__deleted": "true"}));
    assert_eq!(made_up.refusal(&form), DEFAULTS);
    let live = Sent::new(&row(json!("false"))).header("__op", "u");
    is(&live.decode(&form), Op::Updated, "3", 5);
}

#[test]
fn t3_both_halves_of_an_update_have_versions_that_fit_each_other() {
    let form = Debezium::new();
    let before = deleted(&json!({"id": 7, "version": 4})).decode(&form);
    is(&before, Op::DeletedAt, "7", 4);
    let after = json!({"id": 7, "version": 5});
    let after = Sent::new(&event("c", &Value::Null, &after)).decode(&form);
    is(&after, Op::Snapshot, "7", 5);
}
