//! What becomes of the time per row when there is more of it: columns, models of a batch, events, rows of a replica.

use versioned_core::prelude::{Dependent, Owner};
use versioned_speed::Measured;

use crate::apply::{LatestPosition, SequentialPosition, all_candidates, candidates};
use crate::batch::{SaveAll, ours};
use crate::machine::Machine;
use crate::picture;
use crate::places::{File, MariaDb, On, Postgres};
use crate::report::Suite;
use crate::tickets::{TICKETS, Ticket};
use crate::turns::{Candidate, take_turns};

mod columns;

use columns::Columns;

const MANY: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];
const REPLICAS: [usize; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];

/// The time of one unit, as there is more of something.
pub(crate) struct Growth {
    pub(crate) what: &'static str,
    /// What there is more of.
    pub(crate) of: &'static str,
    pub(crate) place: &'static str,
    pub(crate) points: Vec<Point>,
}

/// In microseconds.
pub(crate) struct Point {
    pub(crate) size: usize,
    pub(crate) ours: f64,
    pub(crate) raw: f64,
}

impl Growth {
    fn new(what: &'static str, of: &'static str, place: &'static str) -> Self {
        println!("\n{what}: {place}");
        Self {
            what,
            of,
            place,
            points: Vec::new(),
        }
    }

    /// Lets them take turns at a piece of work that has this many parts; the best raw driver is the last one.
    fn add(&mut self, size: usize, parts: usize, candidates: &mut [Candidate<'_>]) {
        let rounds = match parts {
            0..=1_000 => 21,
            1_001..=10_000 => 5,
            _ => 3,
        };
        let measured = take_turns(rounds, candidates);
        let time = |measured: &Measured| measured.median() / parts as f64;
        let (ours, raw) = (&measured[0], &measured[measured.len() - 1]);
        let point = Point {
            size,
            ours: time(ours),
            raw: time(raw),
        };
        println!(
            "  {size:>9} {:<10} {:>9.2} µs   {} {:.2} µs   {:.2} × floor",
            self.of,
            point.ours,
            raw.name,
            point.raw,
            ours.ratio(raw)
        );
        self.points.push(point);
    }
}

pub(crate) fn run(suite: &Suite) {
    let mut all = Vec::new();
    on::<File>(&mut all);
    on::<Postgres>(&mut all);
    on::<MariaDb>(&mut all);
    if suite.writes() {
        versioned_speed::picture::write("growth.svg", &picture::lines(&all, &Machine::look()))
            .unwrap();
    }
}

fn on<P: SaveAll + Columns + 'static>(all: &mut Vec<Growth>)
where
    Ticket: Owner<On<P>>,
    LatestPosition: Dependent<On<P>>,
    SequentialPosition: Dependent<On<P>>,
{
    let mut save = Growth::new("save", "columns", P::NAME);
    for (columns, mut candidates) in P::columns() {
        save.add(columns, 1, &mut candidates);
    }
    all.push(save);

    let mut save_all = Growth::new("save_all, a row", "rows", P::NAME);
    for rows in MANY {
        let place = P::fresh(TICKETS);
        let mut conn = place.connect();
        let number = i64::try_from(rows).unwrap();
        let mut candidates = vec![ours(number, &mut conn)];
        candidates.extend(place.by_hand(number).pop());
        save_all.add(rows, rows, &mut candidates);
    }
    all.push(save_all);

    let mut apply_all = Growth::new("apply_all, latest, an event", "events", P::NAME);
    for events in MANY {
        let mut candidates = all_candidates::<P, LatestPosition>(events);
        apply_all.add(events, events, &mut candidates);
    }
    all.push(apply_all);

    let mut apply = Growth::new("apply, sequential", "rows", P::NAME);
    for rows in REPLICAS {
        let number = i64::try_from(rows).unwrap();
        let mut candidates = candidates::<P, SequentialPosition>(number);
        apply.add(rows, 1, &mut candidates);
    }
    all.push(apply);
}
