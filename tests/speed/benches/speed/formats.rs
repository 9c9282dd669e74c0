//! Reading and writing a message of each form, against `serde_json` alone.

use std::hint::black_box;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use versioned_core::format::{
    self, Binding, CloudEvents, Debezium, Decode, Encode, Encoded, Header, Message, Ours, PlainJson,
};
use versioned_core::outbox::OutboxRow;
use versioned_core::{Event, Op};

use crate::report::{Subject, Suite};
use crate::tickets::tickets;
use crate::turns::{Candidate, Work, take_turns};

const READ: &str = "read a message";
const WRITE: &str = "write a message";
const PLACE: &str = "in memory";
const ROUNDS: usize = 41;

#[derive(
    Debug, Clone, Queryable, Selectable, Serialize, Deserialize, versioned_core::Versioned,
)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
struct Copy {
    id: i64,
    title: String,
    price: i64,
    version: i64,
}

fn event() -> Event<Copy> {
    let data = Copy {
        id: 7,
        title: "an evening at the opera".to_owned(),
        price: 120,
        version: 3,
    };
    Event::new(Op::Updated, "tickets", "7", 3, Some(data))
}

fn row() -> OutboxRow {
    OutboxRow {
        id: 1,
        entity: "tickets".to_owned(),
        key: "7".to_owned(),
        version: 3,
        op: "updated".to_owned(),
        payload: serde_json::to_string(&event()).unwrap(),
        attempts: 0,
    }
}

fn plain() -> PlainJson {
    PlainJson::new().on("ticket:updated", Op::Updated)
}

pub(crate) fn run(suite: &mut Suite) {
    if suite.wants(READ, PLACE) {
        read(suite);
    }
    if suite.wants(WRITE, PLACE) {
        write(suite);
    }
}

fn read(suite: &mut Suite) {
    let payload = row().payload;
    let alone = move || {
        let event: Event<Copy> = serde_json::from_slice(payload.as_bytes()).unwrap();
        black_box(event);
    };
    let mut candidates: [Candidate<'_>; 6] = [
        ("versioned", reading(Ours, Encoded::new(row().payload))),
        (
            "CloudEvents, structured",
            reading_cloudevents(CloudEvents::new()),
        ),
        (
            "CloudEvents, binary",
            reading_cloudevents(CloudEvents::new().binary()),
        ),
        (
            "plain JSON",
            reading(plain(), plain().encode(&row(), Binding::Nats).unwrap()),
        ),
        ("Debezium", reading(Debezium::new(), Encoded::new(change()))),
        ("serde_json alone", Box::new(alone)),
    ];
    let measured = take_turns(ROUNDS, &mut candidates);
    suite.add(Subject::new(READ, PLACE, measured));
}

/// A change event of Debezium, without schemas.
fn change() -> String {
    let before = json!({ "id": 7, "title": "an evening at the opera", "price": 110, "version": 2 });
    let after = json!({ "id": 7, "title": "an evening at the opera", "price": 120, "version": 3 });
    let source = json!({ "version": "3.6.1.Final", "connector": "postgresql", "name": "shop",
        "ts_ms": 1_795_000_000_000_i64, "snapshot": "false", "db": "shop", "schema": "public",
        "table": "tickets", "txId": 571, "lsn": 44_667_112, "xmin": null });
    json!({ "before": before, "after": after, "source": source, "transaction": null, "op": "u",
        "ts_ms": 1_795_000_000_100_i64 })
    .to_string()
}

fn reading_cloudevents(form: CloudEvents) -> Box<dyn Work> {
    let message = form.encode(&row(), Binding::Nats).unwrap();
    reading(form, message)
}

fn reading(form: impl Decode + 'static, message: Encoded) -> Box<dyn Work> {
    Box::new(move || {
        let headers = message.headers.iter();
        let headers: Vec<Header<'_>> = headers
            .map(|(name, value)| Header::new(name, value.as_bytes()))
            .collect();
        let subject = message.subject.as_deref().unwrap_or("events.tickets.7");
        let message = Message::new(Binding::Nats, subject, message.body.as_deref());
        let event = format::read::<Copy>(&form, &message.headers(&headers));
        black_box(event.unwrap().unwrap());
    })
}

fn write(suite: &mut Suite) {
    let event = event();
    let alone = move || {
        black_box(serde_json::to_vec(&event).unwrap());
    };
    let mut candidates: [Candidate<'_>; 5] = [
        ("versioned", writing(Ours)),
        ("CloudEvents, structured", writing(CloudEvents::new())),
        ("CloudEvents, binary", writing(CloudEvents::new().binary())),
        ("plain JSON", writing(plain())),
        ("serde_json alone", Box::new(alone)),
    ];
    let measured = take_turns(ROUNDS, &mut candidates);
    suite.add(Subject::new(WRITE, PLACE, measured));
}

fn writing(form: impl Encode + 'static) -> Box<dyn Work> {
    let row = row();
    Box::new(move || {
        black_box(form.encode(&row, Binding::Nats).unwrap());
    })
}
