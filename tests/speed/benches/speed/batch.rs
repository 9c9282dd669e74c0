//! Many rows, all or none: `save_all`, against what each raw driver does best, and a loop of Diesel's.

use versioned_core::prelude::{Owner, OwnerDsl};

use crate::by_hand::{ByHand, SaveLoop};
use crate::places::{File, MariaDb, Memory, On, Place, Postgres};
use crate::raw::{Bind, MysqlCrate, Raw, RawWriter};
use crate::report::{Subject, Suite};
use crate::tickets::{TICKETS, Ticket, Writer as _};
use crate::turns::{Candidate, take_turns};

const WHAT: &str = "save_all of 1,000";
const ROWS: i64 = 1_000;
const ROUNDS: usize = 21;

/// Locks rows in the order of their keys, so that two batches never wait for each other in a circle.
pub(crate) const LOCK: &str =
    "SELECT FROM tickets WHERE id = ANY(?::bigint[]) ORDER BY id FOR NO KEY UPDATE";
/// Saves rows whose columns are arrays.
pub(crate) const UNNEST: &str = "UPDATE tickets SET title = v.title, price = v.price, version = v.version + 1 \
    FROM unnest(?::bigint[], ?::text[], ?::bigint[], ?::bigint[]) AS v (id, title, price, version) \
    WHERE tickets.id = v.id AND tickets.version = v.version";
const JSON_TABLE: &str = "UPDATE tickets JOIN JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$[0]', \
    title VARCHAR(100) PATH '$[1]', price BIGINT PATH '$[2]', version BIGINT PATH '$[3]')) v \
    ON tickets.id = v.id AND tickets.version = v.version \
    SET tickets.title = v.title, tickets.price = v.price, tickets.version = v.version + 1";

pub(crate) fn run(suite: &mut Suite) {
    subject::<Memory>(suite);
    subject::<File>(suite);
    subject::<Postgres>(suite);
    subject::<MariaDb>(suite);
}

fn subject<P: SaveAll>(suite: &mut Suite)
where
    Ticket: Owner<On<P>>,
    ByHand<P::Conn>: SaveLoop,
{
    if !suite.wants(WHAT, P::NAME) {
        return;
    }
    let place = P::fresh(TICKETS);
    let mut conn = place.connect();
    let mut other = ByHand(place.connect());
    let mut tickets = batch(1, ROWS);
    Ticket::insert_all(&mut tickets, &mut other.0).unwrap();
    let by_hand = move || {
        change(&mut tickets);
        other.save_loop(&mut tickets);
    };
    let mut candidates = vec![
        ours(ROWS, &mut conn),
        ("Diesel, a loop by hand", Box::new(by_hand) as _),
    ];
    candidates.extend(place.by_hand(ROWS));
    let measured = take_turns(ROUNDS, &mut candidates);
    let measured = measured
        .into_iter()
        .map(|measured| measured.per(ROWS as f64));
    suite.add(Subject::new(WHAT, P::NAME, measured.collect()).note("a row"));
}

/// The candidate number `place` has rows of its own.
pub(crate) fn batch(place: i64, rows: i64) -> Vec<Ticket> {
    (place * rows..(place + 1) * rows)
        .map(|id| Ticket {
            title: format!("show {id}"),
            ..Ticket::new(id)
        })
        .collect()
}

fn change(tickets: &mut [Ticket]) {
    for ticket in tickets {
        ticket.price += 1;
    }
}

/// After a save of them all.
fn moved(tickets: &mut [Ticket]) {
    for ticket in tickets {
        ticket.version += 1;
    }
}

/// This toolkit.
pub(crate) fn ours<C>(rows: i64, conn: &mut C) -> Candidate<'_>
where
    C: diesel::connection::LoadConnection,
    Ticket: Owner<C::Backend>,
{
    let mut tickets = batch(0, rows);
    Ticket::insert_all(&mut tickets, conn).unwrap();
    let save = move || {
        change(&mut tickets);
        Ticket::save_all(&mut tickets, conn).unwrap();
    };
    ("versioned", Box::new(save))
}

/// The raw drivers, each in his best ways; the best one last.
pub(crate) trait SaveAll: Place {
    fn by_hand(&self, rows: i64) -> Vec<Candidate<'static>> {
        vec![raw_loop(Self::Raw::NAME, rows, self.raw())]
    }
}

impl SaveAll for Memory {}
impl SaveAll for File {}

impl SaveAll for Postgres {
    fn by_hand(&self, rows: i64) -> Vec<Candidate<'static>> {
        let mut raw = self.raw();
        let mut tickets = inserted(2, rows, &mut raw);
        let save = raw.prepare(UNNEST);
        let unnest = move || {
            change(&mut tickets);
            raw.batch("BEGIN");
            let binds = [
                &numbers(&tickets, |ticket| ticket.id),
                &texts(&tickets, |ticket| &ticket.title),
                &numbers(&tickets, |ticket| ticket.price),
                &numbers(&tickets, |ticket| ticket.version),
            ];
            let count = raw.run(save, &binds.map(|bytes| Bind::Array(bytes)));
            assert_eq!(count, tickets.len() as u64);
            raw.batch("COMMIT");
            moved(&mut tickets);
        };
        vec![("libpq, unnest", Box::new(unnest))]
    }
}

impl SaveAll for MariaDb {
    fn by_hand(&self, rows: i64) -> Vec<Candidate<'static>> {
        let mut raw = self.raw();
        let mut tickets = inserted(3, rows, &mut raw);
        let save = raw.prepare(JSON_TABLE);
        let json = move || {
            change(&mut tickets);
            raw.batch("START TRANSACTION");
            let rows: Vec<_> = tickets
                .iter()
                .map(|ticket| (ticket.id, &ticket.title, ticket.price, ticket.version))
                .collect();
            let rows = serde_json::to_string(&rows).unwrap();
            let count = raw.run(save, &[Bind::Text(&rows)]);
            assert_eq!(count, tickets.len() as u64);
            raw.batch("COMMIT");
            moved(&mut tickets);
        };
        vec![
            raw_loop::<MysqlCrate>("mysql, a loop", rows, self.raw()),
            ("mysql, JSON_TABLE", Box::new(json)),
        ]
    }
}

fn inserted<R: Raw>(place: i64, rows: i64, raw: &mut R) -> Vec<Ticket> {
    let tickets = batch(place, rows);
    let insert = raw.prepare(crate::tickets::INSERT);
    raw.batch("BEGIN");
    for ticket in &tickets {
        let Ticket {
            id,
            title,
            price,
            version,
        } = ticket;
        let [id, price, version] = [*id, *price, *version].map(Bind::Number);
        raw.run(insert, &[id, Bind::Text(title), price, version]);
    }
    raw.batch("COMMIT");
    tickets
}

/// A prepared statement for each row, in a transaction.
fn raw_loop<R: Raw + 'static>(name: &'static str, rows: i64, mut raw: R) -> Candidate<'static> {
    let mut tickets = inserted(2, rows, &mut raw);
    let mut writer = RawWriter::new(raw);
    let save = move || {
        change(&mut tickets);
        writer.raw.batch("BEGIN");
        for ticket in &mut tickets {
            writer.save(ticket);
        }
        writer.raw.batch("COMMIT");
    };
    (name, Box::new(save))
}

/// What a PostgreSQL client sends of an array of BIGINT.
pub(crate) fn numbers<T>(values: &[T], number: impl Fn(&T) -> i64) -> Vec<u8> {
    let numbers: Vec<[u8; 8]> = values
        .iter()
        .map(|value| number(value).to_be_bytes())
        .collect();
    array(20, numbers.iter().map(<[u8; 8]>::as_slice))
}

/// The same of an array of TEXT.
pub(crate) fn texts<T>(values: &[T], text: impl Fn(&T) -> &str) -> Vec<u8> {
    array(25, values.iter().map(|value| text(value).as_bytes()))
}

fn array<'a>(oid: u32, elements: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(20 + elements.len() * 16);
    for number in [1, 0, oid, u32::try_from(elements.len()).unwrap(), 1] {
        bytes.extend(number.to_be_bytes());
    }
    for element in elements {
        bytes.extend(u32::try_from(element.len()).unwrap().to_be_bytes());
        bytes.extend(element);
    }
    bytes
}
