//! Messages of Debezium 3.6.1 on PostgreSQL 15.

use std::collections::BTreeMap;

use super::*;

pub(super) const PLAIN: &str = include_str!("../../fixtures/debezium/plain.jsonl");
pub(super) const SCHEMAS: &str = include_str!("../../fixtures/debezium/schemas.jsonl");
pub(super) const UNWRAP: &str = include_str!("../../fixtures/debezium/unwrap.jsonl");
pub(super) const OUTBOX: &str = include_str!("../../fixtures/debezium/outbox.jsonl");

#[derive(Debug, Deserialize)]
struct Line {
    destination: String,
    key: Option<String>,
    headers: BTreeMap<String, String>,
    value: Option<String>,
}

pub(super) fn lines(file: &str) -> Vec<Sent> {
    let lines = file.lines().map(|line| {
        let line: Line = serde_json::from_str(line).unwrap();
        Sent {
            topic: line.destination,
            key: line.key,
            headers: line.headers.into_iter().collect(),
            body: line.value,
        }
    });
    lines.collect()
}

/// What a line is for the replica of its table.
#[derive(Debug, PartialEq)]
enum Read {
    Event(Op, String, i64),
    Refused(String),
    Skipped,
}

fn read(sent: &Sent, form: &impl Decode) -> Read {
    let table = sent.topic.rsplit('.').next().unwrap();
    let entities = ["tickets", "notes", "full_tickets"];
    let mut read = Read::Skipped;
    for entity in entities {
        match sent.decode_for(form, &of_entity(entity)) {
            Ok(None) => {}
            _ if entity != table => panic!("{sent:?} is read for {entity}"),
            Ok(Some(decoded)) => {
                read = Read::Event(decoded.op, decoded.key.unwrap(), decoded.version);
            }
            Err(refused) => read = Read::Refused(refused.reason().to_owned()),
        }
    }
    read
}

/// The changes that `make.sql` and `change.sql` make, without tombstones.
fn changes() -> Vec<Read> {
    let event = |op, key: &str, version| Read::Event(op, key.to_owned(), version);
    let refused = |record: &str| {
        Read::Refused(format!(
            "the deletion of {record} has no version of its own, its `before` holds defaults: set \
             REPLICA IDENTITY FULL (connector: `replica.identity.autoset.values`), or a unique index \
             over key and version as the identity"
        ))
    };
    vec![
        event(Op::Snapshot, "1", 3),
        event(Op::Snapshot, "2", 1),
        event(Op::Created, "3", 1),
        event(Op::Updated, "3", 2),
        event(Op::Updated, "3", 3),
        refused("tickets 3"),
        event(Op::Updated, "1", 4),
        event(Op::Created, "4", 1),
        event(Op::Updated, "4", 2),
        refused("tickets 4"),
        event(Op::Snapshot, "40", 3),
        event(Op::Created, "n1", 1),
        event(Op::Updated, "n1", 2),
        event(Op::Updated, "n1", 3),
        refused("notes n1"),
        event(Op::Created, "1", 1),
        event(Op::Updated, "1", 2),
        event(Op::DeletedAt, "1", 2),
    ]
}

#[test]
fn each_line_is_an_event_or_a_refusal() {
    for (file, form) in [
        (PLAIN, Debezium::new()),
        (SCHEMAS, Debezium::new()),
        (UNWRAP, Debezium::new().flattened()),
    ] {
        let (values, tombstones): (Vec<Sent>, Vec<Sent>) = lines(file)
            .into_iter()
            .partition(|sent| sent.body.is_some());
        let read_all =
            |lines: &[Sent]| -> Vec<Read> { lines.iter().map(|sent| read(sent, &form)).collect() };
        assert_eq!(read_all(&values), changes());
        assert!(
            read_all(&tombstones)
                .iter()
                .all(|read| *read == Read::Skipped)
        );
    }
}

#[test]
fn final_deletions_of_the_fixtures_need_no_version() {
    for (file, form) in [
        (PLAIN, Debezium::new()),
        (SCHEMAS, Debezium::new()),
        (UNWRAP, Debezium::new().flattened().rewrite_with_tombstone()),
    ] {
        let form = form.deletions(Deletions::Final);
        let keys: Vec<String> = lines(file)
            .iter()
            .filter_map(|sent| match read(sent, &form) {
                Read::Event(Op::DeletedForever, key, i64::MAX) => Some(key),
                Read::Event(..) | Read::Skipped => None,
                Read::Refused(reason) => panic!("{reason}"),
            })
            .collect();
        assert_eq!(keys, ["3", "4", "n1", "1"]);
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Ticket {
    id: i64,
    title: String,
    price: f64,
    seats: Option<i32>,
    sold: bool,
    opened: Option<String>,
    price_exact: Option<String>,
    tag: Option<String>,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Note {
    id: String,
    body: String,
    version: i64,
}

fn records<T: DeserializeOwned>(
    file: &str,
    form: &Debezium,
    entity: &'static str,
) -> Vec<Result<T, String>> {
    let decoded = lines(file)
        .into_iter()
        .filter_map(|sent| sent.decode_for(form, &of_entity(entity)).ok().flatten());
    decoded
        .filter_map(|decoded| Some(decoded.record?.read::<T>(entity)))
        .collect()
}

#[test]
fn the_records_are_those_of_the_owner() {
    let first = Ticket {
        id: 1,
        title: "before the snapshot".to_owned(),
        price: 10.0,
        seats: Some(5),
        sold: false,
        opened: Some("2026-11-01T10:00:00.123456Z".to_owned()),
        price_exact: Some("12.50".to_owned()),
        tag: Some("11111111-2222-3333-4444-555555555555".to_owned()),
        version: 3,
    };
    let last = Ticket {
        id: 40,
        title: "four".to_owned(),
        price: 41.0,
        seats: None,
        sold: false,
        opened: None,
        price_exact: None,
        tag: None,
        version: 3,
    };
    for (file, form) in [
        (PLAIN, Debezium::new().decimal("price_exact", 2)),
        (SCHEMAS, Debezium::new()),
        (UNWRAP, Debezium::new().flattened()),
    ] {
        let records: Vec<Ticket> = records(file, &form, "tickets")
            .into_iter()
            .collect::<Result<_, String>>()
            .unwrap();
        assert_eq!(records.len(), 9);
        assert_eq!(records[0], first);
        assert_eq!(records[2].title, "three é \"quoted\"");
        assert_eq!(records[2].price_exact.as_deref(), Some("0.10"));
        assert_eq!(records[8], last);
    }
    let undecided = records::<Ticket>(PLAIN, &Debezium::new(), "tickets");
    assert_eq!(
        undecided[0],
        Err("price_exact looks like an encoded decimal: `decimal.handling.mode=string`".to_owned())
    );
}

#[test]
fn a_value_that_was_not_in_the_log_is_refused() {
    for (file, form) in [
        (PLAIN, Debezium::new()),
        (SCHEMAS, Debezium::new()),
        (UNWRAP, Debezium::new().flattened()),
    ] {
        let records = records::<Note>(file, &form, "notes");
        let versions: Vec<Result<i64, &str>> = records
            .iter()
            .map(|read| {
                read.as_ref()
                    .map(|note| note.version)
                    .map_err(String::as_str)
            })
            .collect();
        let refused = "column body of notes n1 was not in the log (unchanged TOAST): REPLICA IDENTITY FULL, or Debezium's column reselect";
        assert_eq!(versions, [Ok(1), Err(refused), Ok(3)]);
        assert_eq!(records[0].as_ref().unwrap().body.len(), 2600);
    }
}

#[test]
fn the_outbox_is_read() {
    let read: Vec<Decoded> = lines(OUTBOX)
        .iter()
        .map(|sent| sent.decode(&DebeziumOutbox::new()))
        .collect();
    is(&read[0], Op::Created, "3", 1);
    is(&read[1], Op::Updated, "3", 2);
    is(&read[2], Op::Deleted, "3", 3);
    let mut record = read[1].record.clone().unwrap();
    let expected = json!({"id": 3, "title": "three", "price": 31, "version": 2});
    assert_eq!(record.read::<Value>("tickets"), Ok(expected));
    assert!(read[2].record.is_none());
}
