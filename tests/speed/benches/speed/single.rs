//! One row: insert, save, a save that is refused, touch, delete; blocking on each backend, async on PostgreSQL.

use versioned_core::prelude::Owner;

use crate::asynchronous::{self, Sqlx, Tokio, runtime};
use crate::by_hand::{ByHand, Incumbent};
use crate::cached::{Cached, SaveOnly};
use crate::places::{File, MariaDb, Memory, On, Place, Postgres};
use crate::raw::{Raw as _, RawWriter};
use crate::report::{Subject, Suite};
use crate::tickets::{Operation, Ours, TICKETS, Ticket, Writer, candidate};
use crate::turns::take_turns;

const ROUNDS: usize = 41;

type Writers = Vec<(&'static str, Box<dyn Writer>)>;

pub(crate) fn run(suite: &mut Suite) {
    blocking::<Memory>(suite);
    blocking::<File>(suite);
    blocking::<Postgres>(suite);
    asynchronous(suite);
    blocking::<MariaDb>(suite);
}

fn blocking<P: Place>(suite: &mut Suite)
where
    Ticket: Owner<On<P>>,
    ByHand<P::Conn>: Writer,
    Incumbent<P::Conn>: Writer,
    P::Conn: SaveOnly,
{
    let wanted = wanted(suite, P::NAME);
    if wanted.is_empty() {
        return;
    }
    let (place, runtime) = (P::fresh(filled()), runtime());
    let mut writers: Writers = vec![
        ("versioned", Box::new(Ours(place.connect()))),
        ("Diesel by hand", Box::new(ByHand(place.connect()))),
        ("diesel_versioning", Box::new(Incumbent(place.connect()))),
    ];
    writers.push(("Diesel, cached by hand", Box::new(Cached(place.connect()))));
    writers.extend(place.sqlx(&runtime).map(|sqlx| ("sqlx", sqlx)));
    writers.push((P::Raw::NAME, Box::new(RawWriter::new(place.raw()))));
    measure(suite, P::NAME, &wanted, &mut writers);
}

fn asynchronous(suite: &mut Suite) {
    const NAME: &str = "PostgreSQL, async";
    let wanted = wanted(suite, NAME);
    if wanted.is_empty() {
        return;
    }
    let (place, runtime) = (Postgres::fresh(filled()), runtime());
    let url = place.0.url();
    let mut writers: Writers = vec![
        (
            "versioned",
            Box::new(asynchronous::Ours::open(&runtime, url)),
        ),
        (
            "Diesel by hand",
            Box::new(asynchronous::ByHand::open(&runtime, url)),
        ),
        (
            "diesel_versioning",
            Box::new(asynchronous::Incumbent::open(&runtime, url)),
        ),
        (
            "Diesel, cached by hand",
            Box::new(Cached::open(&runtime, url)),
        ),
        ("sqlx", Box::new(Sqlx::postgres(&runtime, url))),
        ("tokio-postgres", Box::new(Tokio::open(&runtime, url))),
    ];
    measure(suite, NAME, &wanted, &mut writers);
}

/// With 10,000 rows. In memory each candidate has a table of its own, and a look-up in one that is all but empty costs less.
fn filled() -> &'static str {
    format!(
        "{TICKETS};
         INSERT INTO tickets WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 99)
         SELECT -1 - a.n - 100 * b.n, 'concert', 20, 1 FROM n a, n b"
    )
    .leak()
}

fn wanted(suite: &Suite, place: &str) -> Vec<Operation> {
    let mut operations = Operation::ALL.to_vec();
    operations.retain(|operation| suite.wants(operation.name(), place));
    operations
}

fn measure(suite: &mut Suite, place: &'static str, wanted: &[Operation], writers: &mut Writers) {
    for operation in wanted {
        let mut candidates: Vec<_> = writers
            .iter_mut()
            .filter_map(|(name, writer)| candidate(name, *operation, &mut **writer))
            .collect();
        let measured = take_turns(ROUNDS, &mut candidates);
        suite.add(Subject::new(operation.name(), place, measured));
    }
}
