//! The time from the commit at the owner to the commit at the replica.
//!
//! A writer takes the time when its commit is acknowledged. A trigger of the replica's table notifies, with the commit, a
//! connection that listens; all candidates have the same trigger. A version that is overtaken counts as visible when a
//! newer one is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use diesel::connection::SimpleConnection as _;
use diesel_async::AsyncPgConnection;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use versioned_core::async_prelude::OwnerDsl as _;
use versioned_core::nats::{JetStreamConsumer, JetStreamPublisher};
use versioned_core::outbox::{Relay, RelayWaker, Shutdown};
use versioned_speed::{Measured, quantile};
use versioned_tests::nats::Broker;
use versioned_tests::postgres::Db;

use crate::report::{Length, Report};
use crate::services::{self, Sequential, Ticket, soon, until};
use crate::{by_hand, listen};

const WRITERS: usize = 4;
/// Of each writer.
const TICKETS: i64 = 50;
/// Longer than the longest pause of a relay.
const WARM_UP: Duration = Duration::from_millis(700);
const TRIGGER: &str = "
    CREATE FUNCTION notify_seen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('seen', NEW.id || ' ' || NEW.version);
        RETURN NULL;
    END $$;
    CREATE TRIGGER notify_seen AFTER INSERT OR UPDATE ON ticket_copies FOR EACH ROW EXECUTE FUNCTION notify_seen();
";

/// The candidates: this library first, the floor last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wiring {
    Polling,
    Waker,
    Listen,
    ByHand,
}

const WIRINGS: [(Wiring, &str); 4] = [
    (Wiring::Polling, "versioned, polling"),
    (Wiring::Waker, "versioned, waker"),
    (Wiring::Listen, "versioned, LISTEN"),
    (Wiring::ByHand, "by hand"),
];

/// How often there is a save.
struct Load {
    name: &'static str,
    rounds: usize,
    kind: Kind,
}

enum Kind {
    /// So many saves in a round, with pauses of about this length.
    Pauses(usize, Duration),
    /// So many saves in a second, for this time.
    Rate(u32, Duration),
}

fn loads(length: Length) -> [Load; 4] {
    let load = |name, rounds, kind| Load { name, rounds, kind };
    let (rounds, pauses, saves, idle, rate) = match length {
        Length::Short => (1, 1, 2, 1, 500),
        Length::Usual => (3, 3, 6, 3, 1_500),
        Length::Long => (5, 5, 10, 15, 3_000),
    };
    let rate = Duration::from_millis(rate);
    [
        load(
            "a save a second",
            pauses,
            Kind::Pauses(saves, Duration::from_secs(1)),
        ),
        load(
            match length {
                Length::Short => "a save after 1 s of idling",
                Length::Usual => "a save after 3 s of idling",
                Length::Long => "a save after 15 s of idling",
            },
            1,
            Kind::Pauses(saves, Duration::from_secs(idle)),
        ),
        load("100 saves/s", rounds, Kind::Rate(100, rate)),
        load("500 saves/s", rounds, Kind::Rate(500, rate)),
    ]
}

/// What was measured of a candidate, in milliseconds.
pub(crate) struct Latency {
    pub(crate) p50: Measured,
    pub(crate) p99: Measured,
}

pub(crate) async fn run(report: &mut Report, broker: &Broker) {
    let mut paths = Vec::new();
    for (wiring, name) in WIRINGS {
        paths.push(Path::open(wiring, name, broker).await);
    }
    idle(report, &paths).await;
    for load in loads(report.length) {
        let mut rounds: Vec<Vec<Vec<f64>>> = paths.iter().map(|_| Vec::new()).collect();
        for round in 0..load.rounds {
            match load.kind {
                Kind::Pauses(saves, pause) => in_turn(&mut paths, saves, pause).await,
                Kind::Rate(rate, time) => {
                    let count = paths.len();
                    for place in 0..count {
                        let path = &mut paths[(place + round) % count];
                        // What idled is woken first, and caches are filled; that does not count.
                        path.save_at(rate, WARM_UP).await;
                        path.commits.clear();
                        path.save_at(rate, time).await;
                        path.caught_up().await;
                    }
                }
            }
            for (path, rounds) in paths.iter_mut().zip(&mut rounds) {
                rounds.push(path.settled().await);
            }
        }
        let measured = paths.iter().zip(rounds).map(|(path, rounds)| {
            let of = |part| {
                let figures = rounds.iter().map(|round| quantile(round, part)).collect();
                Measured::new(path.name, figures)
            };
            Latency {
                p50: of(0.5),
                p99: of(0.99),
            }
        });
        report.add_latencies(load.name, measured.collect());
    }
    for path in paths {
        path.close().await;
    }
}

/// What the relays ask of the owners' databases while there is nothing to publish.
async fn idle(report: &mut Report, paths: &[Path]) {
    let time = Duration::from_secs(if report.length == Length::Short { 2 } else { 5 });
    // The statistics are up to a second behind.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let start = Instant::now();
    let mut before = Vec::new();
    for path in paths {
        before.push(path.transactions().await);
    }
    tokio::time::sleep(time).await;
    let mut idle = Vec::new();
    for (path, before) in paths.iter().zip(before) {
        let transactions = path.transactions().await - before;
        idle.push((
            path.name,
            transactions as f64 / start.elapsed().as_secs_f64(),
        ));
    }
    report.add_idle(idle);
}

/// Each candidate saves so often; they take turns, so that each idles while the others save.
async fn in_turn(paths: &mut [Path], saves: usize, pause: Duration) {
    let pause = pause / u32::try_from(paths.len()).unwrap();
    let mut jitter = 0.0_f64;
    for _ in 0..saves {
        for path in &mut *paths {
            // Of half a pause and more, and never in step with a poll.
            jitter = (jitter + 0.618_034).fract();
            tokio::time::sleep(pause.mul_f64(0.5 + jitter)).await;
            let commit = path.writers[0].save().await;
            path.commits.push(commit);
        }
    }
    for path in paths {
        path.caught_up().await;
    }
}

/// A version of a record, and when it was committed or seen.
#[derive(Debug, Clone, Copy)]
struct Moment {
    id: i64,
    version: i64,
    at: Instant,
}

type Seen = Arc<Mutex<Vec<Moment>>>;

/// A candidate, which runs.
struct Path {
    name: &'static str,
    writers: Vec<Writer>,
    commits: Vec<Moment>,
    seen: Seen,
    shutdown: Shutdown,
    /// Those that end after the shutdown.
    services: Vec<JoinHandle<()>>,
    /// The others.
    tasks: Vec<JoinHandle<()>>,
    clients: [Client; 2],
    databases: [Db; 2],
}

impl Path {
    /// Starts everything, and waits until the replica has all tickets.
    async fn open(wiring: Wiring, name: &'static str, broker: &Broker) -> Self {
        let (owner, replica) = (services::owner(), services::replica());
        replica.connect().batch_execute(TRIGGER).unwrap();
        let seen = Seen::default();
        let heard = {
            let seen = Arc::clone(&seen);
            move |payload: &str| {
                let at = Instant::now();
                let (id, version) = payload.split_once(' ').unwrap();
                let (id, version) = (id.parse().unwrap(), version.parse().unwrap());
                lock(&seen).push(Moment { id, version, at });
            }
        };
        let mut path = Self {
            name,
            writers: Vec::new(),
            commits: Vec::new(),
            seen,
            shutdown: Shutdown::new(),
            services: Vec::new(),
            tasks: vec![listen::listen(&replica, "seen", heard).await],
            clients: [
                services::client(&owner).await,
                services::client(&replica).await,
            ],
            databases: [owner, replica],
        };
        let prefix = format!("{wiring:?}");
        // The owner and the replica have a connection each, as two services have.
        let (context, other) = (
            services::jetstream(broker).await,
            services::jetstream(broker).await,
        );
        services::stream(&context, &prefix).await;
        let stream = other.get_stream(&prefix).await.unwrap();
        if wiring == Wiring::ByHand {
            path.by_hand(context, &stream, &prefix).await;
        } else {
            path.library(wiring, context, &stream, &prefix).await;
        }
        path.caught_up().await;
        path.settled().await;
        path
    }

    /// The relay and the consumer of this library, with their defaults.
    async fn library(
        &mut self,
        wiring: Wiring,
        context: Context,
        stream: &async_nats::jetstream::stream::Stream,
        prefix: &str,
    ) {
        let [owner, replica] = &self.databases;
        let relay = Relay::new(JetStreamPublisher::new(context, prefix))
            .on_problem(|problem| eprintln!("{problem}"));
        let waker = relay.waker();
        if wiring == Wiring::Listen {
            listen::notify(owner);
            self.tasks.push(listen::wake(owner, waker.clone()).await);
        }
        let (connect, shutdown) = (services::connect(owner), self.shutdown.clone());
        self.services.push(tokio::spawn(async move {
            relay.run_async(connect, shutdown).await;
        }));
        let filter = format!("{prefix}.tickets.*");
        let consumer = JetStreamConsumer::durable(stream, "copies", &filter)
            .await
            .unwrap()
            .on_problem(|problem| eprintln!("{problem}"));
        let (connect, shutdown) = (services::connect(replica), self.shutdown.clone());
        self.services.push(tokio::spawn(async move {
            consumer.replicate::<Sequential, _>(connect, shutdown).await;
        }));
        let open = services::connect(owner);
        for mut tickets in tickets() {
            services::insert(&mut tickets, owner);
            self.writers.push(Writer {
                how: How::Library {
                    conn: open().await.unwrap(),
                    waker: (wiring == Wiring::Waker).then(|| waker.clone()),
                },
                tickets,
                next: 0,
            });
        }
    }

    /// The same by hand.
    async fn by_hand(
        &mut self,
        context: Context,
        stream: &async_nats::jetstream::stream::Stream,
        prefix: &str,
    ) {
        let [owner, replica] = &self.databases;
        let consumer = by_hand::durable(stream, "copies").await;
        let client = services::client(replica).await;
        self.tasks
            .push(tokio::spawn(by_hand::consume(consumer, client)));
        let insert = "INSERT INTO tickets (id, title, price, version) VALUES ($1, $2, $3, 1)";
        for mut tickets in tickets() {
            let client = services::client(owner).await;
            for ticket in &mut tickets {
                let binds: [&(dyn ToSql + Sync); 3] = [&ticket.id, &ticket.title, &ticket.price];
                client.execute(insert, &binds).await.unwrap();
                ticket.version = 1;
                by_hand::publish(&context, prefix, ticket.id, 1).await;
            }
            self.writers.push(Writer {
                how: How::ByHand {
                    save: client.prepare(by_hand::SAVE).await.unwrap(),
                    client,
                    context: context.clone(),
                    prefix: prefix.to_owned(),
                },
                tickets,
                next: 0,
            });
        }
    }

    /// All writers together save so often, each at its own times.
    async fn save_at(&mut self, rate: u32, time: Duration) {
        let (start, pause) = (Instant::now(), Duration::from_secs(1) / rate);
        let saving = std::mem::take(&mut self.writers).into_iter().zip(0..);
        let saving: Vec<_> = saving
            .map(|(mut writer, place)| {
                tokio::spawn(async move {
                    let mut commits = Vec::new();
                    let period = pause * u32::try_from(WRITERS).unwrap();
                    let mut ticks =
                        tokio::time::interval_at((start + pause * place).into(), period);
                    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                    while start.elapsed() < time {
                        ticks.tick().await;
                        commits.push(writer.save().await);
                    }
                    (writer, commits)
                })
            })
            .collect();
        for saving in saving {
            let (writer, commits) = saving.await.unwrap();
            self.writers.push(writer);
            self.commits.extend(commits);
        }
    }

    /// Waits until the replica shows what the owner committed.
    async fn caught_up(&self) {
        let [owner, replica] = &self.clients;
        until("the replica is as the owner", async || {
            (rows(owner, "tickets").await == rows(replica, "ticket_copies").await).then_some(())
        })
        .await;
    }

    /// How many transactions the owner's database has seen.
    async fn transactions(&self) -> i64 {
        let [owner, _] = &self.databases;
        let name = owner.url().rsplit('/').next().unwrap_or_default();
        // Asked in the replica's database: this one does not count.
        let sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1";
        let row = self.clients[1].query_one(sql, &[&name]).await;
        row.unwrap().get(0)
    }

    /// The latencies of the commits since the last call, in milliseconds.
    async fn settled(&mut self) -> Vec<f64> {
        self.caught_up().await;
        let commits = std::mem::take(&mut self.commits);
        // The rows may be there before the notifications are.
        until("every version is seen", async || {
            latencies(&commits, &lock(&self.seen))
        })
        .await
    }

    async fn close(self) {
        self.shutdown.stop();
        for service in self.services {
            soon("a service ends", service).await.unwrap();
        }
        for task in self.tasks {
            assert!(!task.is_finished(), "a task failed");
            task.abort();
        }
    }
}

/// How long each commit took to be seen; `None` if one is not seen yet.
fn latencies(commits: &[Moment], seen: &[Moment]) -> Option<Vec<f64>> {
    let mut of: HashMap<i64, Vec<&Moment>> = HashMap::new();
    for seen in seen {
        of.entry(seen.id).or_default().push(seen);
    }
    let latency = |commit: &Moment| {
        let seen = of.get(&commit.id)?;
        let seen = seen.iter().find(|seen| seen.version >= commit.version)?;
        Some(seen.at.saturating_duration_since(commit.at).as_secs_f64() * 1e3)
    };
    commits.iter().map(latency).collect()
}

async fn rows(client: &Client, table: &str) -> Vec<(i64, String, i64, i64)> {
    let select = format!("SELECT id, title, price, version FROM {table} ORDER BY id");
    let rows = client.query(&select, &[]).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The tickets of each writer.
fn tickets() -> impl Iterator<Item = Vec<Ticket>> {
    (0..i64::try_from(WRITERS).unwrap()).map(|writer| {
        (writer * TICKETS..(writer + 1) * TICKETS)
            .map(Ticket::new)
            .collect()
    })
}

/// A writer of the owner's, with a connection and tickets of its own.
struct Writer {
    how: How,
    tickets: Vec<Ticket>,
    next: usize,
}

enum How {
    Library {
        conn: AsyncPgConnection,
        waker: Option<RelayWaker>,
    },
    ByHand {
        client: Client,
        save: Statement,
        context: Context,
        prefix: String,
    },
}

impl Writer {
    /// Saves the ticket whose turn it is.
    async fn save(&mut self) -> Moment {
        self.next = (self.next + 1) % self.tickets.len();
        let ticket = &mut self.tickets[self.next];
        ticket.price += 1;
        let at = match &mut self.how {
            How::Library { conn, waker } => {
                ticket.save(conn).await.unwrap();
                let at = Instant::now();
                if let Some(waker) = waker {
                    waker.wake();
                }
                at
            }
            How::ByHand {
                client,
                save,
                context,
                prefix,
            } => {
                let next = ticket.version + 1;
                let binds: [&(dyn ToSql + Sync); 5] = [
                    &ticket.title,
                    &ticket.price,
                    &next,
                    &ticket.id,
                    &ticket.version,
                ];
                assert_eq!(client.execute(save, &binds).await.unwrap(), 1);
                let at = Instant::now();
                ticket.version = next;
                by_hand::publish(context, prefix, ticket.id, next).await;
                at
            }
        };
        Moment {
            id: ticket.id,
            version: ticket.version,
            at,
        }
    }
}
