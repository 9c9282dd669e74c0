//! Reading and writing a message of each form, against `serde_json` alone.

use std::hint::black_box;

use versioned_core::Event;
use versioned_core::format::{Binding, CloudEvents, Debezium, Decode, Encode, Encoded, Ours};
use versioned_tests::messages::{self, Copy, change, event, plain, row, written};

use crate::report::{Subject, Suite};
use crate::turns::{Candidate, Work, take_turns};

const READ: &str = "read a message";
const WRITE: &str = "write a message";
const PLACE: &str = "in memory";
const ROUNDS: usize = 41;

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
        ("plain JSON", reading(plain(), written(&plain()))),
        ("Debezium", reading(Debezium::new(), change())),
        ("serde_json alone", Box::new(alone)),
    ];
    let measured = take_turns(ROUNDS, &mut candidates);
    suite.add(Subject::new(READ, PLACE, measured));
}

fn reading_cloudevents(form: CloudEvents) -> Box<dyn Work> {
    let message = written(&form);
    reading(form, message)
}

/// Each turn makes the list of headers once more, as a consumer does.
fn reading(form: impl Decode + 'static, message: Encoded) -> Box<dyn Work> {
    Box::new(move || {
        black_box(messages::reading(&form, &message, |read| read()));
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
