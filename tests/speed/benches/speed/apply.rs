//! Events onto replicas: `apply` and `apply_all`, against the raw driver doing the same statements.

use diesel::connection::LoadConnection;
use diesel::prelude::*;
use versioned_core::prelude::{Dependent, DependentDsl};
use versioned_core::{Event, Op, Outcome};

use crate::places::{File, MariaDb, On, Place, Postgres};
use crate::raw::Raw;
use crate::report::{Subject, Suite};
use crate::tickets::Ticket;
use crate::turns::{Candidate, Work, take_turns};

use statements::RawReplica;

mod statements;

const ROUNDS: usize = 41;
const ALL: &str = "apply_all of 10,000";
const EVENTS: usize = 10_000;
const ROUNDS_OF_ALL: usize = 5;

diesel::table! {
    ticket_copies {
        id -> BigInt,
        title -> VarChar,
        price -> BigInt,
        version -> BigInt,
    }
}

pub(crate) const COPIES: &str = "CREATE TABLE ticket_copies (
    id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL
)";

/// What a replica lets pass, and what guards it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) latest: bool,
    pub(crate) position: bool,
}

/// A replica of tickets.
pub(crate) trait Replica: DependentDsl + From<Ticket> + 'static {
    const KIND: Kind;
    const NAME: &'static str;
}

macro_rules! replicas {
    ($($name:ident, $policy:literal, $guard:literal, $latest:literal, $position:literal;)*) => {$(
        #[derive(Debug, Clone, Queryable, Selectable, versioned_core::Versioned)]
        #[diesel(table_name = ticket_copies)]
        #[versioned(dependent, entity = "tickets", policy = $policy, guard = $guard)]
        pub(crate) struct $name {
            id: i64,
            title: String,
            price: i64,
            version: i64,
        }

        impl From<Ticket> for $name {
            fn from(ticket: Ticket) -> Self {
                let Ticket { id, title, price, version } = ticket;
                Self { id, title, price, version }
            }
        }

        impl Replica for $name {
            const KIND: Kind = Kind { latest: $latest, position: $position };
            const NAME: &'static str = concat!("apply, ", $policy, ", guard ", $guard);
        }
    )*};
}

replicas! {
    SequentialPosition, "sequential", "position", false, true;
    SequentialRow, "sequential", "row", false, false;
    LatestPosition, "latest", "position", true, true;
    LatestRow, "latest", "row", true, false;
}

pub(crate) fn run(suite: &mut Suite) {
    on::<File>(suite);
    on::<Postgres>(suite);
    on::<MariaDb>(suite);
}

fn on<P: Place>(suite: &mut Suite)
where
    SequentialPosition: Dependent<On<P>>,
    SequentialRow: Dependent<On<P>>,
    LatestPosition: Dependent<On<P>>,
    LatestRow: Dependent<On<P>>,
{
    one::<P, SequentialPosition>(suite);
    one::<P, SequentialRow>(suite);
    one::<P, LatestPosition>(suite);
    one::<P, LatestRow>(suite);
    all::<P, SequentialPosition>(suite, "sequential, an event");
    all::<P, LatestPosition>(suite, "latest, an event");
}

fn one<P: Place, M: Replica + Dependent<On<P>>>(suite: &mut Suite) {
    if suite.wants(M::NAME, P::NAME) {
        let place = P::fresh(COPIES);
        let measured = take_turns(ROUNDS, &mut candidates::<P, M>(&place, 10));
        suite.add(Subject::new(M::NAME, P::NAME, measured));
    }
}

/// This toolkit and the raw driver, each with its share of the rows of one replica. Where guard and write can be one
/// statement, the raw driver also has them in a transaction.
pub(crate) fn candidates<P: Place, M: Replica + Dependent<On<P>>>(
    place: &P,
    rows: i64,
) -> Vec<Candidate<'static>> {
    let mut conn = place.connect();
    P::migrate(&mut conn);
    fill(rows, &mut conn);
    let raw = RawReplica::new(place.raw(), M::KIND);
    let mut candidates: Vec<Candidate<'static>> = vec![(
        "versioned",
        Box::new(Ours::<M, _> {
            conn,
            records: Records::of(1, 3, rows),
            events: Vec::new(),
        }),
    )];
    if raw.follows() {
        let two = ByHand {
            raw: RawReplica::new(place.raw(), M::KIND).in_a_transaction(),
            records: Records::of(2, 3, rows),
            events: Vec::new(),
        };
        candidates.push(("raw driver, a transaction", Box::new(two)));
    }
    let by_hand = ByHand {
        raw,
        records: Records::of(3, 3, rows),
        events: Vec::new(),
    };
    candidates.push((P::Raw::NAME, Box::new(by_hand)));
    candidates
}

/// Makes a replica of this many rows, all at version 1, with their positions.
fn fill<C: LoadConnection>(rows: i64, conn: &mut C) {
    conn.batch_execute("INSERT INTO ticket_copies VALUES (1, 'concert', 20, 1)")
        .unwrap();
    let mut there = 1;
    while there < rows {
        conn.batch_execute(&format!(
            "INSERT INTO ticket_copies SELECT id + {there}, title, price, 1 FROM ticket_copies WHERE id + {there} <= {rows}"
        ))
        .unwrap();
        there *= 2;
    }
    let positions = "INSERT INTO versioned_positions SELECT 'tickets', CONCAT(id, ''), 1, NULL FROM ticket_copies";
    conn.batch_execute(positions).unwrap();
}

/// A share of the rows of a replica: each of so many.
pub(crate) struct Records {
    first: i64,
    of: i64,
    versions: Vec<i64>,
    next: usize,
}

impl Records {
    fn of(first: i64, of: i64, rows: i64) -> Self {
        Self {
            first,
            of,
            versions: vec![1; usize::try_from(rows / of).unwrap()],
            next: 0,
        }
    }

    /// The next version of one of them, never of two neighbours.
    fn next(&mut self) -> Ticket {
        // A prime: every record has its turn.
        self.next = (self.next + 7_919) % self.versions.len();
        self.versions[self.next] += 1;
        Ticket {
            price: self.versions[self.next],
            version: self.versions[self.next],
            ..Ticket::new(self.first + self.of * i64::try_from(self.next).unwrap())
        }
    }

    /// The next versions of them all.
    fn all<T>(&mut self, make: impl Fn(Ticket) -> T) -> Vec<T> {
        (0..self.versions.len())
            .map(|_| make(self.next()))
            .collect()
    }
}

fn event<M: From<Ticket>>(ticket: Ticket) -> Event<M> {
    Event {
        entity: "tickets".into(),
        key: ticket.id.to_string(),
        version: ticket.version,
        op: Op::Updated,
        at: String::new(),
        data: Some(ticket.into()),
        trace: None,
        metadata: None,
    }
}

struct Ours<M, C> {
    conn: C,
    records: Records,
    /// Of the next turn, the first one last.
    events: Vec<Event<M>>,
}

impl<M, C> Work for Ours<M, C>
where
    C: LoadConnection,
    M: Replica + Dependent<C::Backend>,
{
    fn ready(&mut self, times: u32) {
        self.events = (0..times).map(|_| event(self.records.next())).collect();
        self.events.reverse();
    }

    fn work(&mut self) {
        let event = self.events.pop().unwrap();
        assert_eq!(M::apply(&event, &mut self.conn).unwrap(), Outcome::Applied);
    }
}

struct ByHand<R> {
    raw: RawReplica<R>,
    records: Records,
    events: Vec<(String, Ticket)>,
}

/// With the key as text, which the event has too.
fn keyed(ticket: Ticket) -> (String, Ticket) {
    (ticket.id.to_string(), ticket)
}

impl<R: Raw> Work for ByHand<R> {
    fn ready(&mut self, times: u32) {
        self.events = (0..times).map(|_| keyed(self.records.next())).collect();
        self.events.reverse();
    }

    fn work(&mut self) {
        let (key, ticket) = self.events.pop().unwrap();
        self.raw.apply(&key, &ticket);
    }
}

fn all<P: Place, M: Replica + Dependent<On<P>>>(suite: &mut Suite, note: &'static str) {
    if suite.wants(&format!("{ALL} {note}"), P::NAME) {
        let place = P::fresh(COPIES);
        let measured = take_turns(ROUNDS_OF_ALL, &mut all_candidates::<P, M>(&place, EVENTS));
        let measured = measured
            .into_iter()
            .map(|measured| measured.per(EVENTS as f64));
        suite.add(Subject::new(ALL, P::NAME, measured.collect()).note(note));
    }
}

/// This toolkit and the raw driver, each with this number of events of as many records.
pub(crate) fn all_candidates<P: Place, M: Replica + Dependent<On<P>>>(
    place: &P,
    events: usize,
) -> [Candidate<'static>; 2] {
    let mut conn = place.connect();
    P::migrate(&mut conn);
    let rows = i64::try_from(2 * events).unwrap();
    fill(rows, &mut conn);
    let raw = RawReplica::new(place.raw(), M::KIND);
    [
        (
            "versioned",
            Box::new(AllOurs::<M, _> {
                conn,
                records: Records::of(1, 2, rows),
                batches: Vec::new(),
            }),
        ),
        (
            P::Raw::NAME,
            Box::new(AllByHand {
                raw,
                records: Records::of(2, 2, rows),
                batches: Vec::new(),
            }),
        ),
    ]
}

struct AllOurs<M, C> {
    conn: C,
    records: Records,
    /// The batches of the next turn.
    batches: Vec<Vec<Event<M>>>,
}

impl<M, C> Work for AllOurs<M, C>
where
    C: LoadConnection,
    M: Replica + Dependent<C::Backend>,
{
    fn ready(&mut self, times: u32) {
        self.batches = (0..times).map(|_| self.records.all(event)).collect();
        self.batches.reverse();
    }

    fn work(&mut self) {
        let events = self.batches.pop().unwrap();
        let outcomes = M::apply_all(&events, &mut self.conn).unwrap();
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Applied));
    }
}

struct AllByHand<R> {
    raw: RawReplica<R>,
    records: Records,
    batches: Vec<Vec<(String, Ticket)>>,
}

impl<R: Raw> Work for AllByHand<R> {
    fn ready(&mut self, times: u32) {
        self.batches = (0..times).map(|_| self.records.all(keyed)).collect();
        self.batches.reverse();
    }

    fn work(&mut self) {
        let mut events = self.batches.pop().unwrap();
        // In the order of their keys, so that two who do this never wait for each other in a circle.
        events.sort_unstable_by(|(one, _), (two, _)| one.cmp(two));
        self.raw.apply_all(&events);
    }
}
