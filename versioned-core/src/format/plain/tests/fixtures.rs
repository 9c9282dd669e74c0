//! Messages of mongoose with its plugin.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::PlainJson;
use crate::event::Op;
use crate::format::testing::{Sent, data};

const MESSAGES: &str = include_str!("../../fixtures/mongoose/messages.jsonl");
const RECORDS: &str = include_str!("../../fixtures/mongoose/records.jsonl");

pub(super) fn form() -> PlainJson {
    PlainJson::new()
        .on("ticket.created", Op::Created)
        .on("ticket.updated", Op::Updated)
}

pub(super) fn messages() -> Vec<Sent> {
    let message = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        Sent::on(
            line["subject"].as_str().unwrap(),
            line["data"].as_str().unwrap(),
        )
    };
    MESSAGES.lines().map(message).collect()
}

#[test]
fn each_message_is_the_record_after_the_change() {
    for sent in messages() {
        let read = sent.read(&form());
        let sent_record: Value = serde_json::from_slice(sent.body.as_ref().unwrap()).unwrap();
        let record = data(&read);
        assert_eq!(record, sent_record);
        assert_eq!(record["version"], read.version);
        let op = if sent.subject == "ticket.created" {
            Op::Created
        } else {
            Op::Updated
        };
        assert_eq!((read.op, read.version == 0), (op, op == Op::Created));
        assert_eq!((read.key, read.at.as_str()), (None, ""));
    }
}

#[test]
fn the_newest_versions_are_the_records_of_the_owner() {
    let mut newest: BTreeMap<String, (i64, Value)> = BTreeMap::new();
    for sent in messages() {
        let read = sent.read(&form());
        let record = data(&read);
        let id = record["id"].as_str().unwrap().to_owned();
        let (version, newest) = newest.entry(id).or_insert((-1, Value::Null));
        assert!(read.version <= *version + 1, "a hole");
        if read.version > *version {
            (*version, *newest) = (read.version, record);
        }
    }
    let records: Vec<Value> = RECORDS
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let newest: Vec<Value> = newest.into_values().map(|(_, record)| record).collect();
    assert_eq!(newest, records);
}
