//! What reading and writing a message of each form allocates, as the tables of `tests/speed` have it.

use std::fmt::Write as _;
use std::hint::black_box;
use std::{env, fs};

use allocation_counter::measure;
use versioned_core::Event;
use versioned_core::format::{Binding, CloudEvents, Debezium, Decode, Encode, Encoded, Ours};
use versioned_tests::messages::{self, Copy, change, event, plain, row, written};

/// The allocations of `work`, when it was done before.
fn allocations(work: impl Fn()) -> u64 {
    work();
    measure(work).count_total
}

fn reading(form: &impl Decode, message: &Encoded) -> u64 {
    messages::reading(form, message, |read| {
        allocations(|| {
            black_box(read());
        })
    })
}

fn writing(form: &impl Encode) -> u64 {
    let row = row();
    allocations(|| {
        black_box(form.encode(&row, Binding::Nats).unwrap());
    })
}

fn both<F: Decode + Encode>(form: &F) -> (u64, Option<u64>) {
    (reading(form, &written(form)), Some(writing(form)))
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
    let counts = [
        ("versioned", both(&Ours)),
        ("plain JSON", both(&plain())),
        ("CloudEvents, binary", both(&CloudEvents::new().binary())),
        ("CloudEvents, structured", both(&CloudEvents::new())),
        ("Debezium", (reading(&Debezium::new(), &change()), None)),
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
