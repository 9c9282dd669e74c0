//! One guarded save: this toolkit, hand-written Diesel and the raw driver's prepared statement, in one run. And a hundred of
//! them on one async PostgreSQL connection, one after the other and in a pipeline.
//!
//! `cargo bench -p versioned-tests --all-features --bench save`
//!
//! Client and server stay on one CPU: unpinned, waking the other CPU is most of what is measured. The candidates take
//! turns in short rounds, so that a change of the machine's speed meets all of them; the medians of the rounds and
//! their ratios are printed. Writes are not durable (`synchronous = OFF` and its like): the disk is not the subject.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a program of our own"
)]

use std::os::unix::process::CommandExt as _;
use std::time::{Duration, Instant};

use diesel::connection::{LoadConnection, SimpleConnection};
use diesel::prelude::*;
use versioned_core::prelude::*;

const CPU: usize = 0;
const PINNED: &str = "VERSIONED_BENCH_PINNED";
const ROUNDS: usize = 41;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> VarChar,
        price -> BigInt,
        version -> BigInt,
    }
}

const TICKETS: &str = "CREATE TABLE tickets (
    id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL
)";

/// What the raw drivers run.
const SAVE: &str =
    "UPDATE tickets SET title = ?, price = ?, version = ? WHERE id = ? AND version = ?";

#[derive(Debug, Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    price: i64,
    version: i64,
}

impl Ticket {
    fn new(id: i64) -> Self {
        Self {
            id,
            title: "concert".into(),
            price: 20,
            version: 1,
        }
    }
}

/// Somebody who saves a ticket, guarded.
type Candidate<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// This toolkit.
fn ours<C>(conn: &mut C) -> Candidate<'_>
where
    C: LoadConnection,
    Ticket: Owner<C::Backend>,
{
    let mut ticket = Ticket::new(1);
    ticket.import(conn).unwrap();
    (
        "versioned",
        Box::new(move || {
            ticket.price += 1;
            ticket.save(conn).unwrap();
        }),
    )
}

/// What one writes by hand with Diesel's own query builder.
macro_rules! by_hand {
    ($conn:expr) => {{
        let conn = $conn;
        let mut ticket = Ticket::new(2);
        ticket.import(conn).unwrap();
        let candidate: Candidate<'_> = (
            "Diesel by hand",
            Box::new(move || {
                ticket.price += 1;
                let row = tickets::table
                    .find(ticket.id)
                    .filter(tickets::version.eq(ticket.version));
                let count = diesel::update(row)
                    .set((
                        tickets::title.eq(&ticket.title),
                        tickets::price.eq(ticket.price),
                        tickets::version.eq(ticket.version + 1),
                    ))
                    .execute(conn)
                    .unwrap();
                assert_eq!(count, 1);
                ticket.version += 1;
            }),
        );
        candidate
    }};
}

fn sqlite(name: &'static str, path: &str) {
    let open = || {
        let mut conn = SqliteConnection::establish(path).unwrap();
        conn.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
            .unwrap();
        conn
    };
    // In memory each connection has a database of its own.
    let create = if path == ":memory:" { TICKETS } else { "" };
    let mut one = open();
    one.batch_execute(TICKETS).unwrap();
    let mut two = open();
    two.batch_execute(create).unwrap();
    // With the same threading mode as Diesel's connections.
    let raw = rusqlite::Connection::open_with_flags(
        path,
        rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_FULL_MUTEX,
    )
    .unwrap();
    raw.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
        .unwrap();
    raw.execute_batch(create).unwrap();
    raw.execute("INSERT INTO tickets VALUES (3, 'concert', 20, 1)", ())
        .unwrap();
    let mut ticket = Ticket::new(3);
    let raw: Candidate<'_> = (
        "rusqlite, cached",
        Box::new(move || {
            ticket.price += 1;
            let mut save = raw.prepare_cached(SAVE).unwrap();
            let count = save
                .execute((
                    &ticket.title,
                    ticket.price,
                    ticket.version + 1,
                    ticket.id,
                    ticket.version,
                ))
                .unwrap();
            assert_eq!(count, 1);
            ticket.version += 1;
        }),
    );
    compare(name, 400, &mut [ours(&mut one), by_hand!(&mut two), raw]);
}

#[cfg(feature = "postgres")]
fn postgres() {
    let db = versioned_tests::postgres::Db::fresh(TICKETS);
    let (mut one, mut two) = (db.connect(), db.connect());
    let raw = versioned_raw::Connection::open(db.url()).unwrap();
    raw.execute("INSERT INTO tickets VALUES (3, 'concert', 20, 1)")
        .unwrap();
    let save = raw
        .prepare("UPDATE tickets SET title = $1, price = $2, version = $3 WHERE id = $4 AND version = $5")
        .unwrap();
    let mut ticket = Ticket::new(3);
    let raw: Candidate<'_> = (
        "libpq, prepared",
        Box::new(move || {
            ticket.price += 1;
            let [price, next, id, version] =
                [ticket.price, ticket.version + 1, ticket.id, ticket.version].map(i64::to_be_bytes);
            let count = save
                .execute([ticket.title.as_bytes(), &price, &next, &id, &version])
                .unwrap();
            assert_eq!(count, 1);
            ticket.version += 1;
        }),
    );
    compare(
        "PostgreSQL",
        40,
        &mut [ours(&mut one), by_hand!(&mut two), raw],
    );
}

#[cfg(feature = "mysql")]
fn mysql() {
    use mysql::prelude::Queryable as _;

    let db = versioned_tests::mysql::Db::fresh(TICKETS);
    let (mut one, mut two) = (db.connect(), db.connect());
    // Diesel's connection goes through TCP, and so does this one.
    let opts = mysql::OptsBuilder::from_opts(mysql::Opts::from_url(db.url()).unwrap())
        .prefer_socket(false);
    let mut raw = mysql::Conn::new(opts).unwrap();
    raw.query_drop("INSERT INTO tickets VALUES (3, 'concert', 20, 1)")
        .unwrap();
    let save = raw.prep(SAVE).unwrap();
    let mut ticket = Ticket::new(3);
    let raw: Candidate<'_> = (
        "mysql, prepared",
        Box::new(move || {
            ticket.price += 1;
            raw.exec_drop(
                &save,
                (
                    &ticket.title,
                    ticket.price,
                    ticket.version + 1,
                    ticket.id,
                    ticket.version,
                ),
            )
            .unwrap();
            assert_eq!(raw.affected_rows(), 1);
            ticket.version += 1;
        }),
    );
    compare(
        "MariaDB",
        40,
        &mut [ours(&mut one), by_hand!(&mut two), raw],
    );
}

/// Tickets on one `diesel-async` connection, all of them saved in each turn.
#[cfg(feature = "postgres")]
fn pipeline() {
    use diesel_async::{AsyncConnection as _, AsyncPgConnection};
    use futures_util::future::{join_all, try_join_all};
    use versioned_core::async_prelude::OwnerDsl as AsyncOwnerDsl;

    const TICKETS_AT_ONCE: i64 = 100;

    let db = versioned_tests::postgres::Db::fresh(TICKETS);
    let mut rows = db.connect();
    let mut import = |ids: std::ops::Range<i64>| -> Vec<Ticket> {
        let tickets: Vec<_> = ids.map(Ticket::new).collect();
        for ticket in &tickets {
            OwnerDsl::import(ticket, &mut rows).unwrap();
        }
        tickets
    };
    let (mut ones, mut others) = (
        import(0..TICKETS_AT_ONCE),
        import(TICKETS_AT_ONCE..2 * TICKETS_AT_ONCE),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let open = || AsyncPgConnection::establish(db.url());
    let connections = runtime.block_on(try_join_all([open(), open()])).unwrap();
    let [mut one, other] =
        <[AsyncPgConnection; 2]>::try_from(connections).unwrap_or_else(|_| unreachable!());

    let after_each_other: Candidate<'_> = (
        "one after the other",
        Box::new(|| {
            runtime.block_on(async {
                for ticket in &mut ones {
                    ticket.price += 1;
                    AsyncOwnerDsl::save(ticket, &mut one).await.unwrap();
                }
            });
        }),
    );
    let in_a_pipeline: Candidate<'_> = (
        "in a pipeline",
        Box::new(|| {
            runtime.block_on(join_all(others.iter_mut().map(async |ticket| {
                ticket.price += 1;
                ticket.save_pipelined(&mut &other).await.unwrap();
            })));
        }),
    );
    let mut candidates = [after_each_other, in_a_pipeline];
    let medians = medians(1, &mut candidates);
    println!("\nPostgreSQL, diesel-async: {TICKETS_AT_ONCE} guarded saves");
    for ((candidate, _), median) in candidates.iter().zip(&medians) {
        println!(
            "  {candidate:<20} {median:>8.0} µs   {:>5.2} × one after the other",
            median / medians[0]
        );
    }
}

/// Lets the candidates take turns, `saves` at a time, and answers with the medians of one save in microseconds.
fn medians(saves: u32, candidates: &mut [Candidate<'_>]) -> Vec<f64> {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); candidates.len()];
    for round in 0..=ROUNDS {
        for ((_, save), times) in candidates.iter_mut().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..saves {
                save();
            }
            // The first round warms up.
            if round > 0 {
                times.push(start.elapsed() / saves);
            }
        }
    }
    times
        .iter_mut()
        .map(|times| {
            times.sort_unstable();
            times[ROUNDS / 2].as_secs_f64() * 1e6
        })
        .collect()
}

/// Prints the medians; the first candidate is ours, the last is raw.
fn compare(name: &str, saves: u32, candidates: &mut [Candidate<'_>]) {
    let medians = medians(saves, candidates);
    let (ours, raw) = (medians[0], medians[medians.len() - 1]);
    println!("\n{name}: one guarded save");
    for ((candidate, _), median) in candidates.iter().zip(&medians) {
        println!(
            "  {candidate:<20} {median:>8.2} µs   {:>5.2} × raw   {:>5.2} × versioned",
            median / raw,
            median / ours
        );
    }
}

fn main() {
    // `cargo test --benches` only wants to know whether it runs.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    if std::env::var_os(PINNED).is_none() {
        let error = std::process::Command::new("taskset")
            .args(["-c", &CPU.to_string()])
            .args(std::env::args_os())
            .env(PINNED, "1")
            .exec();
        println!("not pinned to one CPU ({error}): the figures of the servers will say little");
    }
    let directory = tempfile::tempdir().unwrap();
    sqlite("SQLite in memory", ":memory:");
    sqlite(
        "SQLite, a file in WAL",
        directory.path().join("tickets.db").to_str().unwrap(),
    );
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    versioned_tests::server::pin_to_cpu(CPU);
    #[cfg(feature = "postgres")]
    {
        postgres();
        pipeline();
    }
    #[cfg(feature = "mysql")]
    mysql();
}
