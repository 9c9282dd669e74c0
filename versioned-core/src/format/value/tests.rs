use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Visitor};
use serde_json::{Value, json};

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
struct One<T> {
    field: T,
}

fn read_with<T: DeserializeOwned>(value: Value, checks: &Checks) -> Result<T, String> {
    let mut record = Value::Object([("field".to_owned(), value)].into_iter().collect());
    let one: One<T> = read(&mut record, checks, "tickets")?;
    Ok(one.field)
}

fn field<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    read_with(value, &Checks::default())
}

#[track_caller]
fn is<T: DeserializeOwned + Debug + PartialEq>(value: Value, expected: T) {
    assert_eq!(field::<T>(value), Ok(expected));
}

#[track_caller]
fn is_not<T: DeserializeOwned + Debug>(value: Value, reason: &str) {
    assert_eq!(field::<T>(value).unwrap_err(), reason);
}

#[test]
fn a_flag_is_also_0_or_1() {
    is(json!(true), true);
    is(json!(1), true);
    is(json!(0), false);
    for other in [json!(2), json!(-1), json!(1.5), json!("1"), json!("true")] {
        let reason = field::<bool>(other).unwrap_err();
        assert!(
            reason.starts_with("tickets.field: invalid type"),
            "{reason}"
        );
    }
}

#[test]
fn a_whole_number_has_many_forms() {
    for three in [
        json!(3),
        json!(3.0),
        json!("3"),
        json!({"$numberLong": "3"}),
        json!({"$numberInt": "3"}),
        json!({"$numberDouble": "3.0"}),
        json!({"low": 3, "high": 0, "unsigned": false}),
        json!({"low": 3, "high": 0}),
        json!({"scale": 0, "value": "Aw=="}),
        json!({"scale": 2, "value": "ASw="}),
    ] {
        is::<i8>(three.clone(), 3);
        is::<u64>(three.clone(), 3);
        is::<i128>(three.clone(), 3);
        is::<Option<i32>>(three, Some(3));
    }
    is::<i64>(json!("-9223372036854775808"), i64::MIN);
    is::<i64>(json!({"low": -2, "high": -1, "unsigned": false}), -2);
    is::<u64>(json!({"low": -1, "high": -1, "unsigned": true}), u64::MAX);
    is::<u64>(json!("18446744073709551615"), u64::MAX);
    is::<u128>(json!("36893488147419103232"), 1 << 65);
    is::<i64>(json!({"scale": -2, "value": "Aw=="}), 300);
    is::<i64>(json!(9_007_199_254_740_992.0), 9_007_199_254_740_992);
}

#[test]
fn what_could_be_another_number_is_refused() {
    is_not::<i64>(json!("03"), "tickets.field: \"03\" is no whole number");
    is_not::<i64>(json!(3.5), "tickets.field: 3.5 is no whole number");
    is_not::<i64>(json!(null), "tickets.field: is null, expected i64");
    for other in [
        json!("+3"),
        json!("3.0"),
        json!("3e0"),
        json!(" 3"),
        json!("-0"),
        json!(""),
        json!("٣"),
        json!(1e300),
        json!(9_007_199_254_740_994.0),
        json!(true),
        json!([3]),
        json!({"low": 3}),
        json!({"low": 3, "high": 0, "more": 0}),
        json!({"low": 4_294_967_296_i64, "high": 0}),
        json!({"$numberLong": "3", "more": 0}),
        json!({"scale": 1, "value": "Aw=="}),
        json!({"scale": 0, "value": ""}),
    ] {
        let shown = other.to_string();
        assert!(field::<i64>(other).is_err(), "{shown}");
    }
    let reason = field::<u8>(json!("256")).unwrap_err();
    assert!(reason.contains("integer `256`, expected u8"), "{reason}");
}

#[test]
fn a_float_has_many_forms() {
    for float in [
        json!(1.5),
        json!("1.5"),
        json!("1.50"),
        json!({"$numberDecimal": "1.5"}),
        json!({"$numberDouble": "1.5"}),
        json!({"scale": 1, "value": "Dw=="}),
    ] {
        is::<f64>(float.clone(), 1.5);
        is::<f32>(float, 1.5);
    }
    is::<f64>(json!({"low": 3, "high": 0}), 3.0);
    is::<f64>(json!("Infinity"), f64::INFINITY);
    is::<f64>(json!("-Infinity"), f64::NEG_INFINITY);
    assert!(field::<f64>(json!("NaN")).unwrap().is_nan());
    is::<f64>(json!(0.1), 0.1);
    for other in [
        json!("nan"),
        json!("inf"),
        json!("1,5"),
        json!(""),
        json!(null),
        json!(true),
    ] {
        assert!(field::<f64>(other).is_err());
    }
}

#[test]
fn a_text_has_many_forms() {
    is(json!("a"), "a".to_owned());
    is(json!("a"), 'a');
    is(json!({"$oid": "6B07"}), "6B07".to_owned());
    is(json!({"$numberDecimal": "12.50"}), "12.50".to_owned());
    is(json!({"scale": 2, "value": "BOI="}), "12.50".to_owned());
    is(
        json!({"$date": "2026-11-18T15:13:39.458Z"}),
        "2026-11-18T15:13:39.458Z".to_owned(),
    );
    let date = "2018-06-20T15:13:16.945Z".to_owned();
    is(json!({"$date": 1_529_507_596_945_i64}), date.clone());
    is(json!({"$date": {"$numberLong": "1529507596945"}}), date);
    is_not::<String>(
        json!(3),
        "tickets.field: the number 3 where text is needed: send it as text",
    );
    is_not::<String>(json!(null), "tickets.field: is null, expected a string");
    for other in [
        json!(true),
        json!({"$oid": 1}),
        json!({"$oid": "a", "b": 1}),
        json!(["a"]),
    ] {
        assert!(field::<String>(other).is_err());
    }
}

#[test]
fn options_and_newtypes_are_looked_through() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Price(Option<i64>);

    is(json!(null), None::<String>);
    is(json!("3"), Price(Some(3)));
    is(json!(null), Price(None));
    is(json!(null), ());
    let missing: One<Option<i64>> = read(&mut json!({}), &Checks::default(), "t").unwrap();
    assert_eq!(missing.field, None);
}

#[test]
fn json_in_text_is_parsed_once() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        a: i64,
    }

    is(json!("{\"a\":\"1\"}"), Inner { a: 1 });
    is(json!("[1,2]"), vec![1, 2]);
    is(json!("[1,2]"), (1, 2));
    is(json!(" {\"a\":1}"), BTreeMap::from([("a".to_owned(), 1)]));
    is(json!("{\"1\":2}"), HashMap::from([(1, 2)]));
    is(json!("{\"a\":1}"), "{\"a\":1}".to_owned());
    // Text inside of JSON stays text, as do texts that are no object or list.
    is(json!({"a": "{\"b\":1}"}), json!({"a": "{\"b\":1}"}));
    for text in ["5", "\"a\"", "{a", "null", "[1"] {
        is(json!(text), json!(text));
    }
    for text in ["{\"a\":1}", "[1]"] {
        is(json!(text), json!(text));
    }
    let twice = json!("\"[1]\"");
    assert!(field::<Vec<i64>>(twice).is_err());
    assert!(field::<Vec<Vec<i64>>>(json!("[\"[1]\"]")).is_err());
}

#[test]
fn any_json_is_in_text_where_the_form_says_so() {
    let checks = Checks {
        json_in_text: true,
        ..Checks::default()
    };
    let is = |value: Value, expected: Value| {
        let mut record = json!({"field": value});
        let one: One<Option<Value>> = read(&mut record, &checks, "t").unwrap();
        assert_eq!(one.field, Some(expected.clone()));
        assert_eq!(
            record,
            json!({"field": expected}),
            "it is read in the same way again"
        );
    };
    is(json!("{\"a\":1}"), json!({"a": 1}));
    is(json!("[1,\"[2]\"]"), json!([1, "[2]"]));
    is(
        json!("{\"a\":\"{\\\"b\\\":1}\"}"),
        json!({"a": "{\"b\":1}"}),
    );
    // Text inside of JSON stays text, as do texts that are no object or list.
    is(json!({"a": "{\"b\":1}"}), json!({"a": "{\"b\":1}"}));
    for text in ["5", "\"a\"", "{a", "null", "[1"] {
        is(json!(text), json!(text));
    }
    // A text stays text.
    let mut record = json!({"field": "{\"a\":1}"});
    let one: One<String> = read(&mut record, &checks, "t").unwrap();
    assert_eq!(record, json!({"field": one.field}));
}

#[test]
fn bytes_are_base64_or_a_buffer() {
    #[derive(Debug, PartialEq)]
    struct Bytes(Vec<u8>);

    impl<'de> Deserialize<'de> for Bytes {
        fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Takes;
            impl Visitor<'_> for Takes {
                type Value = Bytes;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("bytes")
                }
                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                    Ok(Bytes(bytes.to_vec()))
                }
            }
            deserializer.deserialize_byte_buf(Takes)
        }
    }

    let bytes = vec![251, 255];
    for form in [
        json!("+/8="),
        json!("-_8"),
        json!({"type": "Buffer", "data": [251, 255]}),
    ] {
        is(form.clone(), bytes.clone());
        is(form, Bytes(bytes.clone()));
    }
    is(json!([251, 255]), bytes.clone());
    is(json!("[251,255]"), bytes);
    is(json!(""), Vec::<u8>::new());
    assert!(
        field::<Vec<i64>>(json!("+/8=")).is_err(),
        "a text is no list of numbers"
    );
    assert!(field::<Vec<String>>(json!("abcd")).is_err());
    assert!(field::<Vec<u8>>(json!({"type": "Buffer", "data": [256]})).is_err());
}

#[test]
fn errors_have_the_path_of_the_field() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its errors are looked at")]
    struct Ticket {
        lines: Vec<Line>,
        state: State,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its errors are looked at")]
    struct Line {
        seat: i64,
    }
    #[derive(Debug, Deserialize)]
    enum State {
        Open,
    }

    let refused = |value: Value| {
        let mut value = value;
        read::<Ticket>(&mut value, &Checks::default(), "tickets").unwrap_err()
    };
    assert_eq!(
        refused(json!({"lines": [{"seat": 1}, {"seat": "x"}], "state": "Open"})),
        "tickets.lines.1.seat: \"x\" is no whole number"
    );
    assert_eq!(
        refused(json!({"lines": []})),
        "tickets: missing field `state`"
    );
    assert_eq!(
        refused(json!({"lines": [{}]})),
        "tickets.lines.0: missing field `seat`"
    );
    let reason = refused(json!({"lines": [], "state": "Shut"}));
    assert!(
        reason.starts_with("tickets.state: unknown variant `Shut`"),
        "{reason}"
    );
    assert_eq!(
        refused(json!(3)),
        "tickets: invalid type: integer `3`, expected struct Ticket"
    );
}

#[test]
fn enums_are_read_as_serde_json_reads_them() {
    #[derive(Debug, Deserialize, PartialEq, Clone)]
    enum State {
        Open,
        Held(i64),
        Sold { price: i64 },
        Pair(i64, i64),
    }
    is(json!("Open"), State::Open);
    is(json!({"Open": null}), State::Open);
    is(json!({"Held": "3"}), State::Held(3));
    is(json!({"Sold": {"price": "3"}}), State::Sold { price: 3 });
    is(json!({"Pair": [1, "2"]}), State::Pair(1, 2));
    for other in [
        json!("Held"),
        json!({"Open": null, "Held": 1}),
        json!({}),
        json!(3),
    ] {
        assert!(field::<State>(other).is_err());
    }
}

#[test]
fn flattened_and_untagged_models_get_plain_values() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Ticket {
        id: i64,
        #[serde(flatten)]
        money: Money,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Money {
        price: f64,
        currency: String,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(untagged)]
    enum Seat {
        Number(i64),
        Name { name: String },
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(tag = "kind")]
    enum Tagged {
        Box { size: i64 },
    }

    let plain = json!({"id": 1, "price": 2.5, "currency": "{\"EUR\":1}", "more": {"scale": 0, "value": "AA=="}});
    let ticket: Ticket = read(&mut plain.clone(), &Checks::default(), "t").unwrap();
    assert_eq!(ticket, serde_json::from_value(plain).unwrap());
    is(json!(3), Seat::Number(3));
    is(
        json!({"name": "a"}),
        Seat::Name {
            name: "a".to_owned(),
        },
    );
    is(json!({"kind": "Box", "size": 3}), Tagged::Box { size: 3 });
    is(json!({"low": 3, "high": 0}), json!({"low": 3, "high": 0}));
    is(json!({"$oid": "a"}), json!({"$oid": "a"}));
    let raw: Box<serde_json::value::RawValue> = field(json!({"a": [1, "b"]})).unwrap();
    assert_eq!(raw.get(), r#"{"a":[1,"b"]}"#);
    is(json!(1.5), serde_json::Number::from_f64(1.5).unwrap());
}

#[test]
fn a_decimal_type_gets_the_shortest_text() {
    /// Takes what `bigdecimal` and `rust_decimal` take.
    #[derive(Debug, PartialEq)]
    struct Decimal(String);

    impl<'de> Deserialize<'de> for Decimal {
        fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Takes;
            impl Visitor<'_> for Takes {
                type Value = Decimal;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a number or formatted decimal string")
                }
                fn visit_u64<E>(self, whole: u64) -> Result<Decimal, E> {
                    Ok(Decimal(whole.to_string()))
                }
                fn visit_str<E>(self, text: &str) -> Result<Decimal, E> {
                    Ok(Decimal(text.to_owned()))
                }
            }
            deserializer.deserialize_any(Takes)
        }
    }

    is(
        json!(0.300_000_000_000_000_04),
        Decimal("0.30000000000000004".to_owned()),
    );
    is(json!(3), Decimal("3".to_owned()));
    is(json!("12.50"), Decimal("12.50".to_owned()));
    is(
        json!({"scale": 2, "value": "BOI="}),
        Decimal("12.50".to_owned()),
    );
    is(
        json!({"$numberDecimal": "12.50"}),
        Decimal("12.50".to_owned()),
    );
}

/// A type without a time zone.
#[derive(Debug, PartialEq)]
struct Naive(String);

impl<'de> Deserialize<'de> for Naive {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.ends_with('Z') {
            return Err(de::Error::custom("trailing input"));
        }
        Ok(Self(text))
    }
}

#[test]
fn the_zone_of_a_date_is_cut_for_types_without_one() {
    is(json!("2026-09-15Z"), Naive("2026-09-15".to_owned()));
    is(
        json!("2026-09-15T01:02:03Z"),
        Naive("2026-09-15T01:02:03".to_owned()),
    );
    is(json!("2026-09-15Z"), "2026-09-15Z".to_owned());
    is_not::<Naive>(json!("abcZ"), "tickets.field: trailing input");
    is_not::<Naive>(json!("2026-09-15ZZ"), "tickets.field: trailing input");
    let mut record = json!({"field": "2026-09-15Z"});
    read::<One<Naive>>(&mut record, &Checks::default(), "t").unwrap();
    assert_eq!(
        record,
        json!({"field": "2026-09-15"}),
        "it is read in the same way again"
    );
}

#[test]
fn a_list_may_be_absent_where_the_form_says_so() {
    let checks = Checks {
        absent_lists: true,
        ..Checks::default()
    };
    let mut record = json!({});
    let one: One<Vec<i64>> = read(&mut record, &checks, "t").unwrap();
    assert!(one.field.is_empty());
    assert_eq!(
        record,
        json!({"field": []}),
        "it is read in the same way again"
    );
    for refused in [
        read::<One<Vec<i64>>>(&mut json!({}), &Checks::default(), "t").map(drop),
        read::<One<i64>>(&mut json!({}), &checks, "t").map(drop),
        read::<One<String>>(&mut json!({}), &checks, "t").map(drop),
        read::<One<Value>>(&mut json!({}), &checks, "t").map(drop),
        read::<One<One<i64>>>(&mut json!({}), &checks, "t").map(drop),
    ] {
        assert_eq!(refused.unwrap_err(), "t: missing field `field`");
    }
}

fn marked() -> Checks {
    Checks {
        subject: "notes n1".to_owned(),
        markers: Some(Arc::new(Markers::new(b"gone"))),
        unreadable: vec![("field".to_owned(), "field is infinity".to_owned())],
        ..Checks::default()
    }
}

#[track_caller]
fn is_marked<T: DeserializeOwned>(value: Value, checks: &Checks, sentence: &str) {
    let error = read_with::<T>(value, checks).map(drop).unwrap_err();
    assert_eq!(error, sentence);
}

#[test]
fn markers_are_refused_in_the_fields_that_the_model_reads() {
    let checks = Checks {
        unreadable: Vec::new(),
        ..marked()
    };
    let sentence = "column field of notes n1 was not in the log (unchanged TOAST): REPLICA IDENTITY FULL, or Debezium's column reselect";
    for text in [
        "gone",
        "Z29uZQ==",
        "676f6e65",
        "50c1f58b-e7f5-347e-8f53-d64c094783c2",
    ] {
        is_marked::<String>(json!(text), &checks, sentence);
        is_marked::<Option<i64>>(json!(text), &checks, sentence);
        is_marked::<Vec<u8>>(json!(text), &checks, sentence);
        is_marked::<Value>(json!(text), &checks, sentence);
        is_marked::<Vec<String>>(json!([text]), &checks, sentence);
        is_marked::<Value>(json!({"a": [1, text]}), &checks, sentence);
        is_marked::<HashMap<String, String>>(json!({"gone": text}), &checks, sentence);
        is_marked::<HashMap<String, String>>(json!("{\"gone\":\"gone\"}"), &checks, sentence);
    }
    is_marked::<Vec<i32>>(json!([103, 111, 110, 101]), &checks, sentence);
    is_marked::<Value>(json!([103, 111, 110, 101]), &checks, sentence);
    for other in ["gone ", "all is gone", "Gone", ""] {
        assert_eq!(read_with::<String>(json!(other), &checks).unwrap(), other);
    }
    assert_eq!(
        read_with::<Vec<i32>>(json!([103, 111, 110]), &checks).unwrap(),
        [103, 111, 110]
    );
    let mut other = json!({"field": 1, "other": "gone"});
    assert!(
        read::<One<i64>>(&mut other, &checks, "t").is_ok(),
        "the model has no such field"
    );
}

#[derive(Debug, Deserialize)]
struct Other {
    #[expect(dead_code, reason = "only read")]
    other: i64,
}

#[test]
fn a_field_that_could_not_be_converted_is_refused_if_the_model_has_it() {
    assert_eq!(
        read_with::<i64>(json!(1), &marked()).unwrap_err(),
        "field is infinity"
    );
    let mut record = json!({"field": 1, "other": 1});
    assert!(read::<Other>(&mut record, &marked(), "t").is_ok());
}

#[test]
fn a_version_is_a_whole_number_in_any_form() {
    for five in [
        json!(5),
        json!("5"),
        json!("0000000005"),
        json!(5.0),
        json!({"$numberLong": "5"}),
        json!({"low": 5, "high": 0, "unsigned": false}),
        json!({"scale": 0, "value": "BQ=="}),
    ] {
        assert_eq!(version(&five), Ok(5));
    }
    assert_eq!(version(&json!(0)), Ok(0));
    for other in [
        json!(5.5),
        json!("5.0"),
        json!("+5"),
        json!("-5"),
        json!(-5),
        json!("5e0"),
        json!(""),
        json!(" 5"),
        json!("3.6.1.Final"),
        json!("9223372036854775808"),
        json!(null),
        json!(true),
        json!([5]),
    ] {
        let shown = other.to_string();
        assert_eq!(version(&other), Err(format!("{shown} is no version")));
    }
}

#[test]
fn a_key_is_the_text_that_its_type_prints() {
    for (value, text) in [
        (json!(7), "7"),
        (json!(-7), "-7"),
        (json!(7.0), "7"),
        (json!("a,b"), "a,b"),
        (json!("007"), "007"),
        (json!(true), "true"),
        (json!({"$oid": "6b07"}), "6b07"),
        (json!({"scale": 0, "value": "Bw=="}), "7"),
        (json!({"$numberLong": "7"}), "7"),
        (json!(u64::MAX), "18446744073709551615"),
    ] {
        assert_eq!(key_part(&value).as_deref(), Ok(text));
    }
    for other in [json!(null), json!(7.5), json!([7]), json!({"a": 7})] {
        assert!(key_part(&other).is_err());
    }
    let record = json!({"a": 7, "b": "x,\\y", "c": "z"});
    let record = record.as_object().unwrap();
    assert_eq!(key_of(record, &["b"]).unwrap(), "x,\\y");
    assert_eq!(key_of(record, &["a", "b", "c"]).unwrap(), "7,x\\,\\\\y,z");
    assert_eq!(
        key_of(record, &["a", "d"]).unwrap_err(),
        "it has no field `d`"
    );
}

/// A type of chrono, which reads text with `FromStr`.
#[cfg(feature = "chrono")]
#[derive(Debug, PartialEq)]
struct Chrono<T>(T);

#[cfg(feature = "chrono")]
impl<'de, T: std::str::FromStr<Err: std::fmt::Display>> Deserialize<'de> for Chrono<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

#[cfg(feature = "chrono")]
#[test]
fn chrono_reads_the_texts_of_times() {
    use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

    for count in [
        0,
        1,
        -1,
        1_000,
        1_529_507_596_945_104,
        1_529_507_596_000_000,
    ] {
        let expected = DateTime::from_timestamp_micros(count).unwrap().naive_utc();
        let text = timestamp(count, Clock::Micros).unwrap();
        assert_eq!(text, format!("{expected:?}"), "the text that chrono writes");
        is(json!(text), Chrono(expected));
        is(json!(format!("{text}Z")), Chrono(expected));
        is(
            json!(format!("{text}Z")),
            Chrono::<DateTime<Utc>>(expected.and_utc()),
        );
        is(
            json!(date(count / 100_000_000_000).unwrap()),
            Chrono(
                NaiveDate::from_ymd_opt(1970, 1, 1).unwrap()
                    + chrono::Days::new(u64::try_from(count / 100_000_000_000).unwrap_or(0)),
            ),
        );
    }
    is(
        json!("2026-09-15Z"),
        Chrono(NaiveDate::from_ymd_opt(2026, 9, 15).unwrap()),
    );
    let time = NaiveTime::from_hms_micro_opt(1, 2, 3, 4).unwrap();
    is(
        json!(time_of_day(3_723_000_004, Clock::Micros).unwrap()),
        Chrono(time),
    );
    is(json!("01:02:03.000004Z"), Chrono(time));
    assert!(field::<Chrono<NaiveDateTime>>(json!("2026-09-15T01:02:03+02:00")).is_err());
}
