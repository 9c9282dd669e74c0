#![allow(
    clippy::panic,
    reason = "clippy.toml exempts what is inside a test, and not its helpers"
)]

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use versioned_derive::Versioned;

use super::*;
use crate::format::Binding;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent, gap = "park", crate = crate)]
struct Ticket {
    id: i64,
    title: String,
    version: i64,
}

/// Returns what it holds for each message.
struct Fixed(Result<Option<Decoded>, Refused>);

impl Decode for Fixed {
    fn decode(&self, _: &Message<'_>, _: &Replica) -> Result<Option<Decoded>, Refused> {
        self.0.clone()
    }
}

fn read_as_ticket(
    decoded: Result<Option<Decoded>, Refused>,
) -> Result<Option<Read<Ticket>>, Refused> {
    let message = Message::new(Binding::Nats, "tickets", None);
    read_as(Some(&Fixed(decoded)), &message)
}

fn updated(record: Value) -> Decoded {
    Decoded::new(Op::Updated, 2).record(record)
}

#[test]
fn the_key_has_one_text() {
    let deleted = Decoded::new(Op::Deleted, 2).key("007");
    let read = read_as_ticket(Ok(Some(deleted))).unwrap().unwrap();
    assert_eq!(read.event.key, "7");
    assert_eq!(read.whole.unwrap().key, "7");
    let refused = Refused::new("no").of_record("007", 2);
    let refused = read_as_ticket(Err(refused)).err().unwrap();
    assert_eq!(refused.record(), Some(("7", 2)));
    let other = Decoded::new(Op::Deleted, 2).key("x");
    let read = read_as_ticket(Ok(Some(other))).unwrap().unwrap();
    assert_eq!(read.event.key, "x", "the replica refuses it");
}

#[test]
fn a_record_without_its_key_and_version_gets_them() {
    let decoded = updated(json!({"id": "7", "title": "a"}));
    let read = read_as_ticket(Ok(Some(decoded))).unwrap().unwrap();
    assert_eq!(read.event.key, "7");
    assert_eq!(read.event.data.unwrap().version, 2);
    let whole = serde_json::to_value(read.whole.unwrap()).unwrap();
    assert_eq!(
        whole["data"],
        json!({"id": "7", "title": "a", "version": 2})
    );
    let nothing = Decoded::new(Op::Deleted, 2);
    let refused = read_as_ticket(Ok(Some(nothing))).err().unwrap();
    assert_eq!(
        refused.reason(),
        "the message has neither a key nor a record"
    );
}

#[test]
fn a_record_that_is_no_model_is_refused_with_its_facts() {
    let decoded = updated(json!({"id": 7, "title": 3})).key("7");
    let refused = read_as_ticket(Ok(Some(decoded))).err().unwrap();
    assert_eq!(
        refused.reason(),
        "tickets.title: the number 3 where text is needed: send it as text"
    );
    assert_eq!(refused.record(), Some(("7", 2)));
    assert!(read_as_ticket(Ok(None)).unwrap().is_none());
}

/// Panics at each message.
struct Panics;

impl Decode for Panics {
    fn decode(&self, _: &Message<'_>, _: &Replica) -> Result<Option<Decoded>, Refused> {
        panic!("no such layout")
    }
}

#[test]
fn a_form_that_panics_refuses_its_message() {
    let message = Message::new(Binding::Nats, "tickets", None);
    let refused = read::<Ticket>(&Panics, &message).err();
    assert_eq!(
        refused.unwrap().reason(),
        "reading it panicked: no such layout"
    );
}
