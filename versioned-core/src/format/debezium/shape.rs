//! What a message is, judged by its members.

use serde_json::{Map, Value, json};

use super::body::Body;
use crate::format::Refused;

type Object = Map<String, Value>;

/// Returns whether the message is one of those that the connector sends besides changes: a
/// heartbeat, the begin or end of a transaction, a change of the schema, a notification.
pub(super) fn is_beside_changes(body: &Object) -> bool {
    let only = |names: &[&str]| body.keys().all(|name| names.contains(&name.as_str()));
    let has = |name: &str| body.contains_key(name);
    let is_heartbeat = has("ts_ms") && only(&["ts_ms", "ts_us", "ts_ns", "serverName"]);
    let is_transaction = has("status")
        && has("id")
        && only(&[
            "status",
            "id",
            "ts_ms",
            "ts_us",
            "ts_ns",
            "event_count",
            "data_collections",
        ]);
    let is_schema_change = has("tableChanges") || (has("ddl") && has("source"));
    let is_notification = has("type")
        && (has("aggregateType") || has("aggregate_type"))
        && only(&[
            "id",
            "type",
            "aggregateType",
            "aggregate_type",
            "additionalData",
            "additional_data",
            "timestamp",
        ]);
    is_heartbeat || is_transaction || is_schema_change || is_notification
}

/// Returns whether the message is a change event that is not flattened.
pub(super) fn is_change(body: &Object) -> bool {
    let is_text = |name| body.get(name).is_some_and(Value::is_string);
    let is_object = |name| body.get(name).is_some_and(Value::is_object);
    is_text("op")
        && (is_object("source")
            || is_object("before")
            || is_object("after")
            || is_object("message"))
}

/// Returns the refusal of a message of another product.
pub(super) fn relative(body: &Object) -> Option<Refused> {
    let has = |names: &[&str]| names.iter().all(|name| body.contains_key(*name));
    let product = if has(&["database", "table", "type"]) {
        "Maxwell"
    } else if has(&["record", "action"]) {
        "Sequin"
    } else if has(&["operation", "payload"]) {
        "Conduit"
    } else {
        return None;
    };
    Some(Refused::new(format!(
        "this looks like {product}'s form, which is not read: flatten it, or implement `Decode`"
    )))
}

/// Takes a change event out of the event of CloudEvents around it.
pub(super) fn unwrap_cloud_event(body: Body) -> Result<Body, Refused> {
    let Value::Object(mut event) = body.payload else {
        return Ok(body);
    };
    let is_debezium = event.keys().any(|name| name.starts_with("iodebezium"));
    if !is_debezium || !event.contains_key("specversion") {
        return Ok(Body {
            payload: Value::Object(event),
            ..body
        });
    }
    let data = Body::unwrapped(event.remove("data").unwrap_or_default());
    let Value::Object(mut change) = data.payload else {
        return Err(Refused::new(
            "the data of the CloudEvent is no JSON: set `data.serializer.type=json`",
        ));
    };
    let extension = |name: &str| event.get(&format!("iodebezium{name}")).cloned();
    if let Some(op) = extension("op").filter(|_| !change.contains_key("op")) {
        change.insert("op".to_owned(), op);
    }
    if !change.contains_key("source") {
        let source = json!({
            "connector": extension("connector"),
            "db": extension("db"),
            "schema": extension("schema"),
            "table": extension("table"),
            "snapshot": extension("snapshot"),
        });
        change.insert("source".to_owned(), source);
    }
    Ok(Body {
        schema: data.schema,
        payload: Value::Object(change),
    })
}
