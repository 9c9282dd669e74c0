//! Change events, with the rows before and after the change, and flattened ones.

use serde_json::{Map, Value, json};

use super::row::{Reading, Row};
use super::{Body, Debezium, Flattened, shape};
use crate::event::Op;
use crate::format::value::{Checks, moment};
use crate::format::{Decoded, Message, Record, Refused, Replica};

type Object = Map<String, Value>;

/// What an event says besides its row.
#[derive(Debug, Default)]
struct Facts {
    op: String,
    at: String,
    metadata: Option<Value>,
    has_schema: bool,
}

impl Debezium {
    /// Reads a message without a value: what follows a deletion, or the deletion itself.
    pub(super) fn without_value(
        &self,
        message: &Message<'_>,
        replica: &Replica,
    ) -> Result<Option<Decoded>, Refused> {
        match &self.flattened {
            Some(flattened) if !flattened.repeats_deletions => {
                if !self.reads_topic(replica.entity, message.subject) {
                    return Ok(None);
                }
                let reading = self.reading(replica, "");
                reading.tombstone(message).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Reads a message with a value. `schemas` has the schema of the fields.
    pub(super) fn with_fields(
        &self,
        message: &Message<'_>,
        replica: &Replica,
        fields: Object,
        schemas: &Body,
    ) -> Result<Option<Decoded>, Refused> {
        if shape::is_beside_changes(&fields) {
            return Ok(None);
        }
        if shape::is_change(&fields, self.flattened.is_some()) {
            return self.change(message, replica, fields, schemas);
        }
        if let Some(flattened) = &self.flattened {
            return self.row(message, replica, fields, schemas, flattened);
        }
        Err(shape::relative(&fields).unwrap_or_else(|| {
            Refused::new(
                "this is no change event of Debezium: if it is flattened \
                 (`ExtractNewRecordState`), say so with `flattened`",
            )
        }))
    }

    /// Reads a change event with `before`, `after`, `op` and `source`.
    fn change(
        &self,
        message: &Message<'_>,
        replica: &Replica,
        mut event: Object,
        schemas: &Body,
    ) -> Result<Option<Decoded>, Refused> {
        let source = event.remove("source").unwrap_or_default();
        let of_source = |name: &str| source.get(name).and_then(Value::as_str);
        let op = event
            .get("op")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if op == "m" {
            return Ok(None);
        }
        let is_read = match of_source("table") {
            Some(table) => self.reads(
                replica.entity,
                table,
                [of_source("schema"), of_source("db")],
            ),
            None => self.reads_topic(replica.entity, message.subject),
        };
        if !is_read {
            return Ok(None);
        }
        let reading = self.reading(replica, of_source("connector").unwrap_or_default());
        let mut row = |name: &str| match event.remove(name) {
            Some(Value::Object(fields)) => {
                let schema = schemas.schema_of(name);
                Ok((Row::new(fields, schema, self), schema))
            }
            _ => Err(Refused::new(format!(
                "the event `{op}` of {} has no `{name}`",
                replica.entity
            ))),
        };
        let facts = Facts {
            op: op.clone(),
            at: millis(source.get("ts_ms")).unwrap_or_default(),
            metadata: (op == "r").then(|| of_snapshot(&source)),
            has_schema: schemas.schema.is_some(),
        };
        let decoded = match op.as_str() {
            "d" => {
                let (before, schema) = row("before")?;
                Decoded {
                    at: facts.at,
                    ..reading.deletion(message, &before, schema)?
                }
            }
            "r" | "c" | "u" => reading.whole_row(message, row("after")?.0, facts)?,
            "t" => {
                return Err(Refused::new(format!(
                    "{} was truncated at its owner: rebuild this replica",
                    replica.entity
                )));
            }
            other => return Err(unknown_op(other, replica)),
        };
        Ok(Some(traced(decoded, message)))
    }

    /// Reads a flattened row.
    fn row(
        &self,
        message: &Message<'_>,
        replica: &Replica,
        fields: Object,
        schemas: &Body,
        flattened: &Flattened,
    ) -> Result<Option<Decoded>, Refused> {
        let added = |name: &str| fields.get(&format!("{}{name}", flattened.prefix));
        let added_text = |name: &str| added(name).and_then(Value::as_str);
        let is_read = match added_text("table").or_else(|| added_text("source_table")) {
            Some(table) => self.reads(
                replica.entity,
                table,
                [
                    added_text("schema").or_else(|| added_text("source_schema")),
                    added_text("db").or_else(|| added_text("source_db")),
                ],
            ),
            None => self.reads_topic(replica.entity, message.subject),
        };
        if !is_read {
            return Ok(None);
        }
        let connector = added_text("connector").or_else(|| added_text("source_connector"));
        let connector = connector.unwrap_or_default().to_owned();
        let reading = self.reading(replica, &connector);
        // A table may have a column of this name, and not a header.
        let header = Body::of_header(message, &format!("{}op", flattened.prefix))
            .or_else(|| Body::of_header(message, "__op"));
        let op = header
            .as_ref()
            .and_then(Value::as_str)
            .or_else(|| added_text("op"));
        let is_deleted = match added("deleted") {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        let facts = Facts {
            op: if is_deleted {
                "d"
            } else {
                op.unwrap_or_default()
            }
            .to_owned(),
            at: millis(added("source_ts_ms").or_else(|| added("ts_ms"))).unwrap_or_default(),
            metadata: None,
            has_schema: schemas.schema.is_some(),
        };
        let lacks = |name: &str| !fields.contains_key(name);
        if lacks(reading.version_name()) || reading.key_names().into_iter().any(lacks) {
            if let Some(refused) = shape::relative(&fields) {
                return Err(refused);
            }
        }
        let schema = schemas.schema.as_ref();
        let row = Row::new(fields, schema, self);
        let decoded = match facts.op.as_str() {
            "d" => Decoded {
                at: facts.at,
                ..reading.deletion(message, &row, schema)?
            },
            "" if replica.is_sequential && !self.are_snapshots => {
                return Err(Refused::new("flattened messages need `add.fields=op`"));
            }
            "" | "r" | "c" | "u" => reading.whole_row(message, row, facts)?,
            other => return Err(unknown_op(other, replica)),
        };
        Ok(Some(traced(decoded, message)))
    }

    pub(super) fn reading<'r>(&'r self, replica: &'r Replica, connector: &'r str) -> Reading<'r> {
        Reading {
            form: self,
            replica,
            connector,
        }
    }
}

impl Reading<'_> {
    /// Reads the row after a change.
    fn whole_row(&self, message: &Message<'_>, row: Row, facts: Facts) -> Result<Decoded, Refused> {
        let key = self.key(&row)?;
        self.check_key(message, &key)?;
        let version = self.version(&row)?;
        let is_moved = || message.header("__debezium.oldkey").is_some();
        let op = match facts.op.as_str() {
            "r" => Op::Snapshot,
            "c" if self.form.are_snapshots || version > self.replica.first || is_moved() => {
                Op::Snapshot
            }
            "c" => Op::Created,
            _ if self.form.are_snapshots => Op::Snapshot,
            _ => Op::Updated,
        };
        let checks = Checks {
            subject: format!("{} {key}", self.replica.entity),
            markers: Some(self.form.markers.clone()),
            unreadable: row.unreadable,
            bare_number: (!facts.has_schema).then_some("switch schemas on or name its unit"),
            encoded_decimals: (!facts.has_schema).then(|| self.form.texts.clone()),
            absent_lists: false,
            json_in_text: true,
        };
        let fields = self.with_names_of_replica(row.fields, version);
        let record = Record::from(Value::Object(fields)).checked(checks);
        Ok(Decoded {
            at: facts.at,
            metadata: facts.metadata,
            ..Decoded::new(op, version).key(key).record(record)
        })
    }
}

/// Returns what all rows of a snapshot have in common.
fn of_snapshot(source: &Value) -> Value {
    json!({
        "snapshot": source.get("snapshot"),
        "lsn": source.get("lsn"),
        "ts_ms": source.get("ts_ms"),
    })
}

fn unknown_op(op: &str, replica: &Replica) -> Refused {
    Refused::new(format!(
        "`{op}` of {} is no operation of Debezium",
        replica.entity
    ))
}

fn millis(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_i64).and_then(moment)
}

/// Adds the trace in the headers.
fn traced(decoded: Decoded, message: &Message<'_>) -> Decoded {
    let header = Body::of_header(message, "traceparent");
    Decoded {
        trace: header.and_then(|value| value.as_str().map(str::to_owned)),
        ..decoded
    }
}
