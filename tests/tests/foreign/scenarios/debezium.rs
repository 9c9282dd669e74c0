//! The changes of `make.sql` and `change.sql`, as Debezium reports them.

use chrono::{NaiveDate, NaiveDateTime};
use versioned_core::format::{Debezium, Deletions};

use super::*;
use crate::messages::{Captured, debezium};

diesel::table! {
    tickets {
        id -> BigInt,
        title -> VarChar,
        price -> Double,
        seats -> Nullable<Integer>,
        sold -> Bool,
        opened -> Nullable<Timestamp>,
        price_exact -> Nullable<VarChar>,
        tag -> Nullable<VarChar>,
        version -> BigInt,
    }
}

diesel::table! {
    notes {
        id -> VarChar,
        body -> Nullable<VarChar>,
        version -> BigInt,
    }
}

diesel::table! {
    full_tickets {
        id -> BigInt,
        title -> VarChar,
        price -> Double,
        version -> BigInt,
    }
}

pub(crate) fn tables() -> String {
    format!(
        "CREATE TABLE tickets (
            id BIGINT PRIMARY KEY,
            title VARCHAR(300) NOT NULL,
            price DOUBLE PRECISION NOT NULL,
            seats INTEGER,
            sold BOOLEAN NOT NULL,
            opened {timestamp},
            price_exact VARCHAR(100),
            tag VARCHAR(100),
            version BIGINT NOT NULL
        );
        CREATE TABLE notes (id VARCHAR(100) PRIMARY KEY, body VARCHAR(3000), version BIGINT NOT NULL);
        CREATE TABLE full_tickets (
            id BIGINT PRIMARY KEY,
            title VARCHAR(300) NOT NULL,
            price DOUBLE PRECISION NOT NULL,
            version BIGINT NOT NULL
        )",
        timestamp = timestamp(),
    )
}

macro_rules! replicas {
    ($($kind:ident($($keys:tt)*);)*) => {$(
        pub(crate) mod $kind {
            use super::*;

            #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
            #[diesel(table_name = tickets)]
            #[versioned(dependent, $($keys)*)]
            pub(crate) struct Ticket {
                id: i64,
                title: String,
                price: f64,
                seats: Option<i32>,
                sold: bool,
                opened: Option<NaiveDateTime>,
                price_exact: Option<String>,
                tag: Option<String>,
                version: i64,
            }

            #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
            #[diesel(table_name = notes)]
            #[versioned(dependent, $($keys)*)]
            pub(crate) struct Note {
                id: String,
                body: Option<String>,
                version: i64,
            }

            /// A replica that needs no text.
            #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
            #[diesel(table_name = notes)]
            #[versioned(dependent, $($keys)*)]
            pub(crate) struct NoteVersion {
                id: String,
                version: i64,
            }

            #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
            #[diesel(table_name = full_tickets)]
            #[versioned(dependent, $($keys)*)]
            pub(crate) struct FullTicket {
                id: i64,
                title: String,
                price: f64,
                version: i64,
            }
        }
    )*};
}

replicas! {
    sequential();
    park(gap = "park");
    latest(policy = "latest");
}

pub(crate) type TicketRow = (
    i64,
    String,
    f64,
    Option<i32>,
    bool,
    Option<NaiveDateTime>,
    Option<String>,
    Option<String>,
    i64,
);
pub(crate) type NoteRow = (String, Option<String>, i64);
pub(crate) type FullTicketRow = (i64, String, f64, i64);

pub(crate) fn ticket_rows(conn: &mut Conn) -> Vec<TicketRow> {
    tickets::table.order(tickets::id).load(conn).unwrap()
}

pub(crate) fn note_rows(conn: &mut Conn) -> Vec<NoteRow> {
    notes::table.order(notes::id).load(conn).unwrap()
}

pub(crate) fn full_ticket_rows(conn: &mut Conn) -> Vec<FullTicketRow> {
    full_tickets::table
        .order(full_tickets::id)
        .load(conn)
        .unwrap()
}

fn at(day: u32, micros: u32) -> Option<NaiveDateTime> {
    NaiveDate::from_ymd_opt(2026, 11, day)?.and_hms_micro_opt(10, 0, 0, micros)
}

/// The row with this id that the owner had last.
pub(crate) fn ticket(id: i64) -> TicketRow {
    let text = |text: &str| Some(text.to_owned());
    let title = |text: &str| text.to_owned();
    match id {
        1 => (
            1,
            title("before the snapshot"),
            10.0,
            Some(4),
            false,
            at(1, 123_456),
            text("12.50"),
            text("11111111-2222-3333-4444-555555555555"),
            4,
        ),
        2 => (2, title("two"), 20.25, None, true, None, None, None, 1),
        3 => (
            3,
            title("three again"),
            31.0,
            Some(7),
            false,
            at(2, 0),
            text("0.10"),
            None,
            3,
        ),
        4 => (4, title("four"), 41.0, None, false, None, None, None, 2),
        _ => (40, title("four"), 41.0, None, false, None, None, None, 3),
    }
}

/// The form of a file. Without schemas, the scale of a decimal has to be named.
pub(crate) fn form(captured: Captured) -> Debezium {
    match captured {
        Captured::Plain => Debezium::new().decimal("price_exact", 2),
        Captured::Unwrap => Debezium::new().flattened(),
        _ => Debezium::new(),
    }
}

const FILES: [Captured; 3] = [Captured::Plain, Captured::Schemas, Captured::Unwrap];

pub(crate) fn no_version(record: &str) -> String {
    format!(
        "the deletion of {record} has no version of its own, its `before` holds defaults: set REPLICA \
         IDENTITY FULL (connector: `replica.identity.autoset.values`), or a unique index over key and \
         version as the identity"
    )
}

pub(crate) const NOT_IN_THE_LOG: &str = "column body of notes n1 was not in the log (unchanged TOAST): \
    REPLICA IDENTITY FULL, or Debezium's column reselect";

/// The number of messages of other tables and of tombstones. Flattened messages have none of the
/// latter here.
fn others(captured: Captured, of_table: usize) -> usize {
    debezium(captured).len() - of_table
}

/// The deletions of the rows 3 and 4 are refused, and everything else is applied.
fn tickets<M: Replica>() {
    let (_db, mut conn) = database(&tables());
    let refused = [no_version("tickets 3"), no_version("tickets 4")];
    let refused: Vec<&str> = refused.iter().map(String::as_str).collect();
    let without_deletions = [ticket(1), ticket(2), ticket(3), ticket(4), ticket(40)];
    for captured in FILES {
        let sent = debezium(captured);
        let left = Left::new(others(captured, 11), &refused, &[]);
        let expected = (&left, &without_deletions[..]);
        in_each_order::<M, _>(
            &sent,
            &form(captured),
            "tickets",
            &mut conn,
            ticket_rows,
            expected,
        );
        assert_eq!(parked(&mut conn), 0);
        // The rows of the owner.
        let form = form(captured).deletions(Deletions::Final);
        let left = Left::new(others(captured, 11), &[], &[]);
        let owned = [ticket(1), ticket(2), ticket(40)];
        in_each_order::<M, _>(
            &sent,
            &form,
            "tickets",
            &mut conn,
            ticket_rows,
            (&left, &owned),
        );
        assert_eq!(parked(&mut conn), 0);
    }
}

/// The text of the second version was not in the log.
fn notes<M: Replica>(waiting: &[&str], still_parked: i64, version: i64) {
    let (_db, mut conn) = database(&tables());
    let no_version = no_version("notes n1");
    let body = if version == 1 {
        "long body ".repeat(260)
    } else {
        "short".to_owned()
    };
    let row = [("n1".to_owned(), Some(body), version)];
    for captured in FILES {
        let sent = debezium(captured);
        let left = Left::new(others(captured, 4), &[NOT_IN_THE_LOG, &no_version], waiting);
        let expected = (&left, &row[..]);
        in_each_order::<M, _>(
            &sent,
            &form(captured),
            "notes",
            &mut conn,
            note_rows,
            expected,
        );
        assert_eq!(parked(&mut conn), still_parked);
        // The owner has no row any more.
        let form = form(captured).deletions(Deletions::Final);
        let left = Left::new(others(captured, 4), &[NOT_IN_THE_LOG], &[]);
        in_each_order::<M, _>(&sent, &form, "notes", &mut conn, note_rows, (&left, &[]));
        assert_eq!(parked(&mut conn), 0);
    }
}

/// A field that the replica does not have may be missing in the log.
fn note_versions<M: Replica>() {
    let (_db, mut conn) = database(&tables());
    let no_version = no_version("notes n1");
    for captured in FILES {
        let sent = debezium(captured);
        let left = Left::new(others(captured, 4), &[&no_version], &[]);
        let row = [("n1".to_owned(), None, 3)];
        let expected = (&left, &row[..]);
        in_each_order::<M, _>(
            &sent,
            &form(captured),
            "notes",
            &mut conn,
            note_rows,
            expected,
        );
        assert_eq!(parked(&mut conn), 0);
    }
}

/// With `REPLICA IDENTITY FULL`, the deletion has the version of the row.
fn full_tickets<M: Replica>() {
    let (_db, mut conn) = database(&tables());
    for captured in FILES {
        let sent = debezium(captured);
        let last = sent
            .iter()
            .rposition(|sent| sent.subject.ends_with("full_tickets") && sent.body.is_some())
            .unwrap();
        for form in [form(captured), form(captured).replica_identity_full()] {
            let left = Left::new(last - 2, &[], &[]);
            let row = [(1, "full".to_owned(), 2.5, 2)];
            let (table, expected) = ("full_tickets", (&left, &row[..]));
            in_each_order::<M, _>(
                &sent[..last],
                &form,
                table,
                &mut conn,
                full_ticket_rows,
                expected,
            );
            let left = Left::new(others(captured, 3), &[], &[]);
            let expected = (&left, &[][..]);
            in_each_order::<M, _>(&sent, &form, table, &mut conn, full_ticket_rows, expected);
            assert_eq!(parked(&mut conn), 0);
        }
    }
}

/// A test of a scenario for each policy.
macro_rules! with_each_policy {
    ($name:ident: $scenario:ident $model:ident) => {
        mod $name {
            #[test]
            fn sequential() {
                super::$scenario::<super::sequential::$model>();
            }

            #[test]
            fn park() {
                super::$scenario::<super::park::$model>();
            }

            #[test]
            fn latest() {
                super::$scenario::<super::latest::$model>();
            }
        }
    };
}

with_each_policy!(of_tickets: tickets Ticket);

/// Version 3 waits for version 2, which was refused.
#[test]
fn notes_sequential() {
    notes::<sequential::Note>(&["notes/n1/3"], 0, 1);
}

#[test]
fn notes_park() {
    notes::<park::Note>(&[], 1, 1);
}

#[test]
fn notes_latest() {
    notes::<latest::Note>(&[], 0, 3);
}

with_each_policy!(of_note_versions: note_versions NoteVersion);

with_each_policy!(of_full_tickets: full_tickets FullTicket);

/// Without the scale, the text could be an encoded decimal. No row is stored with it.
#[test]
fn an_encoded_decimal_is_refused() {
    let (_db, mut conn) = database(&tables());
    let sent = debezium(Captured::Plain);
    let refused = "price_exact looks like an encoded decimal: `decimal.handling.mode=string`, or say that it is `text`";
    let deletions = [no_version("tickets 3"), no_version("tickets 4")];
    let refused = [&[refused; 5][..], &[&deletions[0], &deletions[1]]].concat();
    let left = Left::new(11, &refused, &[]);
    let expected = [ticket(2), ticket(4), ticket(40)];
    let form = Debezium::new();
    in_each_order::<sequential::Ticket, _>(
        &sent,
        &form,
        "tickets",
        &mut conn,
        ticket_rows,
        (&left, &expected),
    );
}
