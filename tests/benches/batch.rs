//! A batch of 1,000 guarded saves, all or none: this toolkit, the raw driver and a loop of hand-written Diesel updates, in one
//! run. And batches of ten rows, saved by eight workers at once over the same twenty rows.
//!
//! `cargo bench -p versioned-tests --all-features --bench batch`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a program of our own"
)]

mod turns;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use versioned_core::prelude::*;

use self::turns::{Candidate, medians};

const ROWS: i64 = 1_000;
const ROUNDS: usize = 21;

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

/// What the raw drivers run, row by row.
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

/// The candidate number `place` has a thousand rows of its own.
fn batch(place: i64) -> Vec<Ticket> {
    (place * ROWS..(place + 1) * ROWS)
        .map(|id| Ticket {
            id,
            title: format!("show {id}"),
            price: 20,
            version: 0,
        })
        .collect()
}

/// This toolkit.
macro_rules! ours {
    ($conn:expr) => {{
        let conn = $conn;
        let mut tickets = batch(1);
        Ticket::insert_all(&mut tickets, conn).unwrap();
        let candidate: Candidate<'_> = (
            "versioned",
            Box::new(move || {
                for ticket in &mut tickets {
                    ticket.price += 1;
                }
                Ticket::save_all(&mut tickets, conn).unwrap();
            }),
        );
        candidate
    }};
}

/// What one writes by hand with Diesel's own query builder.
macro_rules! by_hand {
    ($conn:expr) => {{
        let conn = $conn;
        let mut tickets = batch(2);
        Ticket::insert_all(&mut tickets, conn).unwrap();
        let candidate: Candidate<'_> = (
            "a loop of Diesel's",
            Box::new(move || {
                conn.transaction(|conn| {
                    for ticket in &mut tickets {
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
                            .execute(conn)?;
                        assert_eq!(count, 1);
                        ticket.version += 1;
                    }
                    QueryResult::Ok(())
                })
                .unwrap();
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
    let create = if path == ":memory:" { TICKETS } else { "" };
    let mut one = open();
    one.batch_execute(TICKETS).unwrap();
    let mut two = open();
    two.batch_execute(create).unwrap();
    let mut three = open();
    three.batch_execute(create).unwrap();
    let mut tickets = batch(3);
    Ticket::insert_all(&mut tickets, &mut three).unwrap();
    let flags =
        rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_FULL_MUTEX;
    let mut raw = rusqlite::Connection::open_with_flags(path, flags).unwrap();
    raw.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
        .unwrap();
    raw.execute_batch(create).unwrap();
    if path == ":memory:" {
        for ticket in &tickets {
            raw.execute(
                "INSERT INTO tickets VALUES (?, ?, 20, 1)",
                (ticket.id, &ticket.title),
            )
            .unwrap();
        }
    }
    let raw: Candidate<'_> = (
        "rusqlite's prepared loop",
        Box::new(move || {
            let transaction = raw.transaction().unwrap();
            let mut save = transaction.prepare_cached(SAVE).unwrap();
            for ticket in &mut tickets {
                ticket.price += 1;
                let binds = (
                    &ticket.title,
                    ticket.price,
                    ticket.version + 1,
                    ticket.id,
                    ticket.version,
                );
                assert_eq!(save.execute(binds).unwrap(), 1);
                ticket.version += 1;
            }
            drop(save);
            transaction.commit().unwrap();
        }),
    );
    report(name, &mut [ours!(&mut one), by_hand!(&mut two), raw]);
}

/// What a PostgreSQL client sends of an array.
#[cfg(feature = "postgres")]
fn array<'a>(
    oid: u32,
    elements: impl ExactSizeIterator<Item = std::borrow::Cow<'a, [u8]>>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in [1, 0, oid, u32::try_from(elements.len()).unwrap(), 1] {
        bytes.extend(number.to_be_bytes());
    }
    for element in elements {
        bytes.extend(u32::try_from(element.len()).unwrap().to_be_bytes());
        bytes.extend(&*element);
    }
    bytes
}

#[cfg(feature = "postgres")]
fn numbers(tickets: &[Ticket], number: impl Fn(&Ticket) -> i64) -> Vec<u8> {
    array(
        20,
        tickets
            .iter()
            .map(|ticket| number(ticket).to_be_bytes().to_vec().into()),
    )
}

#[cfg(feature = "postgres")]
const UNNEST: &str = "UPDATE tickets SET title = v.title, price = v.price, version = v.version + 1 \
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) AS v (id, title, price, version) \
    WHERE tickets.id = v.id AND tickets.version = v.version";

#[cfg(feature = "postgres")]
fn postgres() {
    let db = versioned_tests::postgres::Db::fresh(TICKETS);
    let (mut one, mut two) = (db.connect(), db.connect());
    let mut tickets = batch(3);
    Ticket::insert_all(&mut tickets, &mut db.connect()).unwrap();
    let raw = versioned_raw::Connection::open(db.url()).unwrap();
    let save = raw.prepare(UNNEST).unwrap();
    let unnest: Candidate<'_> = (
        "libpq, unnest",
        Box::new(|| {
            for ticket in &mut tickets {
                ticket.price += 1;
            }
            raw.execute("BEGIN").unwrap();
            let titles = array(
                25,
                tickets.iter().map(|ticket| ticket.title.as_bytes().into()),
            );
            let count = save
                .execute([
                    &numbers(&tickets, |ticket| ticket.id),
                    &titles,
                    &numbers(&tickets, |ticket| ticket.price),
                    &numbers(&tickets, |ticket| ticket.version),
                ])
                .unwrap();
            assert_eq!(count, 1_000);
            raw.execute("COMMIT").unwrap();
            for ticket in &mut tickets {
                ticket.version += 1;
            }
        }),
    );
    report(
        "PostgreSQL",
        &mut [ours!(&mut one), by_hand!(&mut two), unnest],
    );
}

#[cfg(feature = "mysql")]
fn mysql() {
    use mysql::prelude::Queryable as _;

    let db = versioned_tests::mysql::Db::fresh(TICKETS);
    let (mut one, mut two) = (db.connect(), db.connect());
    let open = || {
        let opts = mysql::OptsBuilder::from_opts(mysql::Opts::from_url(db.url()).unwrap())
            .prefer_socket(false);
        mysql::Conn::new(opts).unwrap()
    };
    let (mut three, mut four) = (batch(3), batch(4));
    Ticket::insert_all(&mut three, &mut db.connect()).unwrap();
    Ticket::insert_all(&mut four, &mut db.connect()).unwrap();
    let mut raw = open();
    let save = raw.prep(SAVE).unwrap();
    let prepared: Candidate<'_> = (
        "mysql's prepared loop",
        Box::new(move || {
            raw.query_drop("START TRANSACTION").unwrap();
            for ticket in &mut three {
                ticket.price += 1;
                let binds = (
                    &ticket.title,
                    ticket.price,
                    ticket.version + 1,
                    ticket.id,
                    ticket.version,
                );
                raw.exec_drop(&save, binds).unwrap();
                assert_eq!(raw.affected_rows(), 1);
                ticket.version += 1;
            }
            raw.query_drop("COMMIT").unwrap();
        }),
    );
    let mut raw = open();
    let save = raw
        .prep(
            "UPDATE tickets JOIN JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$[0]', title VARCHAR(100) PATH '$[1]', \
             price BIGINT PATH '$[2]', version BIGINT PATH '$[3]')) v ON tickets.id = v.id AND tickets.version = v.version \
             SET tickets.title = v.title, tickets.price = v.price, tickets.version = v.version + 1",
        )
        .unwrap();
    let json: Candidate<'_> = (
        "mysql, JSON_TABLE",
        Box::new(move || {
            raw.query_drop("START TRANSACTION").unwrap();
            for ticket in &mut four {
                ticket.price += 1;
            }
            let rows: Vec<_> = four
                .iter()
                .map(|ticket| (ticket.id, &ticket.title, ticket.price, ticket.version))
                .collect();
            raw.exec_drop(&save, (serde_json::to_string(&rows).unwrap(),))
                .unwrap();
            assert_eq!(raw.affected_rows(), 1_000);
            raw.query_drop("COMMIT").unwrap();
            for ticket in &mut four {
                ticket.version += 1;
            }
        }),
    );
    report(
        "MariaDB",
        &mut [ours!(&mut one), by_hand!(&mut two), prepared, json],
    );
}

/// The first candidate is ours.
fn report(name: &str, candidates: &mut [Candidate<'_>]) {
    let medians = medians(ROUNDS, 1, candidates);
    println!("\n{name}: {ROWS} guarded saves, all or none, of each");
    for ((candidate, _), median) in candidates.iter().zip(&medians) {
        let row = median / ROWS as f64;
        println!(
            "  {candidate:<26} {row:>7.2} µs   {:>6.2} × versioned",
            median / medians[0]
        );
    }
}

// Eight workers, twenty rows, batches of ten that overlap; each adds one to each row, 25 times.
#[cfg(feature = "postgres")]
const WORKERS: i64 = 8;
#[cfg(feature = "postgres")]
const BATCHES: i64 = 25;
#[cfg(feature = "postgres")]
const CROWDED: i64 = 20;
#[cfg(feature = "postgres")]
const RUNS: usize = 5;

#[cfg(feature = "postgres")]
fn ids(worker: i64, batch: i64) -> Vec<i64> {
    let first = worker * 3 + batch * 7;
    let mut ids: Vec<i64> = (0..10).map(|place| (first + place) % CROWDED).collect();
    ids.sort_unstable();
    ids
}

/// Runs the workers; the median time of one batch in microseconds. Whatever they do, no increment may be lost.
#[cfg(feature = "postgres")]
fn time<W: FnMut(&[i64])>(
    worker: impl Fn() -> W + Sync,
    fresh: impl Fn(),
    sum: impl Fn() -> i64,
) -> f64 {
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            fresh();
            let start = std::time::Instant::now();
            std::thread::scope(|scope| {
                for number in 0..WORKERS {
                    let worker = &worker;
                    scope.spawn(move || {
                        let mut work = worker();
                        for batch in 0..BATCHES {
                            work(&ids(number, batch));
                        }
                    });
                }
            });
            let elapsed = start.elapsed().as_secs_f64() * 1e6 / (WORKERS * BATCHES) as f64;
            assert_eq!(sum(), WORKERS * BATCHES * 10, "an increment was lost");
            elapsed
        })
        .collect();
    runs.sort_unstable_by(f64::total_cmp);
    runs[RUNS / 2]
}

#[cfg(feature = "postgres")]
fn crowd() {
    let db = versioned_tests::postgres::Db::fresh(TICKETS);
    let fresh = || {
        let mut conn = db.connect();
        conn.batch_execute("TRUNCATE tickets").unwrap();
        let mut rows: Vec<Ticket> = (0..CROWDED)
            .map(|id| Ticket {
                id,
                title: "show".into(),
                price: 0,
                version: 0,
            })
            .collect();
        Ticket::insert_all(&mut rows, &mut conn).unwrap();
    };
    let sum = || -> i64 {
        let prices: Vec<i64> = tickets::table
            .select(tickets::price)
            .load(&mut db.connect())
            .unwrap();
        prices.iter().sum()
    };
    let load = |ids: &[i64], conn: &mut PgConnection| -> Vec<Ticket> {
        tickets::table
            .filter(tickets::id.eq_any(ids))
            .select(Ticket::as_select())
            .load(conn)
            .unwrap()
    };
    let ours = time(
        || {
            let mut conn = db.connect();
            move |ids: &[i64]| loop {
                let mut tickets = load(ids, &mut conn);
                for ticket in &mut tickets {
                    ticket.price += 1;
                }
                match Ticket::save_all(&mut tickets, &mut conn) {
                    Ok(_) => break,
                    Err(error) => assert!(error.is_conflict(), "{error}"),
                }
            }
        },
        fresh,
        sum,
    );
    let raw = time(
        || {
            let mut conn = db.connect();
            // The statements borrow it for as long as the worker lives.
            let raw: &versioned_raw::Connection =
                Box::leak(Box::new(versioned_raw::Connection::open(db.url()).unwrap()));
            let lock = raw
                .prepare("SELECT FROM tickets WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE")
                .unwrap();
            let save = raw.prepare(UNNEST).unwrap();
            move |ids: &[i64]| {
                loop {
                    let mut tickets = load(ids, &mut conn);
                    for ticket in &mut tickets {
                        ticket.price += 1;
                    }
                    raw.execute("BEGIN").unwrap();
                    lock.execute([&numbers(&tickets, |ticket| ticket.id)])
                        .unwrap();
                    let titles = array(
                        25,
                        tickets.iter().map(|ticket| ticket.title.as_bytes().into()),
                    );
                    let count = save
                        .execute([
                            &numbers(&tickets, |ticket| ticket.id),
                            &titles,
                            &numbers(&tickets, |ticket| ticket.price),
                            &numbers(&tickets, |ticket| ticket.version),
                        ])
                        .unwrap();
                    if count == 10 {
                        raw.execute("COMMIT").unwrap();
                        break;
                    }
                    raw.execute("ROLLBACK").unwrap();
                }
            }
        },
        fresh,
        sum,
    );
    println!(
        "\nPostgreSQL: {WORKERS} workers, batches of 10 out of {CROWDED} rows, per batch that was saved"
    );
    println!("  versioned                  {ours:>8.0} µs");
    println!(
        "  libpq, lock and unnest     {raw:>8.0} µs   {:>6.2} × versioned",
        raw / ours
    );
}

fn main() {
    if turns::is_a_test() {
        return;
    }
    turns::pin();
    let directory = tempfile::tempdir().unwrap();
    sqlite("SQLite in memory", ":memory:");
    sqlite(
        "SQLite, a file in WAL",
        directory.path().join("tickets.db").to_str().unwrap(),
    );
    #[cfg(feature = "postgres")]
    {
        postgres();
        crowd();
    }
    #[cfg(feature = "mysql")]
    mysql();
}
