//! Rows T4, T5 and D1 to D9: values and their schemas.

use super::*;

fn of_field(value: &Value) -> Sent {
    updated(&json!({"id": 1, "version": 2, "field": value}))
}

/// A record whose field has this schema.
fn of_schema(schema: &Value, value: &Value) -> Sent {
    let mut schema = schema.clone();
    schema["field"] = json!("field");
    updated_with(
        &json!([schema]),
        &json!({"id": 1, "version": 2, "field": value}),
    )
}

#[track_caller]
fn is_refused<T: DeserializeOwned>(sent: &Sent, form: &Debezium, reason: &str) {
    assert_eq!(sent.field::<T>(form).map(drop).unwrap_err(), reason);
}

#[test]
fn t4_a_default_in_place_of_a_null_cannot_be_seen() {
    // The schema says that the field has a default, and not whether it is one.
    let schema = json!({"type": "int32", "optional": true, "default": 9});
    assert_eq!(
        of_schema(&schema, &json!(9)).field::<Option<i32>>(&Debezium::new()),
        Ok(Some(9))
    );
}

#[test]
fn t5_a_value_that_was_not_in_the_log_is_refused() {
    let form = Debezium::new();
    let placeholder = "__debezium_unavailable_value";
    let bytes: Vec<u8> = placeholder.bytes().collect();
    let sentence = "column field of tickets 1 was not in the log (unchanged TOAST): REPLICA IDENTITY FULL, or Debezium's column reselect";
    let refused = |value: Value| of_field(&value);
    is_refused::<String>(&refused(json!(placeholder)), &form, sentence);
    is_refused::<Value>(&refused(json!(placeholder)), &form, sentence);
    is_refused::<Option<Vec<String>>>(&refused(json!([placeholder])), &form, sentence);
    is_refused::<Vec<i32>>(&refused(json!(bytes)), &form, sentence);
    let uuid = "b68a35a7-17ad-35b3-af2a-ae46edb4545a";
    is_refused::<Vec<String>>(&refused(json!([uuid])), &form, sentence);
    is_refused::<Value>(&refused(json!({placeholder: placeholder})), &form, sentence);
    let base64 = "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==";
    is_refused::<Vec<u8>>(&refused(json!(base64)), &form, sentence);
    let hex = "5f5f646562657a69756d5f756e617661696c61626c655f76616c7565";
    is_refused::<Vec<u8>>(&refused(json!(hex)), &form.clone().hex("field"), sentence);
    // Also where the schema would convert it.
    let decimal = json!({"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2"}});
    is_refused::<String>(&of_schema(&decimal, &json!(base64)), &form, sentence);
}

#[test]
fn t5_only_fields_of_the_model_are_checked_and_the_placeholder_is_an_option() {
    let other = json!({"id": 1, "version": 2, "field": 3, "body": "__debezium_unavailable_value"});
    assert_eq!(updated(&other).field(&Debezium::new()), Ok(3));
    let form = Debezium::new().placeholder("hex:676f6e65");
    assert!(of_field(&json!("gone")).field::<String>(&form).is_err());
    assert!(
        of_field(&json!([103, 111, 110, 101]))
            .field::<Vec<i32>>(&form)
            .is_err()
    );
    let text = of_field(&json!("__debezium_unavailable_value"));
    assert!(text.field::<String>(&form).is_ok());
    assert!(
        of_field(&json!("gone"))
            .field::<String>(&Debezium::new().placeholder("gone"))
            .is_err()
    );
    // The sample of the list of bytes, in which the rest is left out, is a list.
    assert_eq!(
        of_field(&json!([95, 95, 100, 101])).field(&Debezium::new()),
        Ok(vec![95, 95, 100, 101])
    );
}

#[test]
fn d1_envelopes_are_unwrapped_each_on_its_own() {
    let form = Debezium::new();
    let row = json!({"id": 3, "version": 2});
    let event = event("u", &Value::Null, &row);
    let schema = json!([]);
    let plain_key = json!({"id": 3});
    for body in [
        event.clone(),
        with_schema(&schema, &event),
        json!({"schema": null, "payload": event}),
    ] {
        for key in [plain_key.clone(), with_schema(&schema, &plain_key)] {
            is(
                &Sent::new(&body).key(&key).decode(&form),
                Op::Updated,
                "3",
                2,
            );
        }
        let other = Sent::new(&body).key(&with_schema(&schema, &json!({"id": 4})));
        assert!(
            other
                .refusal(&form)
                .starts_with("the key of the message is 4")
        );
    }
    // A table with columns of these names, flattened.
    let own = Replica {
        key: &["schema"],
        version: "payload",
        ..tickets()
    };
    let row = Sent::new(&json!({"schema": "a", "payload": 2})).header("__op", "u");
    let decoded = row.decode_for(&form.flattened(), &own).unwrap().unwrap();
    is(&decoded, Op::Updated, "a", 2);
}

#[test]
fn d2_decimals_are_decoded_by_their_schema() {
    let form = Debezium::new();
    let decimal = json!({"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2"}});
    let read = |value: Value| of_schema(&decimal, &value).field::<String>(&form);
    assert_eq!(read(json!("BOI=")).unwrap(), "12.50");
    assert_eq!(read(json!("/w==")).unwrap(), "-0.01");
    assert_eq!(read(json!(12.5)).unwrap(), "12.5");
    assert_eq!(read(json!(12)).unwrap(), "12");
    assert_eq!(
        read(json!(1_234_567_890_123.456_7)).unwrap_err(),
        "field is the number 1234567890123.4568, which may have been rounded: \
         `decimal.handling.mode=string`, or `decimal.format=BASE64`"
    );
    assert_eq!(
        read(json!("?")).unwrap_err(),
        "field is no encoded decimal: `decimal.handling.mode=string`"
    );
    let list = json!({"type": "array", "items": decimal});
    let sent = of_schema(&list, &json!(["BOI=", null]));
    let prices = vec![Some("12.50".to_owned()), None];
    assert_eq!(sent.field::<Vec<Option<String>>>(&form).unwrap(), prices);
    let variable = json!({"type": "struct", "name": "io.debezium.data.VariableScaleDecimal"});
    let sent = of_schema(&variable, &json!({"scale": 2, "value": "BOI="}));
    assert_eq!(sent.field::<String>(&form).unwrap(), "12.50");
}

#[test]
fn d2_encoded_decimals_without_a_schema_are_refused() {
    let form = Debezium::new();
    let sentence = "field looks like an encoded decimal: `decimal.handling.mode=string`";
    is_refused::<String>(&of_field(&json!("BOI=")), &form, sentence);
    is_refused::<f64>(&of_field(&json!("BOI=")), &form, sentence);
    is_refused::<i64>(&of_field(&json!("BOIA")), &form, sentence);
    let read = |form: Debezium, value: Value| of_field(&value).field::<String>(&form).unwrap();
    assert_eq!(
        read(form.clone().decimal("field", 2), json!("BOI=")),
        "12.50"
    );
    assert_eq!(read(form.clone().text("field"), json!("BOI=")), "BOI=");
    assert_eq!(
        read(form.clone(), json!({"scale": 2, "value": "BOI="})),
        "12.50"
    );
    assert_eq!(read(form.clone(), json!("12.50")), "12.50");
    assert_eq!(read(form, json!("a = b =")), "a = b =");
}

#[test]
fn d2_a_key_and_a_version_can_be_structs() {
    let number = |value: &str| json!({"scale": 0, "value": value});
    let row = json!({"id": number("Bw=="), "version": number("BQ=="), "price": "BOI="});
    is(&updated(&row).decode(&Debezium::new()), Op::Updated, "7", 5);
    // Precise unsigned numbers with a schema.
    let decimal = |field: &str| json!({"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "0"}, "field": field});
    let fields = json!([decimal("id"), decimal("version")]);
    let sent = updated_with(&fields, &json!({"id": "AP//////////", "version": "BQ=="}));
    is(
        &sent.decode(&Debezium::new()),
        Op::Updated,
        "18446744073709551615",
        5,
    );
}

#[test]
fn d3_times_are_decoded_by_their_schema() {
    let form = Debezium::new();
    for (name, value, text) in [
        ("io.debezium.time.Date", json!(17_702), "2018-06-20"),
        (
            "org.apache.kafka.connect.data.Date",
            json!(17_702),
            "2018-06-20",
        ),
        (
            "io.debezium.time.Timestamp",
            json!(1_529_507_596_945_i64),
            "2018-06-20T15:13:16.945",
        ),
        (
            "org.apache.kafka.connect.data.Timestamp",
            json!(1_529_507_596_000_i64),
            "2018-06-20T15:13:16",
        ),
        (
            "io.debezium.time.MicroTimestamp",
            json!(1_529_507_596_945_104_i64),
            "2018-06-20T15:13:16.945104",
        ),
        (
            "io.debezium.time.NanoTimestamp",
            json!(1_529_507_596_945_104_000_i64),
            "2018-06-20T15:13:16.945104",
        ),
        ("io.debezium.time.Time", json!(54_796_945), "15:13:16.945"),
        (
            "io.debezium.time.MicroTime",
            json!(54_796_945_104_i64),
            "15:13:16.945104",
        ),
        (
            "io.debezium.time.NanoTime",
            json!(54_796_945_104_001_i64),
            "15:13:16.945104001",
        ),
        (
            "io.debezium.time.ZonedTimestamp",
            json!("2018-06-20T15:13:16.945104Z"),
            "2018-06-20T15:13:16.945104Z",
        ),
        (
            "io.debezium.time.IsoDate",
            json!("2026-09-15Z"),
            "2026-09-15",
        ),
        (
            "io.debezium.time.IsoTimestamp",
            json!("2026-09-15T01:02:03Z"),
            "2026-09-15T01:02:03",
        ),
        ("io.debezium.time.IsoTime", json!("01:02:03Z"), "01:02:03"),
    ] {
        let sent = of_schema(&json!({"type": "int64", "name": name}), &value);
        assert_eq!(sent.field::<String>(&form).as_deref(), Ok(text), "{name}");
    }
}

#[derive(Debug, Deserialize)]
struct Id {
    id: i64,
}

#[test]
fn d3_infinity_and_other_times_are_refused_if_the_model_has_the_field() {
    let form = Debezium::new();
    for (name, value) in [
        (
            "io.debezium.time.MicroTimestamp",
            json!(9_223_372_036_825_200_000_i64),
        ),
        ("io.debezium.time.Date", json!(2_147_483_647)),
        ("io.debezium.time.MicroTime", json!(-1)),
        ("io.debezium.time.MicroTime", json!(100_000_000_000_i64)),
        ("io.debezium.time.ZonedTimestamp", json!("infinity")),
    ] {
        let sent = of_schema(&json!({"type": "int64", "name": name}), &value);
        let reason = sent.field::<Value>(&form).unwrap_err();
        assert!(
            reason.starts_with("field is") && reason.contains("infinite"),
            "{reason}"
        );
        let mut record = sent.decode(&form).record.unwrap();
        assert_eq!(record.read::<Id>("tickets").unwrap().id, 1);
    }
}

#[test]
fn d3_a_bare_number_needs_a_unit() {
    let opened = json!(1_529_507_596_945_104_i64);
    let sent = updated(&json!({"id": 1, "version": 2, "field": opened}));
    is_refused::<String>(
        &sent,
        &Debezium::new(),
        "field is a bare number: switch schemas on or name its unit",
    );
    let read = |unit: Unit, value: Value| {
        of_field(&value)
            .field::<String>(&Debezium::new().time("field", unit))
            .unwrap()
    };
    assert_eq!(read(Unit::Micros, opened), "2018-06-20T15:13:16.945104");
    assert_eq!(read(Unit::Millis, json!(0)), "1970-01-01T00:00:00");
    assert_eq!(read(Unit::Nanos, json!(1)), "1970-01-01T00:00:00.000000001");
    assert_eq!(read(Unit::Days, json!(17_702)), "2018-06-20");
    assert_eq!(read(Unit::MillisOfDay, json!(1)), "00:00:00.001");
    assert_eq!(read(Unit::MicrosOfDay, json!(1)), "00:00:00.000001");
    assert_eq!(read(Unit::NanosOfDay, json!(1)), "00:00:00.000000001");
}

#[test]
fn d4_an_unsigned_key_that_wrapped_is_refused() {
    let of = |connector: &str, id: i64, version: i64| {
        Sent::new(&json!({
            "op": "u",
            "after": {"id": id, "version": version},
            "source": {"connector": connector, "table": "tickets"},
        }))
    };
    let form = Debezium::new();
    assert_eq!(
        of("mysql", -1, 2).refusal(&form),
        "-1 in tickets.id: `bigint.unsigned.handling.mode=precise`"
    );
    assert_eq!(
        of("mariadb", 1, -2).refusal(&form),
        "-2 in tickets.version: `bigint.unsigned.handling.mode=precise`"
    );
    let sample = Sent::new(&json!({"id": -1, "version": 2})).header("__op", "u");
    assert_eq!(
        sample.refusal(&Debezium::new().flattened()),
        "-1 in tickets.id: `bigint.unsigned.handling.mode=precise`"
    );
    // PostgreSQL has no unsigned numbers, so this is the key.
    is(&of("postgresql", -1, 2).decode(&form), Op::Updated, "-1", 2);
    assert_eq!(
        of("postgresql", 1, -2).refusal(&form),
        "tickets.version: -2 is no version"
    );
}

#[test]
fn d5_a_flag_is_also_0_or_1() {
    let form = Debezium::new();
    assert_eq!(of_field(&json!(1)).field(&form), Ok(true));
    assert_eq!(of_field(&json!(false)).field(&form), Ok(false));
    assert!(of_field(&json!(9)).field::<bool>(&form).is_err());
}

#[test]
fn d6_a_zero_date_is_read_as_received() {
    let form = Debezium::new().time("field", Unit::Days);
    assert_eq!(
        of_field(&json!(0)).field(&form),
        Ok("1970-01-01".to_owned())
    );
}

#[test]
fn d7_infinity_is_read_into_floats_only() {
    let form = Debezium::new();
    assert!(
        of_field(&json!("NaN"))
            .field::<f64>(&form)
            .unwrap()
            .is_nan()
    );
    assert_eq!(
        of_field(&json!("-Infinity")).field(&form),
        Ok(f64::NEG_INFINITY)
    );
    is_refused::<i64>(
        &of_field(&json!("NaN")),
        &form,
        "tickets.field: \"NaN\" is no whole number",
    );
}

#[test]
fn d8_json_in_text_is_parsed_if_the_model_needs_no_text() {
    let form = Debezium::new();
    let tags = of_field(&json!("{\"a\":1}"));
    assert_eq!(tags.field(&form), Ok(json!({"a": 1})));
    assert_eq!(tags.field(&form), Ok("{\"a\":1}".to_owned()));
    assert_eq!(of_field(&json!("[1]")).field(&form), Ok(vec![1]));
    // A text that is no object or list is JSON only if the form says so.
    let five = of_field(&json!("5"));
    assert_eq!(five.field(&form), Ok(json!("5")));
    assert_eq!(five.field(&form.clone().json("field")), Ok(json!(5)));
    is_refused::<Value>(
        &of_field(&json!("{")),
        &form.clone().json("field"),
        "field is no JSON: EOF while parsing an object at line 1 column 1",
    );
    assert_eq!(of_field(&json!("+/8=")).field(&form), Ok(vec![251_u8, 255]));
    assert_eq!(of_field(&json!("-_8=")).field(&form), Ok(vec![251_u8, 255]));
    let hex = form.hex("field");
    assert_eq!(of_field(&json!("fbFF")).field(&hex), Ok(vec![251_u8, 255]));
    is_refused::<Vec<u8>>(
        &of_field(&json!("fbF")),
        &hex,
        "field is not in hexadecimal digits",
    );
}

#[test]
fn d9_a_null_that_the_model_needs_names_the_field() {
    let form = Debezium::new();
    is_refused::<String>(
        &of_field(&json!(null)),
        &form,
        "tickets.field: is null, expected a string",
    );
    let missing = updated(&json!({"id": 3, "version": 4}));
    is_refused::<String>(&missing, &form, "tickets: missing field `field`");
    assert_eq!(missing.field::<Option<String>>(&form), Ok(None));
}
