//! Rows D23 to D26: the outbox event router.

use super::*;

fn ticket() -> Value {
    json!({"id": 3, "title": "three", "version": 1})
}

fn placed(body: &str) -> Sent {
    Sent::text(body)
        .topic("outbox.event.tickets")
        .key(&json!("3"))
        .header("version", "1")
        .header("eventType", "\"TicketCreated\"")
}

#[test]
fn d23_a_payload_has_five_shapes() {
    let object = ticket().to_string();
    let text = json!(object).to_string();
    let in_envelope = with_schema(&json!([]), &ticket()).to_string();
    let text_in_envelope = json!({"schema": {"type": "string"}, "payload": object}).to_string();
    for body in [object, text, in_envelope, text_in_envelope] {
        let mut decoded = placed(&body).decode(&DebeziumOutbox::new());
        is(&decoded, Op::Created, "3", 1);
        let record: Value = decoded.record.take().unwrap().read("tickets").unwrap();
        assert_eq!(record, ticket());
    }
    let form = DebeziumOutbox::new().envelope();
    for payload in [ticket(), json!(ticket().to_string())] {
        let body = json!({"payload": payload, "eventType": "TicketCreated", "version": 1});
        let sent = Sent::new(&body)
            .topic("outbox.event.tickets")
            .key(&json!("3"));
        is(&sent.decode(&form), Op::Created, "3", 1);
        // The members are placed, and no record.
        let told = sent.decode_for(&DebeziumOutbox::new(), &tickets());
        assert!(
            told.unwrap()
                .unwrap()
                .record
                .unwrap()
                .read::<Ticket>("tickets")
                .is_err()
        );
    }
    let twice = json!(json!(ticket().to_string()).to_string()).to_string();
    assert_eq!(
        placed(&twice).refusal(&DebeziumOutbox::new()),
        "the payload is text with JSON that is text again: send it once"
    );
    assert_eq!(
        placed("[1]").refusal(&DebeziumOutbox::new()),
        "the payload is no JSON object"
    );
    assert!(
        placed("\"{\"")
            .refusal(&DebeziumOutbox::new())
            .starts_with("the payload is no JSON: ")
    );
}

#[derive(Debug, Deserialize, PartialEq)]
struct Ticket {
    id: i64,
    seats: Option<i64>,
    tags: Vec<String>,
    version: i64,
}

#[test]
fn d24_what_expansion_drops_is_null_or_empty() {
    let body = json!({"id": 3, "version": 2}).to_string();
    let sent = Sent::text(&body)
        .topic("outbox.event.tickets")
        .key(&json!("3"))
        .header("version", "2")
        .header("eventType", "TicketUpdated");
    let mut record = sent.decode(&DebeziumOutbox::new()).record.unwrap();
    let expected = Ticket {
        id: 3,
        seats: None,
        tags: Vec::new(),
        version: 2,
    };
    assert_eq!(record.read::<Ticket>("tickets"), Ok(expected));
    // What is kept of it is read in the same way.
    assert_eq!(
        serde_json::to_value(&record).unwrap(),
        json!({"id": 3, "version": 2, "tags": []})
    );
}

#[test]
fn d25_the_version_is_placed_in_a_header() {
    let form = DebeziumOutbox::new();
    let sent = |version: &str, event_type: &str, key: &str| Sent {
        key: Some(key.to_owned()),
        ..Sent::text("{\"id\":3,\"version\":3}")
            .topic("outbox.event.tickets")
            .header("version", version)
            .header("eventType", event_type)
    };
    let enveloped = r#"{"schema":{"type":"int64"},"payload":3}"#;
    for version in ["3", "\"3\"", enveloped] {
        for event_type in ["TicketUpdated", "\"TicketUpdated\""] {
            for key in ["3", "\"3\"", enveloped] {
                let decoded = sent(version, event_type, key).decode(&form);
                is(&decoded, Op::Updated, "3", 3);
            }
        }
    }
    assert_eq!(
        sent("4", "TicketUpdated", "3").refusal(&form),
        "the version of tickets is 4 in the outbox, and 3 in the payload: write the same version \
         into both"
    );
    assert_eq!(
        sent("x", "TicketUpdated", "3").refusal(&form),
        "the version of tickets: \"x\" is no version"
    );
    assert_eq!(
        sent("3", "TicketUpdated", "4").refusal(&form),
        "the key of the message is 4, and that of the payload is 3: `aggregateid` must be the key \
         of the record"
    );
}

#[test]
fn d25_a_key_is_text_even_if_it_looks_like_another_number() {
    let replica = tickets();
    for id in [
        "5e10",
        "1.50",
        "007",
        "123456789012345678901234567890",
        "true",
        "default",
        "a b",
    ] {
        for key in [id.to_owned(), json!(id).to_string()] {
            let sent = Sent {
                key: Some(key),
                ..Sent::new(&json!({"id": id, "version": 3}))
                    .topic("outbox.event.tickets")
                    .header("version", "0003")
            };
            let decoded = sent
                .decode_for(&DebeziumOutbox::new(), &replica)
                .unwrap()
                .unwrap();
            is(&decoded, Op::Updated, id, 3);
        }
    }
}

#[test]
fn d25_without_a_header_the_version_is_that_of_the_payload() {
    let form = DebeziumOutbox::new();
    let sent = |body: &str| {
        Sent::text(body)
            .topic("outbox.event.tickets")
            .key(&json!("3"))
    };
    is(
        &sent("{\"id\":3,\"version\":3}").decode(&form),
        Op::Updated,
        "3",
        3,
    );
    assert_eq!(
        sent("{\"id\":3}").refusal(&form),
        "an event of tickets without a version: place it: \
         `table.fields.additional.placement=version:header,type:header:eventType`"
    );
    let named = form.version("v").event_type("t");
    let body = sent("{\"id\":3}")
        .header("v", "7")
        .header("t", "TicketCreated");
    is(&body.decode(&named), Op::Created, "3", 7);
}

#[test]
fn d26_an_event_without_a_payload_is_a_deletion_if_its_type_says_so() {
    let form = DebeziumOutbox::new();
    let enveloped = r#"{"schema":{"type":"string"},"payload":null}"#;
    let shapes = ["null", "", " ", "\"\"", "\" \"", "default", enveloped].map(Sent::text);
    for shape in shapes.into_iter().chain([Sent::tombstone()]) {
        let sent = shape
            .topic("outbox.event.tickets")
            .key(&json!("3"))
            .header("version", "3");
        let deleted = sent.clone().header("eventType", "TicketDeleted");
        is(&deleted.decode(&form), Op::Deleted, "3", 3);
        let updated = sent.clone().header("eventType", "TicketUpdated");
        let refused = updated.decode_for(&form, &tickets()).unwrap_err();
        assert_eq!(
            refused.reason(),
            "TicketUpdated of tickets 3 has no payload"
        );
        assert_eq!(refused.record(), Some(("3", 3)));
        assert_eq!(
            sent.refusal(&form),
            "an event of tickets without a payload and a type can be a deletion: place it: \
             `table.fields.additional.placement=version:header,type:header:eventType`"
        );
        let without_key = Sent {
            key: None,
            ..deleted
        };
        assert_eq!(
            without_key.refusal(&form),
            "an event of tickets without a key: its `aggregateid` must be the key of the record"
        );
    }
}

#[test]
fn types_have_operations() {
    let form = DebeziumOutbox::new()
        .operation("TicketShredded", Op::DeletedForever)
        .operation("TicketDropped", Op::Deleted)
        .skip("TicketViewed");
    let op = |event_type: &str| {
        let sent = Sent::new(&ticket())
            .topic("outbox.event.tickets")
            .key(&json!("3"))
            .header("eventType", event_type);
        let decoded = sent.decode_for(&form, &tickets()).unwrap();
        decoded.map(|decoded| (decoded.op, decoded.version))
    };
    for deleted in [
        "TicketDeleted",
        "ticket.deleted",
        "TICKET_DELETED",
        "ticket-deleted.v2",
        "Deleted",
        "ticket:deleted",
        "com.shop.TicketDeleted_V12",
        "TicketDropped",
    ] {
        assert_eq!(op(deleted), Some((Op::Deleted, 1)), "{deleted}");
    }
    for updated in [
        "TicketUpdated",
        "TicketUndeleted",
        "UNDELETED",
        "ticketdeleted",
        "",
        "é",
    ] {
        assert_eq!(op(updated), Some((Op::Updated, 1)), "{updated}");
    }
    assert_eq!(op("TicketCreated"), Some((Op::Created, 1)));
    assert_eq!(op("TicketShredded"), Some((Op::DeletedForever, i64::MAX)));
    assert_eq!(op("TicketViewed"), None);
}

#[test]
fn other_aggregates_are_skipped() {
    let of = |topic: &str| placed(&ticket().to_string()).topic(topic);
    let form = DebeziumOutbox::new();
    assert!(!of("outbox.event.tickets").is_skipped(&form));
    assert!(!of("tickets").is_skipped(&form));
    assert!(of("outbox.event.orders").is_skipped(&form));
    assert!(of("outbox.event.old-tickets").is_skipped(&form));
    let named = form.aggregate("Ticket").aggregate("shop.tickets-events");
    assert!(!of("outbox.event.Ticket").is_skipped(&named));
    assert!(!of("eu.shop.tickets-events").is_skipped(&named));
    assert!(of("outbox.event.tickets").is_skipped(&named));
}
