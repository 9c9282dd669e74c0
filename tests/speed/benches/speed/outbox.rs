//! A save with its event, against one without, and against the transaction that one writes by hand.

use diesel::prelude::*;
use serde::Serialize;
use versioned_core::prelude::{Owner, OwnerDsl};
use versioned_core::{Event, Op};

use crate::by_hand::{ByHand, changes, guarded};
use crate::places::{File, MariaDb, On, Place, Postgres};
use crate::raw::{Bind, Raw, RawWriter};
use crate::report::{Subject, Suite};
use crate::tickets::{TICKETS, Ticket, tickets};
use crate::turns::{Candidate, take_turns};

const WHAT: &str = "save with outbox";
const ROUNDS: usize = 41;

diesel::table! {
    versioned_outbox {
        id -> BigInt,
        entity -> VarChar,
        key -> VarChar,
        version -> BigInt,
        op -> VarChar,
        payload -> Text,
        at -> BigInt,
    }
}

/// A ticket that announces its writes.
#[derive(Debug, Clone, Queryable, Selectable, Serialize, versioned_core::Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Announced {
    id: i64,
    title: String,
    price: i64,
    version: i64,
}

impl Announced {
    fn new(id: i64) -> Self {
        let Ticket {
            title,
            price,
            version,
            ..
        } = Ticket::new(id);
        Self {
            id,
            title,
            price,
            version,
        }
    }
}

pub(crate) fn run(suite: &mut Suite) {
    subject::<File>(suite);
    subject::<Postgres>(suite);
    subject::<MariaDb>(suite);
}

fn subject<P: Place>(suite: &mut Suite)
where
    Ticket: Owner<On<P>>,
    Announced: Owner<On<P>>,
    ByHand<P::Conn>: SaveAndAnnounce,
{
    if !suite.wants(WHAT, P::NAME) {
        return;
    }
    let place = P::fresh(TICKETS);
    let [mut one, mut two, mut three] = [(); 3].map(|()| place.connect());
    P::migrate(&mut one);
    let mut ticket = Announced::new(1);
    ticket.insert(&mut one).unwrap();
    let with = move || {
        ticket.price += 1;
        ticket.save(&mut one).unwrap();
    };
    let mut ticket = Ticket::new(2);
    ticket.insert(&mut two).unwrap();
    let without = move || {
        ticket.price += 1;
        ticket.save(&mut two).unwrap();
    };
    let mut ticket = Ticket::new(3);
    ticket.insert(&mut three).unwrap();
    let mut by_hand = ByHand(three);
    let by_hand = move || {
        ticket.price += 1;
        by_hand.save_and_announce(&mut ticket);
    };
    let mut candidates: [Candidate<'_>; 4] = [
        ("versioned", Box::new(with)),
        ("versioned, without outbox", Box::new(without)),
        ("Diesel, a transaction by hand", Box::new(by_hand)),
        (P::Raw::NAME, raw(place.raw())),
    ];
    let measured = take_turns(ROUNDS, &mut candidates);
    suite.add(Subject::new(WHAT, P::NAME, measured));
}

/// The event of a save, as it is sent.
fn payload(ticket: &Ticket) -> String {
    let event = Event {
        entity: "tickets".into(),
        key: ticket.id.to_string(),
        version: ticket.version + 1,
        op: Op::Updated,
        at: "2026-11-23T05:10:00.000000Z".to_owned(),
        data: Some(Announced {
            id: ticket.id,
            title: ticket.title.clone(),
            price: ticket.price,
            version: ticket.version + 1,
        }),
        trace: None,
        metadata: None,
    };
    serde_json::to_string(&event).unwrap()
}

/// BEGIN, UPDATE, INSERT, COMMIT.
trait SaveAndAnnounce {
    fn save_and_announce(&mut self, ticket: &mut Ticket);
}

macro_rules! on {
    ($($conn:ty),*) => {$(
        impl SaveAndAnnounce for ByHand<$conn> {
            fn save_and_announce(&mut self, ticket: &mut Ticket) {
                self.0
                    .transaction(|conn| {
                        let save = diesel::update(guarded!(ticket)).set(changes!(ticket));
                        assert_eq!(save.execute(conn)?, 1);
                        let event = (
                            versioned_outbox::entity.eq("tickets"),
                            versioned_outbox::key.eq(ticket.id.to_string()),
                            versioned_outbox::version.eq(ticket.version + 1),
                            versioned_outbox::op.eq("updated"),
                            versioned_outbox::payload.eq(payload(ticket)),
                            versioned_outbox::at.eq(1),
                        );
                        diesel::insert_into(versioned_outbox::table).values(event).execute(conn)
                    })
                    .unwrap();
                ticket.version += 1;
            }
        }
    )*};
}

on!(PgConnection, SqliteConnection, MysqlConnection);

const ANNOUNCE: &str = "INSERT INTO versioned_outbox (entity, \"key\", version, op, payload, at)";

/// The same with prepared statements; on PostgreSQL one of them.
fn raw<R: Raw + 'static>(mut raw: R) -> Box<dyn crate::turns::Work> {
    let together = R::NAME == "libpq";
    let announce = if together {
        raw.prepare(&format!(
            "WITH written AS (UPDATE tickets SET title = ?, price = ?, version = ? WHERE id = ? AND version = ? RETURNING 1) \
             {ANNOUNCE} SELECT ?, ?, ?, ?, ?, ? FROM written"
        ))
    } else {
        raw.prepare(&format!("{ANNOUNCE} VALUES (?, ?, ?, ?, ?, ?)"))
    };
    let mut writer = RawWriter::new(raw);
    let mut ticket = Ticket::new(4);
    crate::tickets::Writer::insert(&mut writer, &mut ticket);
    Box::new(move || {
        ticket.price += 1;
        let (key, payload, next) = (ticket.id.to_string(), payload(&ticket), ticket.version + 1);
        let save = [
            Bind::Text(&ticket.title),
            Bind::Number(ticket.price),
            Bind::Number(next),
            Bind::Number(ticket.id),
            Bind::Number(ticket.version),
        ];
        let event = [
            Bind::Text("tickets"),
            Bind::Text(&key),
            Bind::Number(next),
            Bind::Text("updated"),
            Bind::Text(&payload),
            Bind::Number(1),
        ];
        let count = if together {
            writer
                .raw
                .run(announce, &[save.as_slice(), &event].concat())
        } else {
            writer.raw.batch("BEGIN");
            let count = writer.update(&ticket);
            writer.raw.run(announce, &event);
            writer.raw.batch("COMMIT");
            count
        };
        assert_eq!(count, 1);
        ticket.version = next;
    })
}
