//! A message of each form, for what measures reading and writing them.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use versioned_core::format::{self, Binding, Decode, Encode, Encoded, Header, Message, PlainJson};
use versioned_core::outbox::OutboxRow;
use versioned_core::prelude::Versioned;
use versioned_core::{Event, Op};

#[allow(missing_docs, reason = "`table!` has no docs")]
mod schema {
    diesel::table! {
        tickets {
            id -> BigInt,
            title -> Text,
            price -> BigInt,
            version -> BigInt,
        }
    }
}
use schema::tickets;

/// The record of the messages.
#[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
pub struct Copy {
    id: i64,
    title: String,
    price: i64,
    version: i64,
}

/// An update.
pub fn event() -> Event<Copy> {
    let data = Copy {
        id: 7,
        title: "an evening at the opera".to_owned(),
        price: 120,
        version: 3,
    };
    Event::new(Op::Updated, "tickets", "7", 3, Some(data))
}

/// The event in an outbox.
///
/// # Panics
///
/// Never: it can be written.
pub fn row() -> OutboxRow {
    OutboxRow {
        id: 1,
        entity: "tickets".to_owned(),
        key: "7".to_owned(),
        version: 3,
        op: "updated".to_owned(),
        payload: serde_json::to_string(&event()).expect("JSON"),
        attempts: 0,
    }
}

/// A form of plain JSON that can write the event.
pub fn plain() -> PlainJson {
    PlainJson::new().on("ticket:updated", Op::Updated)
}

/// The event as a change event of Debezium, without schemas.
pub fn change() -> Encoded {
    use serde_json::json;

    let before = json!({ "id": 7, "title": "an evening at the opera", "price": 110, "version": 2 });
    let after = json!({ "id": 7, "title": "an evening at the opera", "price": 120, "version": 3 });
    let source = json!({ "version": "3.6.1.Final", "connector": "postgresql", "name": "shop",
        "ts_ms": 1_795_000_000_000_i64, "snapshot": "false", "db": "shop", "schema": "public",
        "table": "tickets", "txId": 571, "lsn": 44_667_112, "xmin": null });
    let change = json!({ "before": before, "after": after, "source": source, "transaction": null,
        "op": "u", "ts_ms": 1_795_000_000_100_i64 });
    Encoded::new(change.to_string())
}

/// The event in a form.
///
/// # Panics
///
/// When the form cannot write it.
pub fn written(form: &impl Encode) -> Encoded {
    form.encode(&row(), Binding::Nats).expect("a form")
}

/// Calls `work` with what reads the message.
///
/// # Panics
///
/// When the form cannot read it.
pub fn reading<R>(
    form: &impl Decode,
    message: &Encoded,
    work: impl FnOnce(&dyn Fn() -> Event<Copy>) -> R,
) -> R {
    let headers = message.headers.iter();
    let headers: Vec<Header<'_>> = headers
        .map(|(name, value)| Header::new(name, value.as_bytes()))
        .collect();
    let subject = message.subject.as_deref().unwrap_or("events.tickets.7");
    let message = Message::new(Binding::Nats, subject, message.body.as_deref());
    let message = message.headers(&headers);
    work(&|| {
        let event = format::read::<Copy>(form, &message).expect("a message of this form");
        event.expect("an event of this replica")
    })
}
