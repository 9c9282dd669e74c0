//! Events of the JavaScript SDK of `CloudEvents`.

use versioned_core::format::{CloudEvents, DebeziumOutbox};

use super::*;
use crate::messages::{Captured, cloud_events, debezium};

diesel::table! {
    tickets {
        id -> BigInt,
        title -> VarChar,
        price -> Double,
        version -> BigInt,
    }
}

pub(crate) const TABLE: &str = "CREATE TABLE tickets (
    id BIGINT PRIMARY KEY,
    title VARCHAR(300) NOT NULL,
    price DOUBLE PRECISION NOT NULL,
    version BIGINT NOT NULL
)";

macro_rules! replicas {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = tickets)]
        #[versioned(dependent, $($keys)*)]
        pub(crate) struct $name {
            id: i64,
            title: String,
            price: f64,
            version: i64,
        }
    )*};
}

replicas! {
    Sequential();
    Park(gap = "park");
    Latest(policy = "latest");
}

pub(crate) type Row = (i64, String, f64, i64);

pub(crate) fn rows(conn: &mut Conn) -> Vec<Row> {
    tickets::table.order(tickets::id).load(conn).unwrap()
}

pub(crate) fn row(id: i64, title: &str, price: f64, version: i64) -> Row {
    (id, title.to_owned(), price, version)
}

const FORMS: [&str; 4] = [
    "http-structured",
    "http-binary",
    "kafka-structured",
    "kafka-binary",
];
const NO_VERSION: &str =
    "no extension `version` on tickets.updated 8: name the attribute or the field that carries it";

/// Ticket 7 was created, updated and deleted. Of 8 there is one event at version 5, and of 9 one at
/// version 2.
fn each_form_is_read<M: Replica>(waiting: [&[&str]; 2], applied: [&[Row]; 2]) {
    let (_db, mut conn) = database(TABLE);
    for form in FORMS {
        let sent = cloud_events(form);
        assert_eq!(sent.len(), 5, "{form}");
        let by_attribute = (CloudEvents::new(), Left::new(0, &[NO_VERSION], waiting[0]));
        let by_field = (
            CloudEvents::new().version_in_data("/version"),
            Left::new(0, &[], waiting[1]),
        );
        // The deletion has no data, and so no field.
        let deletion = &sent[2..3];
        let others: Vec<Sent> = sent
            .iter()
            .filter(|sent| !deletion.contains(sent))
            .cloned()
            .collect();
        let (form, left) = by_attribute;
        in_each_order::<M, _>(
            &sent,
            &form,
            "tickets",
            &mut conn,
            rows,
            (&left, applied[0]),
        );
        let (form, left) = by_field;
        in_each_order::<M, _>(
            &others,
            &form,
            "tickets",
            &mut conn,
            rows,
            (&left, applied[1]),
        );
    }
}

fn seven() -> Row {
    row(7, "café", 31.0, 2)
}

fn eight() -> Row {
    row(8, "numbers as a sequence", 1000.0, 5)
}

fn nine() -> Row {
    row(9, "bytes", 2.0, 2)
}

#[test]
fn sequential() {
    let waiting: [&[&str]; 2] = [&["tickets/9/2"], &["tickets/8/5", "tickets/9/2"]];
    each_form_is_read::<Sequential>(waiting, [&[], &[seven()]]);
}

#[test]
fn park() {
    each_form_is_read::<Park>([&[], &[]], [&[], &[seven()]]);
}

#[test]
fn latest() {
    each_form_is_read::<Latest>([&[], &[]], [&[nine()], &[seven(), eight(), nine()]]);
}

fn the_outbox_of_debezium_is_read<M: Replica>() {
    let (_db, mut conn) = database(TABLE);
    let sent = debezium(Captured::Outbox);
    assert_eq!(sent.len(), 3);
    let (form, left) = (DebeziumOutbox::new(), Left::default());
    let mut check = |sent: &[Sent], expected: &[Row]| {
        in_each_order::<M, _>(sent, &form, "tickets", &mut conn, rows, (&left, expected));
    };
    check(&sent[..1], &[row(3, "three", 30.1, 1)]);
    check(&sent[..2], &[row(3, "three", 31.0, 2)]);
    check(&sent, &[]);
    let orders = DebeziumOutbox::new().aggregate("orders");
    let left = Left::new(3, &[], &[]);
    in_each_order::<M, _>(&sent, &orders, "tickets", &mut conn, rows, (&left, &[]));
}

#[test]
fn outbox_sequential() {
    the_outbox_of_debezium_is_read::<Sequential>();
}

#[test]
fn outbox_park() {
    the_outbox_of_debezium_is_read::<Park>();
}

#[test]
fn outbox_latest() {
    the_outbox_of_debezium_is_read::<Latest>();
}
