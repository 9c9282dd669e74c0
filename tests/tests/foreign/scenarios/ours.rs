//! What this crate writes in a form and reads back: the replica's rows are those of the owner.

use std::sync::{Arc, Mutex};

use chrono::{NaiveDate, NaiveDateTime};
use versioned_core::format::{Binding, CloudEvents, Encode, Ours, PlainJson};
use versioned_core::outbox::{OutboxRow, PublishError, Publisher, Relay};
use versioned_core::{Error, Op};

use super::*;

/// Keeps what it is to publish.
#[derive(Debug, Default)]
struct Capture(Mutex<Vec<OutboxRow>>);

impl Publisher for Capture {
    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        self.0.lock().unwrap().extend_from_slice(batch);
        batch.iter().map(|_| Ok(())).collect()
    }
}

/// Returns what waits in the outbox, in the order in which it was written.
pub(crate) fn published(conn: &mut Conn) -> Vec<OutboxRow> {
    let capture = Arc::new(Capture::default());
    let relay = Relay::new(Arc::clone(&capture)).batch(1000);
    let pass = relay.run_once(conn).unwrap();
    let rows = std::mem::take(&mut *capture.0.lock().unwrap());
    assert_eq!(pass.published, rows.len());
    rows
}

/// A form that is written and read.
trait Form: Encode + Decode {}
impl<F: Encode + Decode> Form for F {}

const BINDINGS: [Binding; 4] = [Binding::Nats, Binding::Kafka, Binding::Amqp, Binding::Http];

fn named(form: PlainJson) -> PlainJson {
    form.on("record:created", Op::Created)
        .on("record:updated", Op::Updated)
        .on("record:deleted", Op::Deleted)
        .on("record:snapshot", Op::Snapshot)
        .creations_at_any_version()
}

/// A form with its name and a binding.
type Written = (String, Arc<dyn Form>, Binding);

/// The forms, each with its bindings.
fn forms() -> Vec<Written> {
    let mut forms: Vec<Written> = Vec::new();
    let mut add = |name: &str, form: Arc<dyn Form>, binding| {
        forms.push((format!("{name} on {binding:?}"), form, binding));
    };
    let binary = CloudEvents::new().binary();
    for binding in BINDINGS {
        add("structured", Arc::new(CloudEvents::new()), binding);
        add("binary", Arc::new(binary.clone()), binding);
    }
    let mixed = binary.structured_deletions();
    add("mixed", Arc::new(mixed), Binding::Kafka);
    add("ours", Arc::new(Ours), Binding::Amqp);
    let mut add = |name: &str, form: PlainJson| {
        forms.push((name.to_owned(), Arc::new(named(form)), Binding::Nats));
    };
    add("subject", PlainJson::new());
    add("header", PlainJson::new().operation_in_header("operation"));
    add(
        "fields",
        PlainJson::new()
            .operation_at("/event/name")
            .record_at("/payload")
            .version("/event/version"),
    );
    add("nest", PlainJson::new().nest());
    add("text", PlainJson::new().large_integers_as_text());
    add("no nulls", PlainJson::new().skip_nulls());
    forms
}

/// Writes the events of an outbox in each form, and reads them into a replica in another database.
/// Afterwards it has these rows.
pub(crate) fn read_back<M, R>(
    outbox: &[OutboxRow],
    table: (&str, &str),
    rows: impl Fn(&mut Conn) -> Vec<R>,
    expected: &[R],
) where
    M: Replica,
    R: std::fmt::Debug + PartialEq,
{
    read_back_as::<M, R>(forms(), outbox, table, rows, expected);
}

fn read_back_as<M, R>(
    forms: impl IntoIterator<Item = Written>,
    outbox: &[OutboxRow],
    (ddl, table): (&str, &str),
    rows: impl Fn(&mut Conn) -> Vec<R>,
    expected: &[R],
) where
    M: Replica,
    R: std::fmt::Debug + PartialEq,
{
    let (_db, mut conn) = database(ddl);
    for (name, form, binding) in forms {
        let sent: Vec<Sent> = outbox
            .iter()
            .map(|row| {
                let encoded = form.encode(row, binding).unwrap();
                let key = (binding == Binding::Kafka).then(|| row.key.clone().into_bytes());
                Sent {
                    key,
                    ..Sent::of(encoded, binding)
                }
            })
            .collect();
        let read = read_all::<M>(&sent, &*form);
        let mut in_batches = deliveries(sent.len());
        in_batches.retain(|delivery| delivery.batch.is_some());
        for delivery in in_batches.iter().step_by(2) {
            empty(table, &mut conn);
            let left = deliver(delivery, &read, &mut conn);
            assert_eq!(left, Left::default(), "{name}: {}", delivery.name);
            assert_eq!(rows(&mut conn), expected, "{name}: {}", delivery.name);
        }
    }
}

/// A row of an outbox with this event.
fn row_of<T: Serialize>(event: &Event<T>) -> OutboxRow {
    OutboxRow {
        id: 1,
        entity: event.entity.clone().into_owned(),
        key: event.key.clone(),
        version: event.version,
        op: event.op.to_string(),
        payload: serde_json::to_string(event).unwrap(),
        attempts: 0,
    }
}

diesel::table! {
    records {
        id -> BigInt,
        flag -> Bool,
        small -> SmallInt,
        number -> Integer,
        large -> BigInt,
        maybe_large -> Nullable<BigInt>,
        #[sql_name = "double_"]
        double -> Double,
        #[sql_name = "float_"]
        float -> Float,
        content -> VarChar,
        maybe_content -> Nullable<VarChar>,
        #[sql_name = "blob_"]
        blob -> Binary,
        day -> Date,
        clock -> Time,
        moment -> Timestamp,
        maybe_moment -> Nullable<Timestamp>,
        version -> BigInt,
    }
}

fn records_table() -> String {
    let (float, blob, time) = match NAME {
        "sqlite" => ("FLOAT", "BLOB", "TIME"),
        "postgres" => ("REAL", "BYTEA", "TIME"),
        _ => ("FLOAT", "LONGBLOB", "TIME(6)"),
    };
    format!(
        "CREATE TABLE records (
            id BIGINT PRIMARY KEY,
            flag BOOLEAN NOT NULL,
            small SMALLINT NOT NULL,
            number INTEGER NOT NULL,
            large BIGINT NOT NULL,
            maybe_large BIGINT,
            double_ DOUBLE PRECISION NOT NULL,
            float_ {float} NOT NULL,
            content VARCHAR(300) NOT NULL,
            maybe_content VARCHAR(300),
            blob_ {blob} NOT NULL,
            day DATE NOT NULL,
            clock {time} NOT NULL,
            moment {timestamp} NOT NULL,
            maybe_moment {timestamp},
            version BIGINT NOT NULL
        )",
        timestamp = timestamp(),
    )
}

macro_rules! records {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = records)]
        #[versioned($($keys)*)]
        struct $name {
            id: i64,
            flag: bool,
            small: i16,
            number: i32,
            large: i64,
            maybe_large: Option<i64>,
            double: f64,
            float: f32,
            content: String,
            maybe_content: Option<String>,
            blob: Vec<u8>,
            day: NaiveDate,
            clock: chrono::NaiveTime,
            moment: NaiveDateTime,
            maybe_moment: Option<NaiveDateTime>,
            version: i64,
        }
    )*};
}

records! {
    Record(owner, outbox, entity = "record");
    Copied(dependent, entity = "record");
    CopiedLatest(dependent, entity = "record", policy = "latest");
}

fn record(id: i64) -> Record {
    let day = NaiveDate::from_ymd_opt(2026, 2, 28).unwrap();
    let moment = day.and_hms_micro_opt(23, 59, 59, 123_456).unwrap();
    Record {
        id,
        flag: true,
        small: i16::MIN,
        number: i32::MAX,
        large: i64::MAX,
        maybe_large: Some(i64::MIN),
        double: 0.1 + 0.2,
        float: 0.1,
        content: "\"é\" 日本 \\ % 😀 \n\t{}".to_owned(),
        maybe_content: Some(String::new()),
        blob: vec![0, 255, 128, 34, 92],
        day,
        clock: moment.time(),
        moment,
        maybe_moment: Some(moment),
        version: 0,
    }
}

/// With the least and the other values.
fn other(record: &Record) -> Record {
    let day = NaiveDate::from_ymd_opt(1999, 12, 31).unwrap();
    let moment = day.and_hms_opt(0, 0, 0).unwrap();
    Record {
        flag: false,
        small: -1,
        number: i32::MIN,
        large: (1 << 53) + 1,
        maybe_large: None,
        double: -1.5e300,
        float: 3.402_823_5e38,
        content: "{\"id\":1}".to_owned(),
        maybe_content: None,
        blob: Vec::new(),
        day,
        clock: moment.time(),
        moment,
        maybe_moment: None,
        id: record.id,
        version: record.version,
    }
}

fn record_rows(conn: &mut Conn) -> Vec<Record> {
    let table = records::table.order(records::id);
    table.select(Record::as_select()).load(conn).unwrap()
}

#[test]
fn columns_of_each_type() {
    let (_db, mut conn) = database(&records_table());
    let conn = &mut conn;
    for id in [i64::MIN + 1, -7, 7, (1 << 53) + 1, i64::MAX] {
        let mut model = record(id);
        model.insert(conn).unwrap();
        if id != 7 {
            model = other(&model);
            model.save(conn).unwrap();
        }
        if id < 0 {
            model.delete(conn).unwrap();
        }
    }
    let held = record_rows(conn);
    assert_eq!(held.len(), 3);
    assert_eq!(
        held[0],
        Record {
            version: 1,
            ..record(7)
        }
    );
    let ddl = records_table();
    let mut outbox = published(conn);
    assert_eq!(outbox.len(), 11);
    read_back::<Copied, _>(&outbox, (&ddl, "records"), record_rows, &held);
    read_back::<CopiedLatest, _>(&outbox, (&ddl, "records"), record_rows, &held);
    // A replica that joins late.
    let snapshot = Record::snapshot(None, 10, conn).unwrap();
    outbox.extend(snapshot.iter().map(row_of));
    read_back::<Copied, _>(&outbox, (&ddl, "records"), record_rows, &held);
    read_back::<Copied, _>(&outbox[11..], (&ddl, "records"), record_rows, &held);
}

#[cfg(feature = "mysql")]
pub(crate) mod documents {
    //! With `diesel/serde_json`.

    use serde_json::{Value, json};

    use super::*;

    diesel::table! {
        documents {
            id -> BigInt,
            content -> Json,
            version -> BigInt,
        }
    }

    pub(crate) const TABLE: &str = "CREATE TABLE documents (
        id BIGINT PRIMARY KEY,
        content JSON NOT NULL,
        version BIGINT NOT NULL
    )";

    macro_rules! documents {
        ($($name:ident($($keys:tt)*);)*) => {$(
            #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
            #[diesel(table_name = documents)]
            #[versioned($($keys)*)]
            pub(crate) struct $name {
                id: i64,
                content: Value,
                version: i64,
            }
        )*};
    }

    documents! {
        Document(owner, outbox, entity = "record");
        Copied(dependent, entity = "record");
        Park(dependent, entity = "record", gap = "park");
    }

    pub(crate) fn rows(conn: &mut Conn) -> Vec<(i64, Value, i64)> {
        documents::table.order(documents::id).load(conn).unwrap()
    }

    /// Contents that could be taken for another form of another value.
    #[test]
    fn json_is_the_same_json() {
        let (_db, mut conn) = database(TABLE);
        let conn = &mut conn;
        let contents = [
            json!({ "a": [1, 2.5, "x", null, true], "é": { "b": i64::MIN, "c": u64::MAX } }),
            json!({ "$oid": "6b07b9160e04fe2e89d5d444" }),
            json!({ "$numberLong": "3" }),
            json!({ "type": "Buffer", "data": [1, 2] }),
            json!({ "scale": 2, "value": "BOI=" }),
            json!("[1, 2]"),
            json!("{\"a\": 1}"),
            json!("7"),
            json!(7),
            json!([]),
        ];
        for (id, content) in (1..).zip(contents) {
            let mut model = Document {
                id,
                content: json!({ "before": id }),
                version: 0,
            };
            model.insert(conn).unwrap();
            model.content = content;
            model.save(conn).unwrap();
        }
        let held = rows(conn);
        assert_eq!(held.len(), 10);
        let outbox = published(conn);
        read_back::<Copied, _>(&outbox[2..], (TABLE, "documents"), rows, &held[1..]);
        // A form for JavaScript may make text of large integers, also inside of JSON.
        let exact = |(name, _, _): &(String, _, _)| name != "text";
        let forms = forms().into_iter().filter(exact);
        read_back_as::<Copied, _>(forms, &outbox[..2], (TABLE, "documents"), rows, &held[..1]);
    }
}

diesel::table! {
    names (name) {
        name -> VarChar,
        content -> VarChar,
        version -> BigInt,
    }
}

fn names_table() -> String {
    let binary = match NAME {
        "mysql" => "COLLATE utf8mb4_bin",
        _ => "",
    };
    format!(
        "CREATE TABLE names (
            name VARCHAR(200) {binary} PRIMARY KEY,
            content VARCHAR(300) NOT NULL,
            version BIGINT NOT NULL
        )"
    )
}

macro_rules! names {
    ($($model:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = names, primary_key(name))]
        #[versioned($($keys)*)]
        struct $model {
            name: String,
            content: String,
            version: i64,
        }
    )*};
}

names! {
    Name(owner, outbox, entity = "record");
    NameCopy(dependent, entity = "record");
}

const KEYS: [&str; 20] = [
    "a,b",
    "a\\,b",
    "back\\slash",
    "100%",
    "%2C%20",
    "caf\u{e9} \u{65e5}\u{672c} \u{1f600}",
    "\"quoted\" 'once'",
    " before",
    "a  b",
    "a/b.c:d;e",
    "line\nbreak\ttab",
    "007",
    "7.00",
    "null",
    "true",
    "{\"id\":1}",
    "[1]",
    "a=b&c",
    "\u{7f}",
    "ce-id",
];

fn name_rows(conn: &mut Conn) -> Vec<(String, String, i64)> {
    let mut rows: Vec<_> = names::table.load(conn).unwrap();
    rows.sort();
    rows
}

#[test]
fn keys_of_any_text() {
    let (_db, mut conn) = database(&names_table());
    let conn = &mut conn;
    // The subject of a CloudEvent cannot be empty, so such a record has to stay.
    for (place, key) in KEYS.into_iter().chain([""]).enumerate() {
        let mut model = Name {
            name: key.to_owned(),
            content: format!("of {key}"),
            version: 0,
        };
        model.insert(conn).unwrap();
        if place % 3 == 0 && !key.is_empty() {
            model.delete(conn).unwrap();
        } else {
            model.content.push('!');
            model.save(conn).unwrap();
        }
    }
    let held = name_rows(conn);
    assert_eq!(held.len(), 14);
    let outbox = published(conn);
    assert_eq!(outbox.len(), 42);
    let table = (&*names_table(), "names");
    read_back::<NameCopy, _>(&outbox, table, name_rows, &held);
    // The key is reported by the form that cannot carry it.
    Name::find(&String::new(), conn)
        .unwrap()
        .delete(conn)
        .unwrap();
    let last = published(conn).remove(0);
    for form in [CloudEvents::new(), CloudEvents::new().binary()] {
        assert_eq!(
            form.encode(&last, Binding::Nats).unwrap_err(),
            "record//3 has an empty key, and the subject of a CloudEvent cannot be empty"
        );
    }
}

diesel::table! {
    seats (id, place, row) {
        id -> VarChar,
        place -> VarChar,
        row -> BigInt,
        content -> Nullable<VarChar>,
        version -> BigInt,
    }
}

fn seats_table() -> String {
    let binary = match NAME {
        "mysql" => "COLLATE utf8mb4_bin",
        _ => "",
    };
    let row = match NAME {
        "mysql" => "`row`",
        _ => "row",
    };
    format!(
        "CREATE TABLE seats (
            id VARCHAR(100) {binary} NOT NULL,
            place VARCHAR(100) {binary} NOT NULL,
            {row} BIGINT NOT NULL,
            content VARCHAR(300),
            version BIGINT NOT NULL,
            PRIMARY KEY (id, place, {row})
        )"
    )
}

macro_rules! seats {
    ($($model:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = seats, primary_key(id, place, row))]
        #[versioned($($keys)*)]
        struct $model {
            id: String,
            place: String,
            row: i64,
            content: Option<String>,
            version: i64,
        }
    )*};
}

seats! {
    Seat(owner, outbox, entity = "record");
    SeatCopy(dependent, entity = "record");
}

fn seat_rows(conn: &mut Conn) -> Vec<(String, String, i64, Option<String>, i64)> {
    let mut rows: Vec<_> = seats::table.load(conn).unwrap();
    rows.sort();
    rows
}

/// The parts of a key are text and numbers, and one of them is named `id`.
#[test]
fn keys_of_several_columns() {
    let (_db, mut conn) = database(&seats_table());
    let conn = &mut conn;
    let parts = ["a,b", "c\\", "", "100%", "\u{e9} \"x\"", "7", "a"];
    for (id, place) in parts.iter().zip(parts.iter().rev()) {
        for row in [-1, i64::MAX] {
            let mut model = Seat {
                id: (*id).to_owned(),
                place: (*place).to_owned(),
                row,
                content: None,
                version: 0,
            };
            model.insert(conn).unwrap();
            model.content = Some("taken".to_owned());
            model.save(conn).unwrap();
            if row > 0 && *id != "7" {
                model.delete(conn).unwrap();
            }
        }
    }
    let held = seat_rows(conn);
    assert_eq!(held.len(), 8);
    let outbox = published(conn);
    assert_eq!(outbox.len(), 34);
    let table = (&*seats_table(), "seats");
    read_back::<SeatCopy, _>(&outbox, table, seat_rows, &held);
}

diesel::table! {
    tickets (id) {
        id -> VarChar,
        title -> VarChar,
        price -> Double,
        #[sql_name = "user_id"]
        user -> VarChar,
        order_id -> Nullable<VarChar>,
        version -> BigInt,
    }
}

const TICKETS: &str = "CREATE TABLE tickets (
    id VARCHAR(100) PRIMARY KEY,
    title VARCHAR(300) NOT NULL,
    price DOUBLE PRECISION NOT NULL,
    user_id VARCHAR(100) NOT NULL,
    order_id VARCHAR(100),
    version BIGINT NOT NULL
)";

macro_rules! tickets {
    ($($model:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = tickets)]
        #[versioned($($keys)*)]
        #[serde(rename_all = "camelCase")]
        struct $model {
            id: String,
            title: String,
            price: f64,
            #[serde(rename = "userId")]
            user: String,
            order_id: Option<String>,
            version: i64,
        }
    )*};
}

tickets! {
    NodeTicket(owner, outbox, entity = "tickets", initial = 0);
    NodeCopy(dependent, entity = "tickets", initial = 0);
}

/// A replica in the style of the course finds `{id, version - 1}` and inserts at version 0.
#[test]
fn a_replica_on_node_receives_each_version_from_zero() {
    let (_db, mut conn) = database(TICKETS);
    let conn = &mut conn;
    let mut ticket = NodeTicket {
        id: "6b07b9160e04fe2e89d5d444".to_owned(),
        title: "concert 44 \u{2013} n\u{e9}".to_owned(),
        price: 85.0,
        user: "user4".to_owned(),
        order_id: None,
        version: 0,
    };
    ticket.insert(conn).unwrap();
    assert_eq!(ticket.version, 0);
    ticket.price = 14.75;
    ticket.order_id = Some("order54".to_owned());
    ticket.save(conn).unwrap();
    let mut stale = NodeTicket {
        version: 0,
        ..ticket.clone()
    };
    // A conflict spends no version.
    let lost = stale.save(conn).map(drop).unwrap_err();
    assert!(matches!(lost, Error::Conflict(_)), "{lost:?}");
    ticket.order_id = None;
    ticket.save(conn).unwrap();
    ticket.delete(conn).unwrap();
    let form = PlainJson::new()
        .on("ticket:created", Op::Created)
        .on("ticket:updated", Op::Updated)
        .on("ticket:deleted", Op::Deleted)
        .skip_nulls();
    let sent: Vec<(String, String)> = published(conn)
        .iter()
        .map(|row| {
            let encoded = form.encode(row, Binding::Nats).unwrap();
            assert_eq!((encoded.headers, encoded.key), (vec![], None));
            let body = String::from_utf8(encoded.body.unwrap()).unwrap();
            (encoded.subject.unwrap(), body)
        })
        .collect();
    let id = "\"id\":\"6b07b9160e04fe2e89d5d444\"";
    let record = |price: &str, order: &str, version: i64| {
        format!(
            "{{{id},\"title\":\"concert 44 \u{2013} n\u{e9}\",\"price\":{price},\"userId\":\"user4\",{order}\"version\":{version}}}"
        )
    };
    let expected = [
        ("ticket:created", record("85.0", "", 0)),
        (
            "ticket:updated",
            record("14.75", "\"orderId\":\"order54\",", 1),
        ),
        ("ticket:updated", record("14.75", "", 2)),
        ("ticket:deleted", format!("{{{id},\"version\":3}}")),
    ];
    let expected = expected.map(|(subject, body)| (subject.to_owned(), body));
    assert_eq!(sent, expected);
    // Our own replica reads the same messages.
    let sent: Vec<Sent> = sent
        .iter()
        .map(|(subject, body)| Sent::new(Binding::Nats, subject, body))
        .collect();
    let rows = |conn: &mut Conn| {
        let tickets = tickets::table.select(NodeCopy::as_select());
        tickets.load(conn).unwrap()
    };
    let before = NodeCopy {
        id: ticket.id,
        title: ticket.title,
        price: 14.75,
        user: ticket.user,
        order_id: None,
        version: 2,
    };
    let left = Left::default();
    in_each_order::<NodeCopy, _>(&sent[..3], &form, "tickets", conn, rows, (&left, &[before]));
    in_each_order::<NodeCopy, _>(&sent, &form, "tickets", conn, rows, (&left, &[]));
}
