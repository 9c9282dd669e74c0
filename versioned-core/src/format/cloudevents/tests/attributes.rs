//! Attributes that are read: from headers, in any mode, of any spelling and type.

use serde_json::json;

use super::super::CloudEvents;
use crate::event::Op;
use crate::format::testing::{Sent, data, facts};
use crate::format::{Binding, DeletionVersion};

const BODY: &str = r#"{"id":7,"price":25}"#;
const WHOLE: &str = r#"{"specversion":"1.0","id":"a","source":"/t","type":"tickets.updated","subject":"7","version":"3","data":{"id":7,"price":25}}"#;

/// Returns ticket 7 at version 3 with more headers on NATS.
fn with(more: &[(&str, &str)]) -> Sent {
    let mut headers = vec![
        ("ce-specversion", "1.0"),
        ("ce-id", "a"),
        ("ce-source", "/t"),
        ("ce-type", "tickets.updated"),
        ("ce-version", "3"),
        ("content-type", "application/json"),
    ];
    for header in more {
        headers.retain(|(name, _)| name != &header.0);
    }
    headers.extend(more);
    Sent::new(Binding::Nats, &headers, BODY)
}

fn deletion_of(subject: &str, binding: Binding) -> Sent {
    let prefix = match binding {
        Binding::Kafka => "ce_",
        _ => "ce-",
    };
    let names = ["specversion", "type", "version", "subject"].map(|name| format!("{prefix}{name}"));
    let values = ["1.0", "tickets.deleted", "3", subject];
    let headers: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(values).collect();
    Sent::new(binding, &headers, "").without_body()
}

#[test]
fn t9_the_version_is_an_extension_or_a_field_and_a_sequence_only_if_told() {
    let sample = r#"{"specversion":"1.0","id":"a","source":"/t","type":"t.tickets.updated","sequence":"0005000","subject":"7","data":{"id":7,"rev":4}}"#;
    let sent = Sent::new(Binding::Nats, &[], sample);
    assert_eq!(
        sent.refusal(&CloudEvents::new()),
        "no extension `version` on t.tickets.updated 7: name the attribute or the field that carries it"
    );
    let told = CloudEvents::new().version_attribute("sequence");
    assert_eq!(sent.read(&told).version, 5000);
    let told = CloudEvents::new().version_in_data("/rev");
    assert_eq!(sent.read(&told).version, 4);
    let told = CloudEvents::new().version_in_data("/meta/rev");
    assert_eq!(
        sent.refusal(&told),
        "nothing at `/meta/rev` in the data of t.tickets.updated 7: name the attribute or the field that carries it"
    );
    // Events of one id are all read.
    for version in ["1", "2"] {
        let sent = with(&[("ce-id", "same"), ("ce-version", version)]);
        assert_eq!(sent.read(&CloudEvents::new()).version.to_string(), version);
    }
}

#[test]
fn c1_headers_are_percent_decoded_once_on_nats_and_http_and_nowhere_else() {
    let form = CloudEvents::new();
    let key = |subject: &str, binding| deletion_of(subject, binding).read(&form).key.unwrap();
    for binding in [Binding::Nats, Binding::Http] {
        assert_eq!(key("caf%C3%A9", binding), "café");
        assert_eq!(key("caf%c3%a9", binding), "café");
        assert_eq!(key("a%2520b", binding), "a%20b");
        assert_eq!(key("100%", binding), "100%");
        assert_eq!(key("%zz", binding), "%zz");
        assert_eq!(key("café", binding), "café");
        assert_eq!(key(r#""a \"b\"""#, binding), r#"a "b""#);
        assert_eq!(
            deletion_of("%ff", binding).refusal(&form),
            "the attribute `subject` is not text in UTF-8"
        );
    }
    for binding in [Binding::Kafka, Binding::Amqp] {
        assert_eq!(key("caf%C3%A9", binding), "caf%C3%A9");
        assert_eq!(key("\"a\"", binding), "\"a\"");
    }
    // The key of a record is in its data.
    assert_eq!(with(&[("ce-subject", "8")]).read(&form).key, None);
}

#[test]
fn c2_the_three_spellings_of_amqp_are_read() {
    let form = CloudEvents::new();
    for prefix in ["cloudEvents_", "cloudEvents:", "ce-", "CE-"] {
        // A native long is given as its digits.
        let names = ["specversion", "type", "version"].map(|name| format!("{prefix}{name}"));
        let values = ["1.0", "tickets.updated", "3"];
        let mut headers: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(values).collect();
        headers.push(("content_type", "application/json"));
        let sent = Sent::new(Binding::Amqp, &headers, BODY);
        assert_eq!(facts(&sent.read(&form)), (Op::Updated, 3, None));
    }
}

#[test]
fn c3_structured_events_need_no_header_and_names_may_have_capitals() {
    let form = CloudEvents::new();
    let bare = Sent::new(Binding::Nats, &[], WHOLE);
    assert_eq!(facts(&bare.read(&form)), (Op::Updated, 3, None));
    let json = Sent::new(
        Binding::Nats,
        &[("Content-Type", "application/json")],
        WHOLE,
    );
    assert_eq!(json.read(&form).version, 3);
    let capitals = [
        ("Ce-Specversion", "1.0"),
        ("Ce-Type", "tickets.updated"),
        ("Ce-Version", "3"),
        ("Ce-Datacontenttype", "application/json"),
    ];
    let binary = Sent::new(Binding::Nats, &capitals, BODY);
    assert_eq!(binary.read(&form).version, 3);
    let other = Sent::new(Binding::Nats, &[], r#"{"id":7,"type":"x","version":3}"#);
    assert!(other.refusal(&form).starts_with("it is not a CloudEvent"));
    let avro = [("content-type", "application/cloudevents+avro")];
    assert_eq!(
        Sent::new(Binding::Nats, &avro, "x").refusal(&form),
        "CloudEvents as `application/cloudevents+avro` are not read: send `application/cloudevents+json`"
    );
}

#[test]
fn c4_a_structured_body_wins_over_headers_unless_they_say_another_version() {
    let form = CloudEvents::new();
    let bare = Sent::new(Binding::Kafka, &[], WHOLE);
    assert_eq!(bare.read(&form).version, 3);
    let structured = ("content-type", "application/cloudevents+json");
    let beside = [
        ("ce_specversion", "1.0"),
        ("ce_id", "b"),
        ("ce_type", "orders.deleted"),
    ];
    for told in [vec![structured], vec![]] {
        let headers: Vec<(&str, &str)> = told.into_iter().chain(beside).collect();
        let sent = Sent::new(Binding::Kafka, &headers, WHOLE);
        let read = sent.read(&form);
        assert_eq!(facts(&read), (Op::Updated, 3, None));
        assert_eq!(data(&read)["price"], 25);
    }
    let sent = Sent::new(Binding::Kafka, &[structured, ("ce_version", "3")], WHOLE);
    assert_eq!(sent.read(&form).version, 3);
    let sent = Sent::new(Binding::Kafka, &[structured, ("ce_version", "4")], WHOLE);
    assert_eq!(
        sent.refusal(&form),
        "the body of tickets.updated 7 says version 3, but its headers say 4: send one mode"
    );
}

#[test]
fn c8_a_null_attribute_is_absent() {
    let form = CloudEvents::new();
    let sent = Sent::new(
        Binding::Nats,
        &[],
        r#"{"specversion":"1.0","id":"a","source":"/t","type":"tickets.deleted","subject":null,"version":null,"time":null}"#,
    );
    assert_eq!(
        sent.refusal(&form),
        "tickets.deleted has no version: say that ids are used once (`final`), or send one"
    );
    let sent = Sent::new(
        Binding::Nats,
        &[],
        r#"{"specversion":null,"id":null,"source":null,"type":"tickets.updated","subject":null,"version":"3","time":null,"traceparent":null,"data":{"id":7}}"#,
    );
    let read = sent.read(&form);
    assert_eq!((read.at.as_str(), read.trace), ("", None));
}

#[test]
fn c9_names_are_read_without_case_and_unknown_ones_are_ignored() {
    let sent = Sent::new(
        Binding::Kafka,
        &[
            ("CE_SpecVersion", "1.0"),
            ("ce_Type", "tickets.updated"),
            ("ce_Version", "3"),
            ("ce_iodebeziumtxId", "571"),
            ("ce_", "x"),
            ("ce_\u{fc}", "\u{fc}"),
            ("kafkaheaderceversion", "9"),
        ],
        BODY,
    );
    assert_eq!(sent.read(&CloudEvents::new()).version, 3);
    // The name is an option.
    let sent = with(&[("ce-kafkaheaderceversion", "9")]);
    let told = CloudEvents::new().version_attribute("KafkaHeaderCeVersion");
    assert_eq!(sent.read(&told).version, 9);
    // Two spellings of one name cannot disagree.
    let sent = with(&[("ce-version", "3"), ("Ce-Version", "4")]);
    assert_eq!(
        sent.refusal(&CloudEvents::new()),
        "the attribute `version` came twice, with other values"
    );
}

#[test]
fn c10_a_version_is_digits_or_a_whole_number_that_is_exact() {
    let form = CloudEvents::new();
    let sent = |version: serde_json::Value| {
        let mut event: serde_json::Value = serde_json::from_str(WHOLE).unwrap();
        event["version"] = version;
        Sent::new(Binding::Nats, &[], &event.to_string())
    };
    for (version, read) in [
        (json!("5"), 5),
        (json!("0000000005"), 5),
        (json!("08"), 8),
        (json!(5), 5),
        (json!(0), 0),
        (json!("9223372036854775807"), i64::MAX),
        (json!(9_007_199_254_740_992_i64), 1 << 53),
    ] {
        assert_eq!(sent(version).read(&form).version, read);
    }
    for version in [
        json!("5.0"),
        json!(5.7),
        json!(5.0),
        json!(-1),
        json!("-1"),
        json!("+5"),
        json!("1e3"),
        json!(" 5"),
        json!("0x5"),
        json!("v5"),
        json!("9223372036854775808"),
        json!(9_007_199_254_740_993_i64),
        json!(true),
        json!([5]),
        json!({ "long": 5 }),
    ] {
        assert_eq!(
            sent(version.clone()).refusal(&form),
            format!(
                "the extension `version` of tickets.updated 7 is {version}, which is no version: send digits"
            )
        );
    }
}

#[test]
fn c11_the_time_is_text_that_is_not_parsed() {
    for time in [
        "2026-11-18T15:13:39.4589254+02:00",
        "2026-11-18t15:13:60z",
        "yesterday",
    ] {
        assert_eq!(
            with(&[("ce-time", time)]).read(&CloudEvents::new()).at,
            time
        );
    }
    for broken in [&[][..], &[("ce-time", "%ff")]] {
        assert_eq!(with(broken).read(&CloudEvents::new()).at, "");
    }
}

#[test]
fn c12_only_version_1_of_the_specification_is_read() {
    let form = CloudEvents::new();
    let sample = r#"{"specversion":"0.3","datacontentencoding":"base64","id":"a","source":"/t","type":"tickets.updated","version":"3","data":"e30="}"#;
    let sent = Sent::new(Binding::Nats, &[], sample);
    assert_eq!(sent.refusal(&form), "specversion 0.3 is not read: send 1.0");
    for specversion in ["1.0", "1.1"] {
        let sent = with(&[("ce-specversion", specversion)]);
        assert_eq!(sent.read(&form).version, 3);
    }
    // An SDK that leaves it out means 1.0.
    let headers = [("content-type", "application/cloudevents+json")];
    let body = WHOLE.replace(r#""specversion":"1.0","#, "");
    assert_eq!(
        Sent::new(Binding::Nats, &headers, &body)
            .read(&form)
            .version,
        3
    );
}

#[test]
fn c13_a_batch_of_one_event_is_read() {
    let form = CloudEvents::new();
    let batch = ("content-type", "application/cloudevents-batch+json");
    let one = format!("[{WHOLE}]");
    for headers in [vec![batch], vec![]] {
        let sent = Sent::new(Binding::Http, &headers, &one);
        assert_eq!(sent.read(&form).version, 3);
        let sent = Sent::new(Binding::Http, &headers, &format!("[{WHOLE},{WHOLE}]"));
        assert_eq!(
            sent.refusal(&form),
            "it is a batch: send one event for each message"
        );
    }
    assert_eq!(
        Sent::new(Binding::Http, &[batch], r#"[{"specversion":"1.0"}]"#).refusal(&form),
        "it has no attribute `type`"
    );
}

#[test]
fn c14_the_type_ends_with_the_operation_and_the_subject_may_be_a_path() {
    let form = CloudEvents::new().entity("ticket").key_from_last_segment();
    let sent = Sent::new(
        Binding::Nats,
        &[
            ("ce-specversion", "1.0"),
            ("ce-type", "com.shop.ticket.deleted.v2"),
            ("ce-subject", "/tickets/7"),
            ("ce-version", "3"),
            ("ce-partitionkey", "12"),
        ],
        "",
    );
    assert_eq!(facts(&sent.read(&form)), (Op::Deleted, 3, Some("7")));
    let whole = CloudEvents::new().entity("ticket");
    assert_eq!(sent.read(&whole).key.as_deref(), Some("/tickets/7"));
    assert!(sent.is_skipped(&CloudEvents::new()), "another entity");
    let is_read = |form: &CloudEvents, name: &str| !with(&[("ce-type", name)]).is_skipped(form);
    let plain = CloudEvents::new();
    for name in [
        "Tickets.Updated",
        "com.shop.tickets.created",
        "tickets.snapshot.v10",
    ] {
        assert!(is_read(&plain, name), "{name}");
    }
    for name in [
        "tickets.archived",
        "orders.updated",
        "my-tickets.updated",
        "tickets",
        "updated",
        "tickets.updated.v",
        "tickets.updated.2",
    ] {
        assert!(!is_read(&plain, name), "{name}");
    }
    let prefixed = CloudEvents::new().type_prefix("com.shop");
    assert!(is_read(&prefixed, "com.shop.tickets.updated"));
    assert!(!is_read(&prefixed, "com.other.tickets.updated"));
    assert!(!is_read(
        &CloudEvents::new().type_prefix(""),
        "com.shop.tickets.updated"
    ));
    let named = CloudEvents::new()
        .with_type("com.shop.TicketSold", Op::Updated)
        .with_suffix("changed", Op::Updated);
    assert!(is_read(&named, "com.shop.TicketSold"));
    assert!(is_read(&named, "tickets.changed"));
}

#[test]
fn a_deletion_is_what_the_form_says() {
    let sent = deletion_of("7", Binding::Nats);
    for (deletions, op, version) in [
        (DeletionVersion::Next, Op::Deleted, 3),
        (DeletionVersion::Last, Op::DeletedAt, 3),
        (DeletionVersion::Final, Op::DeletedForever, i64::MAX),
    ] {
        let form = CloudEvents::new().deletions(deletions);
        assert_eq!(facts(&sent.read(&form)), (op, version, Some("7")));
    }
    let refuse = CloudEvents::new().deletions(DeletionVersion::Refuse);
    assert!(sent.refusal(&refuse).contains("deletions are refused"));
    let named = CloudEvents::new().with_suffix("deleted", Op::DeletedAt);
    assert_eq!(sent.read(&named).op, Op::DeletedAt);
    let mut without = sent.clone();
    without.headers.retain(|(name, _)| name != "ce-version");
    let form = CloudEvents::new().deletions(DeletionVersion::Final);
    assert_eq!(
        facts(&without.read(&form)),
        (Op::DeletedForever, i64::MAX, Some("7"))
    );
    let mut without = sent;
    without.headers.retain(|(name, _)| name != "ce-subject");
    assert_eq!(
        without.refusal(&CloudEvents::new()),
        "tickets.deleted names no record: send its key as the `subject`"
    );
}
