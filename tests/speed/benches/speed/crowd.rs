//! Many at once: eight workers who add one to the same row, and eight whose batches of ten rows overlap.

use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use diesel::prelude::*;
use versioned_core::prelude::{Owner, OwnerDsl};

use crate::batch::{LOCK, UNNEST, numbers, texts};
use crate::by_hand::{ByHand, changes, guarded};
use crate::places::{File, MariaDb, On, Place, Postgres};
use crate::raw::{Bind, Libpq, Raw};
use crate::report::{Subject, Suite};
use crate::tickets::{TICKETS, Ticket, tickets};
use crate::turns::{Candidate, Work, take_turns};

const WORKERS: i64 = 8;
const ROUNDS: usize = 9;
const INCREMENTS: i64 = 50;
const BATCHES: i64 = 25;
/// The rows that the batches are chosen from.
const ROWS: i64 = 20;
const BATCH: i64 = 10;
const INCREMENT: &str = "update_with, 8 workers on one row";
const OVERLAP: &str = "save_all, 8 workers, batches of 10 out of 20 rows";

pub(crate) fn run(suite: &mut Suite) {
    one_row::<File>(suite);
    one_row::<Postgres>(suite);
    one_row::<MariaDb>(suite);
    overlapping_batches(suite);
}

/// What one worker does, the time of this number.
type Worker = Box<dyn FnMut(i64) + Send>;

/// Workers who start at once, each on a connection of his own.
struct Crowd {
    workers: Vec<Worker>,
    /// How often each of them works.
    times: i64,
}

impl Crowd {
    fn candidate<'a>(
        name: &'static str,
        times: i64,
        worker: impl Fn(i64) -> Worker,
    ) -> Candidate<'a> {
        let workers = (0..WORKERS).map(worker).collect();
        (name, Box::new(Self { workers, times }))
    }
}

impl Work for Crowd {
    fn work(&mut self) {
        thread::scope(|scope| {
            for worker in &mut self.workers {
                scope.spawn(|| (0..self.times).for_each(worker));
            }
        });
    }
}

/// How often a row was changed, to be compared with what the row says: no increment may be lost.
static DONE: [AtomicI64; 3] = [const { AtomicI64::new(0) }; 3];

fn done(candidate: usize) {
    DONE[candidate].fetch_add(1, Ordering::Relaxed);
}

/// By hand: read, change, and again if another writer was faster.
trait Increment {
    fn increment(&mut self, id: i64);
}

macro_rules! increment {
    ($($conn:ty),*) => {$(
        impl Increment for ByHand<$conn> {
            fn increment(&mut self, id: i64) {
                loop {
                    let ticket = tickets::table.find(id).select(Ticket::as_select());
                    let mut ticket = ticket.first(&mut self.0).unwrap();
                    ticket.price += 1;
                    let save = diesel::update(guarded!(ticket)).set(changes!(ticket));
                    if save.execute(&mut self.0).unwrap() == 1 {
                        break;
                    }
                }
            }
        }
    )*};
}

increment!(PgConnection, SqliteConnection, MysqlConnection);

fn one_row<P: Place>(suite: &mut Suite)
where
    Ticket: Owner<On<P>>,
    ByHand<P::Conn>: Increment + Send + 'static,
{
    if !suite.wants(INCREMENT, P::NAME) {
        return;
    }
    let place = P::fresh(TICKETS);
    let mut conn = place.connect();
    for id in 0..3 {
        Ticket {
            price: 0,
            ..Ticket::new(id)
        }
        .import(&mut conn)
        .unwrap();
        DONE[usize::try_from(id).unwrap()].store(0, Ordering::Relaxed);
    }
    let ours = |_| -> Worker {
        let mut conn = place.connect();
        Box::new(move |_| {
            // Bounded, and so it may give up.
            while let Err(error) = Ticket::update_with(&0, &mut conn, |ticket| {
                ticket.price += 1;
                Ok(())
            }) {
                assert!(error.is_conflict(), "{error}");
            }
            done(0);
        })
    };
    let by_hand = |_| -> Worker {
        let mut conn = ByHand(place.connect());
        Box::new(move |_| {
            conn.increment(1);
            done(1);
        })
    };
    let raw = |_| -> Worker {
        let mut raw = place.raw();
        let load = raw.prepare("SELECT price, version FROM tickets WHERE id = ?");
        let save =
            raw.prepare("UPDATE tickets SET price = ?, version = ? WHERE id = ? AND version = ?");
        Box::new(move |_| {
            loop {
                let [price, version] = raw.numbers(load, &[Bind::Number(2)]);
                let binds = [price + 1, version + 1, 2, version].map(Bind::Number);
                if raw.run(save, &binds) == 1 {
                    break;
                }
            }
            done(2);
        })
    };
    let mut candidates = [
        Crowd::candidate("versioned", INCREMENTS, ours),
        Crowd::candidate("Diesel, a loop by hand", INCREMENTS, by_hand),
        Crowd::candidate(P::Raw::NAME, INCREMENTS, raw),
    ];
    let measured = take_turns(ROUNDS, &mut candidates);
    for (id, done) in (0..).zip(&DONE) {
        let price = Ticket::find(&id, &mut conn).unwrap().price;
        assert_eq!(price, done.load(Ordering::Relaxed), "an increment was lost");
    }
    let increments = (WORKERS * INCREMENTS) as f64;
    let measured = measured
        .into_iter()
        .map(|measured| measured.per(increments));
    suite.add(Subject::new(INCREMENT, P::NAME, measured.collect()).note("an increment"));
}

/// The rows of a batch, of those that begin at `first`, in the order of their keys.
fn ids(first: i64, worker: i64, batch: i64) -> Vec<i64> {
    let start = worker * 3 + batch * 7;
    let mut ids: Vec<i64> = (0..BATCH)
        .map(|place| first + (start + place) % ROWS)
        .collect();
    ids.sort_unstable();
    ids
}

fn load(ids: &[i64], conn: &mut PgConnection) -> Vec<Ticket> {
    let rows = tickets::table.filter(tickets::id.eq_any(ids));
    let mut tickets: Vec<Ticket> = rows.select(Ticket::as_select()).load(conn).unwrap();
    for ticket in &mut tickets {
        ticket.price += 1;
    }
    tickets
}

fn overlapping_batches(suite: &mut Suite) {
    if !suite.wants(OVERLAP, Postgres::NAME) {
        return;
    }
    let place = Postgres::fresh(TICKETS);
    let mut conn = place.connect();
    for id in 0..2 * ROWS {
        Ticket {
            price: 0,
            ..Ticket::new(id)
        }
        .import(&mut conn)
        .unwrap();
    }
    for done in &DONE {
        done.store(0, Ordering::Relaxed);
    }
    let ours = |worker| -> Worker {
        let mut conn = place.connect();
        Box::new(move |batch| {
            while let Err(error) =
                Ticket::save_all(&mut load(&ids(0, worker, batch), &mut conn), &mut conn)
            {
                assert!(error.is_conflict(), "{error}");
            }
            done(0);
        })
    };
    let raw = |worker| -> Worker {
        let (mut conn, mut raw) = (place.connect(), place.raw());
        let lock = raw.prepare(LOCK);
        let save = raw.prepare(UNNEST);
        Box::new(move |batch| {
            while !lock_and_save(
                &load(&ids(ROWS, worker, batch), &mut conn),
                lock,
                save,
                &mut raw,
            ) {}
            done(1);
        })
    };
    let mut candidates = [
        Crowd::candidate("versioned", BATCHES, ours),
        Crowd::candidate("libpq, lock and unnest", BATCHES, raw),
    ];
    let measured = take_turns(ROUNDS, &mut candidates);
    for (place, done) in (0..2).zip(&DONE) {
        let rows = tickets::table.filter(tickets::id.between(place * ROWS, (place + 1) * ROWS - 1));
        let prices: Vec<i64> = rows.select(tickets::price).load(&mut conn).unwrap();
        let increments = done.load(Ordering::Relaxed) * BATCH;
        assert_eq!(
            prices.iter().sum::<i64>(),
            increments,
            "an increment was lost"
        );
    }
    let batches = (WORKERS * BATCHES) as f64;
    let measured = measured.into_iter().map(|measured| measured.per(batches));
    suite.add(Subject::new(OVERLAP, Postgres::NAME, measured.collect()).note("a batch"));
}

/// Whether all rows were at their versions.
fn lock_and_save(tickets: &[Ticket], lock: usize, save: usize, raw: &mut Libpq) -> bool {
    let ids = numbers(tickets, |ticket| ticket.id);
    raw.batch("BEGIN");
    raw.run(lock, &[Bind::Array(&ids)]);
    let binds = [
        &ids,
        &texts(tickets, |ticket| &ticket.title),
        &numbers(tickets, |ticket| ticket.price),
        &numbers(tickets, |ticket| ticket.version),
    ];
    let count = raw.run(save, &binds.map(|bytes| Bind::Array(bytes)));
    let all = count == tickets.len() as u64;
    raw.batch(if all { "COMMIT" } else { "ROLLBACK" });
    all
}
