//! The fixtures, applied to replicas: in order, shuffled, and with each message twice.

use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use versioned_derive::Versioned;

use super::fixtures::{PLAIN, SCHEMAS, UNWRAP, lines};
use super::*;
use crate::MIGRATIONS;
use crate::event::Event;
use crate::format::read;
use crate::format::testing::Draw;
use crate::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        price -> Double,
        seats -> Nullable<Integer>,
        sold -> Bool,
        opened -> Nullable<Text>,
        price_exact -> Nullable<Text>,
        version -> BigInt,
    }
}

diesel::table! {
    full_tickets {
        id -> BigInt,
        price -> Double,
        version -> BigInt,
    }
}

macro_rules! ticket {
    ($name:ident, $policy:literal) => {
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Deserialize, Versioned)]
        #[diesel(table_name = tickets)]
        #[versioned(dependent, entity = "tickets", policy = $policy, crate = crate)]
        struct $name {
            id: i64,
            title: String,
            price: f64,
            seats: Option<i32>,
            sold: bool,
            opened: Option<String>,
            price_exact: Option<String>,
            version: i64,
        }
    };
}

ticket!(Sequential, "sequential");
ticket!(Latest, "latest");

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Deserialize, Versioned)]
#[diesel(table_name = full_tickets)]
#[versioned(dependent, crate = crate)]
struct FullTicket {
    id: i64,
    price: f64,
    version: i64,
}

fn replica() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    diesel::connection::SimpleConnection::batch_execute(
        &mut conn,
        "create table tickets (id bigint primary key, title text not null, price double not null,
             seats int, sold boolean not null, opened text, price_exact text,
             version bigint not null);
         create table full_tickets (id bigint primary key, price double not null,
             version bigint not null);",
    )
    .unwrap();
    conn
}

/// The events of a file that are not refused.
fn events<M: crate::model::DependentModel + DeserializeOwned>(
    file: &str,
    form: &Debezium,
) -> Vec<Event<M>> {
    let read = lines(file).into_iter().filter_map(|sent| {
        let headers: Vec<Header<'_>> = sent
            .headers
            .iter()
            .map(|(name, value)| Header::new(name, value.as_bytes()))
            .collect();
        let body = sent.body.as_deref().map(str::as_bytes);
        let message = Message::new(Binding::Kafka, &sent.topic, body)
            .key(sent.key.as_deref().map(str::as_bytes))
            .headers(&headers);
        read(form, &message).ok().flatten()
    });
    read.collect()
}

/// Applies events, and delivers those again that are too early, until none of them is applied.
fn deliver<M: Dependent<diesel::sqlite::Sqlite> + Clone>(
    events: &[Event<M>],
    conn: &mut SqliteConnection,
) {
    let mut left = events.to_vec();
    loop {
        let before = left.len();
        left.retain(|event| !M::apply(event, conn).unwrap().should_ack());
        if left.is_empty() || left.len() == before {
            assert!(left.is_empty(), "{} events have no turn", left.len());
            return;
        }
    }
}

fn check<M, R>(events: &[Event<M>], rows: impl Fn(&mut SqliteConnection) -> R, expected: &R)
where
    M: Dependent<diesel::sqlite::Sqlite> + Clone,
    R: std::fmt::Debug + PartialEq,
{
    let mut draw = Draw(7);
    for round in 0..10 {
        let mut events: Vec<Event<M>> = events.iter().chain(events).cloned().collect();
        if round > 0 {
            for at in (1..events.len()).rev() {
                events.swap(at, draw.below(at + 1));
            }
        }
        let mut conn = replica();
        deliver(&events, &mut conn);
        assert_eq!(rows(&mut conn), *expected, "round {round}");
    }
}

fn forms() -> [(&'static str, Debezium); 3] {
    [
        (PLAIN, Debezium::new().decimal("price_exact", 2)),
        (SCHEMAS, Debezium::new()),
        (UNWRAP, Debezium::new().flattened().rewrite_with_tombstone()),
    ]
}

type Row = (i64, i64, Option<String>);

fn ticket_rows(conn: &mut SqliteConnection) -> Vec<Row> {
    let columns = (tickets::id, tickets::version, tickets::price_exact);
    tickets::table
        .select(columns)
        .order(tickets::id)
        .load(conn)
        .unwrap()
}

#[test]
fn replicas_end_with_the_rows_of_the_owner() {
    let exact = |text: &str| Some(text.to_owned());
    let owned = vec![(1, 4, exact("12.50")), (2, 1, None), (40, 3, None)];
    // Deletions without a version are refused, and these rows stay.
    let mut kept = owned.clone();
    kept.insert(2, (3, 3, exact("0.10")));
    kept.insert(3, (4, 2, None));
    for (file, form) in forms() {
        check(&events::<Sequential>(file, &form), ticket_rows, &kept);
        check(&events::<Latest>(file, &form), ticket_rows, &kept);
        let form = form.deletions(Deletions::Final);
        check(&events::<Sequential>(file, &form), ticket_rows, &owned);
        check(&events::<Latest>(file, &form), ticket_rows, &owned);
    }
}

#[test]
fn a_row_that_was_logged_whole_is_deleted() {
    let rows =
        |conn: &mut SqliteConnection| full_tickets::table.count().get_result::<i64>(conn).unwrap();
    for (file, form) in forms() {
        let events = events::<FullTicket>(file, &form);
        assert_eq!(events.len(), 3);
        check(&events, rows, &0);
    }
}
