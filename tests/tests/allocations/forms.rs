//! What reading and writing a message of each form allocates, as the tables of `tests/speed` have it.

use std::fmt::Write as _;
use std::hint::black_box;
use std::{env, fs};

use allocation_counter::measure;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use versioned_core::format::{
    self, Binding, CloudEvents, Debezium, Decode, Encode, Encoded, Header, Message, Ours, PlainJson,
};
use versioned_core::outbox::OutboxRow;
use versioned_core::prelude::Versioned;
use versioned_core::{Event, Op};

use super::tickets;

#[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
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

/// The allocations of `work`, when it was done before.
fn allocations(work: impl Fn()) -> u64 {
    work();
    measure(work).count_total
}

fn reading(form: &impl Decode, message: &Encoded) -> u64 {
    let headers = message.headers.iter();
    let headers: Vec<Header<'_>> = headers
        .map(|(name, value)| Header::new(name, value.as_bytes()))
        .collect();
    let subject = message.subject.as_deref().unwrap_or("events.tickets.7");
    let message = Message::new(Binding::Nats, subject, message.body.as_deref());
    let message = message.headers(&headers);
    allocations(|| {
        let event = format::read::<Copy>(form, &message).unwrap();
        black_box(event.unwrap());
    })
}

fn writing(form: &impl Encode) -> u64 {
    let row = row();
    allocations(|| {
        black_box(form.encode(&row, Binding::Nats).unwrap());
    })
}

fn both<F: Decode + Encode>(form: &F) -> (u64, Option<u64>) {
    let message = form.encode(&row(), Binding::Nats).unwrap();
    (reading(form, &message), Some(writing(form)))
}

const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/speed/RESULTS.md");
const START: &str = "<!-- allocations -->\n";
const END: &str = "<!-- /allocations -->\n";

#[test]
fn the_allocations_of_each_form_are_in_the_tables() {
    let payload = row().payload;
    let alone = (
        allocations(|| {
            let event: Event<Copy> = serde_json::from_slice(payload.as_bytes()).unwrap();
            black_box(event);
        }),
        Some(
            allocations(|| {
                black_box(serde_json::to_vec(&event()).unwrap());
            }) - allocations(|| {
                black_box(event());
            }),
        ),
    );
    let plain = PlainJson::new().on("ticket:updated", Op::Updated);
    let counts = [
        ("versioned", both(&Ours)),
        ("plain JSON", both(&plain)),
        ("CloudEvents, binary", both(&CloudEvents::new().binary())),
        ("CloudEvents, structured", both(&CloudEvents::new())),
        (
            "Debezium",
            (reading(&Debezium::new(), &Encoded::new(change())), None),
        ),
        ("serde_json alone", alone),
    ];
    let mut table =
        "| form | allocations to read a message | to write one |\n| --- | --: | --: |\n".to_owned();
    for (form, (read, written)) in counts {
        let written = written.map_or("-".to_owned(), |count| count.to_string());
        writeln!(table, "| {form} | {read} | {written} |").unwrap();
    }
    let text = fs::read_to_string(RESULTS).unwrap();
    let (before, rest) = text.split_once(START).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(RESULTS, format!("{before}{START}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, table, "run it once with UPDATE_SNAPSHOTS=1");
}
