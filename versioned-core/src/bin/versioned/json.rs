//! The JSON documents. Scripts depend on their members: new ones may be added, and none changes.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use versioned_core::inspect::{Letter, Parked, PendingEvent};
use versioned_core::status::{Count, ReplicaBacklog, Status};

use crate::connection::Mode;
use crate::database::Database;
use crate::text;

/// The number of the form of the tables.
const TABLES: u64 = 1;

/// A document of a command: what is common to all, and these members.
pub(crate) fn document(name: &str, database: &Database, members: Value) -> Value {
    let mut document = json!({
        "schema": format!("versioned.{name}/1"),
        "generated_at": text::time(SystemTime::now()),
        "target": target(database),
        "tool": {"version": env!("CARGO_PKG_VERSION"), "tables": TABLES},
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut document, members) {
        all.extend(more);
    }
    document
}

fn target(database: &Database) -> Value {
    let facts = &database.facts;
    json!({
        "backend": database.target.kind.name(),
        "host": database.target.host,
        "database": database.name(),
        "schema": facts.schema,
        "role": facts.role,
        "server": facts.server,
        "read_only": facts.refuses || database.mode == Mode::Read,
    })
}

pub(crate) fn count(count: Count) -> Value {
    // The limit is one more than what is shown of it.
    let value = if count.at_least {
        count.value.saturating_sub(1)
    } else {
        count.value
    };
    json!({"value": value, "at_least": count.at_least})
}

fn seconds(age: Option<Duration>) -> Value {
    age.map_or(Value::Null, |age| json!(age.as_secs_f64()))
}

pub(crate) fn status(status: &Status, attention: &[String]) -> Value {
    let outbox = &status.outbox;
    json!({
        "outbox": {
            "pending": count(outbox.pending),
            "oldest_pending_seconds": seconds(outbox.oldest_pending),
            "rejected": count(outbox.rejected),
            "oldest_rejected_seconds": seconds(outbox.oldest_rejected),
        },
        "items": status.replicas.iter().map(replica).collect::<Vec<_>>(),
        "attention": attention,
    })
}

fn replica(replica: &ReplicaBacklog) -> Value {
    json!({
        "replica": replica.replica,
        "entity": replica.entity,
        "parked": count(replica.parked),
        "oldest_parked_seconds": seconds(replica.oldest_parked),
        "dead_letters": count(replica.dead_letters),
        "oldest_dead_letter_seconds": seconds(replica.oldest_dead_letter),
    })
}

pub(crate) fn pending(event: &PendingEvent) -> Value {
    json!({
        "id": event.id.to_string(),
        "entity": event.entity,
        "record": event.key,
        "version": event.version,
        "operation": event.op,
        "written_at": text::time(event.at),
        "attempts": event.attempts,
        "retry_at": event.retry_at.map(text::time),
        "error": event.reason,
    })
}

pub(crate) fn parked(record: &Parked) -> Value {
    json!({
        "replica": record.replica,
        "entity": record.entity,
        "record": record.key,
        "version": record.current,
        "first_parked_version": record.received,
        "events": record.events,
        "since": text::time(record.since),
        "error": record.reason,
        "dead_letter": record.letter.map(|id| id.to_string()),
    })
}

pub(crate) fn letter(letter: &Letter) -> Value {
    let record = letter.record.as_ref();
    json!({
        "id": letter.id.to_string(),
        "replica": letter.replica,
        "entity": letter.entity,
        "record": record.map(|(key, _)| key),
        "version": record.map(|(_, version)| version),
        "message": letter.source,
        "subject": letter.subject,
        "error": letter.reason,
        "attempts": letter.attempts,
        "first_at": text::time(letter.first_at),
        "last_at": text::time(letter.last_at),
        "blocks_parked": letter.blocks_parked,
        "blocks_letters": letter.blocks_letters,
    })
}
