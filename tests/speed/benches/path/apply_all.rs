//! A thousand events at once: `apply_all` on PostgreSQL, against the statement that only writes the rows.

use std::time::Instant;

use diesel::connection::SimpleConnection as _;
use diesel_async::AsyncPgConnection;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Statement};
use versioned_core::async_prelude::DependentDsl as _;
use versioned_core::prelude::Dependent;
use versioned_core::{Event, Outcome};
use versioned_speed::Measured;
use versioned_tests::postgres::Db;

use crate::by_hand::{Rows, UPSERT_ALL};
use crate::report::{Length, Report, Subject};
use crate::services::{self, Latest, Sequential, Ticket, event};

const EVENTS: i64 = 1_000;
/// Rows and positions, in one statement.
const WITH_POSITIONS: &str = "WITH incoming AS ( \
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) AS v (id, title, price, version) \
    ), positions AS ( \
        INSERT INTO versioned_positions (replica, entity, key, version) \
        SELECT 'ticket_copies', 'tickets', id::text, version FROM incoming ORDER BY id \
        ON CONFLICT (replica, entity, key) DO UPDATE SET version = excluded.version \
        WHERE versioned_positions.version = excluded.version - 1 RETURNING key, version \
    ) \
    INSERT INTO ticket_copies (id, title, price, version) \
    SELECT incoming.* FROM incoming JOIN positions ON positions.key = incoming.id::text \
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, price = excluded.price, version = excluded.version";

/// One batch at a time.
trait Candidate {
    /// Prepares the next batch; its time does not count.
    fn ready(&mut self);

    fn apply(&mut self);

    /// Fails if the rows are not those of the last batches.
    fn verify(&mut self);
}

type Named<'a> = (&'static str, Box<dyn Candidate + 'a>);

pub(crate) fn run(report: &mut Report, runtime: &Runtime) {
    let (sizes, rounds): (&[(i64, &'static str)], usize) = match report.length {
        Length::Short => (&[SMALL], 2),
        Length::Usual => (&[SMALL, MEDIUM], 7),
        Length::Long => (&[SMALL, MEDIUM, LARGE], 15),
    };
    for (records, name) in sizes {
        let mut candidates: Vec<Named<'_>> = vec![
            (
                "versioned, sequential",
                ours::<Sequential>(runtime, *records, Shape::Records),
            ),
            (
                "versioned, latest",
                ours::<Latest>(runtime, *records, Shape::Records),
            ),
            (
                "versioned, sequential, of one record",
                ours::<Sequential>(runtime, *records, Shape::Versions),
            ),
            (
                "by hand, unnest, with positions",
                by_hand(runtime, *records, WITH_POSITIONS),
            ),
            ("by hand, unnest", by_hand(runtime, *records, UPSERT_ALL)),
        ];
        let count = candidates.len();
        let mut measured = vec![Vec::new(); count];
        // The first round does not count: it prepares statements and fills caches.
        for round in 0..=rounds {
            for place in 0..count {
                let place = (place + round) % count;
                let candidate = &mut candidates[place].1;
                candidate.ready();
                let start = Instant::now();
                candidate.apply();
                if round > 0 {
                    measured[place].push(start.elapsed().as_secs_f64() * 1e3);
                }
            }
        }
        let measured = candidates.iter_mut().zip(measured);
        let measured = measured.map(|((name, candidate), rounds)| {
            candidate.verify();
            Measured::new(name, rounds)
        });
        report.add_times(Subject::new(name, "ms", measured.collect()));
    }
}

const SMALL: (i64, &str) = (1_000, "apply_all of 1,000, 1,000 records");
const MEDIUM: (i64, &str) = (100_000, "apply_all of 1,000, 100,000 records");
const LARGE: (i64, &str) = (1_000_000, "apply_all of 1,000, 1,000,000 records");

/// What a batch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// An event of each of a thousand records.
    Records,
    /// A thousand versions of one record.
    Versions,
}

/// The versions of all records, and the batches.
struct Records {
    versions: Vec<i64>,
    shape: Shape,
    next: usize,
}

impl Records {
    fn new(records: i64, shape: Shape) -> Self {
        Self {
            versions: vec![1; usize::try_from(records).unwrap()],
            shape,
            next: 0,
        }
    }

    fn batch<T>(&mut self, data: impl Fn(Ticket) -> T) -> Vec<Event<T>> {
        (0..EVENTS)
            .map(|number| {
                if self.shape == Shape::Records || number == 0 {
                    // A prime: every record has its turn, and no two neighbors are in a batch.
                    self.next = (self.next + 7_919) % self.versions.len();
                }
                self.versions[self.next] += 1;
                let id = i64::try_from(self.next).unwrap();
                event(id, self.versions[self.next], &data)
            })
            .collect()
    }

    /// A database with these records, and their positions.
    fn replica(&self) -> Db {
        let replica = services::replica();
        let sql = format!(
            "INSERT INTO ticket_copies SELECT n, 'concert ' || n, 1, 1 FROM generate_series(0, {} - 1) AS n; \
             INSERT INTO versioned_positions (replica, entity, key, version) \
             SELECT 'ticket_copies', 'tickets', id::text, 1 FROM ticket_copies",
            self.versions.len()
        );
        let mut conn = replica.connect();
        conn.batch_execute(&sql).unwrap();
        // Not in the middle of a turn.
        for table in ["ticket_copies", "versioned_positions"] {
            conn.batch_execute(&format!("VACUUM ANALYZE {table}"))
                .unwrap();
        }
        replica
    }

    async fn verify(&self, replica: &Db, positions: bool) {
        let client = services::client(replica).await;
        let sql = "SELECT id, version FROM ticket_copies \
            WHERE title = 'concert ' || id AND price = version ORDER BY id";
        let rows = client.query(sql, &[]).await.unwrap();
        let expected: Vec<_> = (0..).zip(self.versions.iter().copied()).collect();
        let read = |rows: &[tokio_postgres::Row]| -> Vec<(i64, i64)> {
            rows.iter().map(|row| (row.get(0), row.get(1))).collect()
        };
        assert_eq!(read(&rows), expected, "wrong rows");
        if positions {
            let sql = "SELECT key::bigint, version FROM versioned_positions ORDER BY 1";
            let rows = client.query(sql, &[]).await.unwrap();
            assert_eq!(read(&rows), expected, "wrong positions");
        }
    }
}

struct Ours<'a, M> {
    runtime: &'a Runtime,
    conn: AsyncPgConnection,
    records: Records,
    data: fn(Ticket) -> M,
    batch: Vec<Event<M>>,
    replica: Db,
}

impl<M> Candidate for Ours<'_, M>
where
    M: Dependent<diesel::pg::Pg>,
{
    fn ready(&mut self) {
        self.batch = self.records.batch(self.data);
    }

    fn apply(&mut self) {
        let outcomes = self
            .runtime
            .block_on(M::apply_all(&self.batch, &mut self.conn))
            .unwrap();
        assert_eq!(outcomes.len(), self.batch.len());
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Applied));
    }

    fn verify(&mut self) {
        self.runtime
            .block_on(self.records.verify(&self.replica, true));
    }
}

fn ours<M>(runtime: &Runtime, records: i64, shape: Shape) -> Box<dyn Candidate + '_>
where
    M: Dependent<diesel::pg::Pg> + From<Ticket> + 'static,
{
    let records = Records::new(records, shape);
    let replica = records.replica();
    Box::new(Ours {
        runtime,
        conn: runtime.block_on(services::connect(&replica)()).unwrap(),
        records,
        data: M::from,
        batch: Vec::new(),
        replica,
    })
}

struct ByHand<'a> {
    runtime: &'a Runtime,
    client: Client,
    statement: Statement,
    positions: bool,
    records: Records,
    batch: Vec<Event<Latest>>,
    replica: Db,
}

impl Candidate for ByHand<'_> {
    fn ready(&mut self) {
        self.batch = self.records.batch(Latest::from);
    }

    fn apply(&mut self) {
        let mut rows = Rows::default();
        for event in &self.batch {
            rows.push(event.data.clone().unwrap());
        }
        let written = self
            .runtime
            .block_on(rows.write(&self.client, &self.statement));
        assert_eq!(written, self.batch.len() as u64);
    }

    fn verify(&mut self) {
        let verified = self.records.verify(&self.replica, self.positions);
        self.runtime.block_on(verified);
    }
}

fn by_hand<'a>(runtime: &'a Runtime, records: i64, sql: &str) -> Box<dyn Candidate + 'a> {
    let records = Records::new(records, Shape::Records);
    let replica = records.replica();
    let client = runtime.block_on(services::client(&replica));
    Box::new(ByHand {
        runtime,
        statement: runtime.block_on(client.prepare(sql)).unwrap(),
        client,
        positions: sql == WITH_POSITIONS,
        records,
        batch: Vec::new(),
        replica,
    })
}
