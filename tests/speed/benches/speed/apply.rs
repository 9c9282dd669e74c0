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

const COPIES: &str = "CREATE TABLE ticket_copies (
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

fn on<P: Place + 'static>(suite: &mut Suite)
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

fn one<P: Place + 'static, M: Replica + Dependent<On<P>>>(suite: &mut Suite) {
    if suite.wants(M::NAME, P::NAME) {
        let measured = take_turns(ROUNDS, &mut candidates::<P, M>(10));
        suite.add(Subject::new(M::NAME, P::NAME, measured));
    }
}

/// This toolkit and the raw driver, each with a replica of its own of this many rows: in one that they shared, who came first
/// would move its rows out of the pages, and leave room there for the others. Where guard and write can be one statement, the
/// raw driver also has them in a transaction.
pub(crate) fn candidates<P: Place + 'static, M: Replica + Dependent<On<P>>>(
    rows: i64,
) -> Vec<Candidate<'static>> {
    let (conn, place) = replica::<P>(rows);
    let mut candidates: Vec<Candidate<'static>> = vec![(
        "versioned",
        Box::new(Ours::<M, P> {
            conn,
            records: Records::of(rows),
            events: Vec::new(),
            _place: place,
        }),
    )];
    let by_hand = ByHand::<P>::new(rows, M::KIND);
    if by_hand.raw.follows() {
        let mut two = ByHand::<P>::new(rows, M::KIND);
        two.raw = two.raw.in_a_transaction();
        candidates.push(("raw driver, a transaction", Box::new(two)));
    }
    candidates.push((P::Raw::NAME, Box::new(by_hand)));
    candidates
}

/// A replica of this many rows, all at version 1, with their positions; the place last, because it goes with its value.
fn replica<P: Place>(rows: i64) -> (P::Conn, P) {
    let place = P::fresh(COPIES);
    let mut conn = place.connect();
    P::migrate(&mut conn);
    fill(rows, &mut conn);
    (conn, place)
}

fn raw_replica<P: Place>(rows: i64, kind: Kind) -> (RawReplica<P::Raw>, P) {
    let (_, place) = replica::<P>(rows);
    (RawReplica::new(place.raw(), kind), place)
}

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
    let positions = "INSERT INTO versioned_positions SELECT 'ticket_copies', 'tickets', CONCAT(id, ''), 1, NULL FROM ticket_copies";
    conn.batch_execute(positions).unwrap();
}

/// The rows of a replica.
pub(crate) struct Records {
    versions: Vec<i64>,
    next: usize,
}

impl Records {
    fn of(rows: i64) -> Self {
        Self {
            versions: vec![1; usize::try_from(rows).unwrap()],
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
            ..Ticket::new(1 + i64::try_from(self.next).unwrap())
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

struct Ours<M, P: Place> {
    conn: P::Conn,
    records: Records,
    /// Of the next turn, the first one last.
    events: Vec<Event<M>>,
    _place: P,
}

impl<M, P> Work for Ours<M, P>
where
    P: Place,
    M: Replica + Dependent<On<P>>,
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

struct ByHand<P: Place> {
    raw: RawReplica<P::Raw>,
    records: Records,
    events: Vec<(String, Ticket)>,
    _place: P,
}

impl<P: Place> ByHand<P> {
    fn new(rows: i64, kind: Kind) -> Self {
        let (raw, place) = raw_replica(rows, kind);
        Self {
            raw,
            records: Records::of(rows),
            events: Vec::new(),
            _place: place,
        }
    }
}

/// With the key as text, which the event has too.
fn keyed(ticket: Ticket) -> (String, Ticket) {
    (ticket.id.to_string(), ticket)
}

impl<P: Place> Work for ByHand<P> {
    fn ready(&mut self, times: u32) {
        self.events = (0..times).map(|_| keyed(self.records.next())).collect();
        self.events.reverse();
    }

    fn work(&mut self) {
        let (key, ticket) = self.events.pop().unwrap();
        self.raw.apply(&key, &ticket);
    }
}

fn all<P: Place + 'static, M: Replica + Dependent<On<P>>>(suite: &mut Suite, note: &'static str) {
    if suite.wants(&format!("{ALL} {note}"), P::NAME) {
        let measured = take_turns(ROUNDS_OF_ALL, &mut all_candidates::<P, M>(EVENTS));
        let measured = measured
            .into_iter()
            .map(|measured| measured.per(EVENTS as f64));
        suite.add(Subject::new(ALL, P::NAME, measured.collect()).note(note));
    }
}

/// This toolkit and the raw driver, each with this number of events of as many records.
pub(crate) fn all_candidates<P: Place + 'static, M: Replica + Dependent<On<P>>>(
    events: usize,
) -> [Candidate<'static>; 2] {
    let rows = i64::try_from(events).unwrap();
    let (conn, place) = replica::<P>(rows);
    let ours = AllOurs::<M, P> {
        conn,
        records: Records::of(rows),
        batches: Vec::new(),
        _place: place,
    };
    let (raw, place) = raw_replica::<P>(rows, M::KIND);
    let by_hand = AllByHand {
        raw,
        records: Records::of(rows),
        batches: Vec::new(),
        _place: place,
    };
    [
        ("versioned", Box::new(ours)),
        (P::Raw::NAME, Box::new(by_hand)),
    ]
}

struct AllOurs<M, P: Place> {
    conn: P::Conn,
    records: Records,
    /// The batches of the next turn.
    batches: Vec<Vec<Event<M>>>,
    _place: P,
}

impl<M, P> Work for AllOurs<M, P>
where
    P: Place,
    M: Replica + Dependent<On<P>>,
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

struct AllByHand<P: Place> {
    raw: RawReplica<P::Raw>,
    records: Records,
    batches: Vec<Vec<(String, Ticket)>>,
    _place: P,
}

impl<P: Place> Work for AllByHand<P> {
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
